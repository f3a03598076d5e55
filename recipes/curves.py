"""A callback that measures a classifier on the test set while it trains."""

import keras
import numpy as np

from recipes.measures import measure, reliability


class TestCurve(keras.callbacks.Callback):
    """Measures the plain network about `num_points` times, and after the last epoch.

    Args:
        network: the model to measure, without any mixing around it.
        images: (N, ...) what it is measured on.
        labels: (N,) integer classes.
        epochs: number of epochs of the run.
        on_epoch_end: function () called after every epoch, for a progress bar.
        num_points: how often to measure; measuring costs time.

    `points` is the list of measures, each a dict with `share`, 0 to 1, of the run; the
    last has the bins of a reliability diagram too, unless the run has diverged.
    """

    # pytest takes classes named Test* for tests.
    __test__ = False

    def __init__(self, network, images, labels, epochs, on_epoch_end, num_points=20):
        super().__init__()
        self.network = network
        self.images = images
        self.labels = labels
        self.epochs = epochs
        self.notify = on_epoch_end
        self.every = max(1, epochs // num_points)
        self.points = []

    def on_epoch_end(self, epoch, logs=None):
        """Measures, if it is time, and reports the epoch as done."""
        done = epoch + 1
        if done % self.every == 0 or done == self.epochs:
            logits = self.network.predict_on_batch(self.images)
            share = done / self.epochs
            self.points.append({"share": share, **measure(logits, self.labels)})
            if done == self.epochs and np.isfinite(logits).all():
                self.points[-1]["reliability"] = reliability(logits, self.labels)
        self.notify()

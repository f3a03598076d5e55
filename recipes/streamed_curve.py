"""A callback that measures a classifier on more images than fit into memory."""

import numpy as np

from recipes.curves import TestCurve
from recipes.measures import measure, reliability


class StreamedCurve(TestCurve):
    """Measures the plain network about `num_points` times, batch by batch.

    Only the logits and the classes of all images are kept. `top5_error` is measured
    too.

    Args:
        network: the model to measure, without any mixing around it.
        batches: what gives (images, classes) every time it is iterated over, as a
            `tf.data.Dataset` does.
        epochs: number of epochs of the run.
        on_epoch_end: function () called after every epoch, for a progress bar.
        num_points: how often to measure.
    """

    def __init__(self, network, batches, epochs, on_epoch_end, num_points=20):
        super().__init__(network, None, None, epochs, on_epoch_end, num_points)
        self.batches = batches

    def on_epoch_end(self, epoch, logs=None):
        """Measures, if it is time, and reports the epoch as done."""
        done = epoch + 1
        if done % self.every == 0 or done == self.epochs:
            logits, labels = self._logits()
            point = {"share": done / self.epochs, **measure(logits, labels)}
            self.points.append({**point, "top5_error": top5_error(logits, labels)})
            if done == self.epochs and np.isfinite(logits).all():
                self.reliability = reliability(logits, labels)
        self.notify()

    def _logits(self):
        parts = [
            (self.network.predict_on_batch(np.asarray(images)), np.asarray(labels))
            for images, labels in self.batches
        ]
        logits, labels = zip(*parts, strict=True)
        return np.concatenate(logits), np.concatenate(labels)


def top5_error(logits, labels):
    """The share of rows, 0 to 1, whose label is not among the five highest logits.

    Args:
        logits: (N, C).
        labels: (N,) integers.
    """
    own = np.take_along_axis(logits, labels[:, None], axis=1)
    # NaN is below nothing: a run that has diverged is wrong everywhere.
    num_below = np.sum(logits < own, axis=1)
    return float(np.mean(num_below < logits.shape[1] - 5))

"""A callback that measures a classifier on the test set while it trains."""

import keras
import numpy as np

from recipes.shared.measures import measure, reliability


class TestCurve(keras.callbacks.Callback):
    """Measures the plain network about `num_points` times, and after each last epoch.

    Args:
        network: the model to measure, without any mixing around it.
        inputs: (N, ...) rows of the test set.
        labels: (N,) integer classes.
        epochs: number of epochs of the run.
        on_epoch_end: function (logs) called after every epoch with its losses.
        num_points: how often to measure; measuring costs time.
        last: after how many epochs at the end to measure, each.

    `points` is the list of measures, each a dict with `share`, 0 to 1, of the run.
    """

    # pytest takes classes named Test* for tests.
    __test__ = False

    def __init__(
        self, network, inputs, labels, epochs, on_epoch_end, num_points=20, last=1
    ):
        super().__init__()
        self.network = network
        self.inputs = inputs
        self.labels = labels
        self.epochs = epochs
        self.notify = on_epoch_end
        self.every = max(1, epochs // num_points)
        self.last = last
        self.points = []
        self.reliability = {}
        self.done = 0

    def on_epoch_end(self, epoch, logs=None):
        """Measures, if it is time, and reports the epoch as done."""
        self.done = done = epoch + 1
        if self.measures_at(done):
            logits, labels = self.predictions()
            share = done / self.epochs
            self.points.append({"share": share, **self.measures(logits, labels)})
            if done == self.epochs and np.isfinite(logits).all():
                self.reliability = reliability(logits, labels)
        self.notify(logs)

    def measures_at(self, done):
        """Whether it measures when so many epochs are done."""
        return done % self.every == 0 or done > self.epochs - self.last

    def state(self):
        """What a run needs of it to continue, for JSON."""
        bins = self._bins()
        return {"points": self.points, "reliability": bins, "done": self.done}

    def set_state(self, state):
        """Takes over what `state` gave, and reports its epochs as done."""
        self.points, self.reliability = state["points"], state["reliability"]
        self.done = state["done"]
        for _ in range(self.done):
            self.notify(None)

    def predictions(self):
        """The logits and the labels of the test set."""
        return predict(self.network, self.inputs), self.labels

    def measures(self, logits, labels):
        """The measures of some predictions, a dict of numbers."""
        return measure(logits, labels)

    def measured(self):
        """The record of the run: final metrics, and all that was measured on the way.

        `last_error` is the median over the last epochs, `best_error` the lowest.
        """
        errors = [point["test_error"] for point in self.points]
        metrics = {k: v for k, v in self.points[-1].items() if k != "share"}
        metrics["best_error"] = min(errors)
        metrics["last_error"] = float(np.median(errors[-self.last :]))
        return {
            "metrics": metrics,
            "curve": self.points,
            "reliability": self._bins(),
        }

    def _bins(self):
        return {name: [float(v) for v in b] for name, b in self.reliability.items()}


def predict(network, inputs, batch_size=500):
    """The outputs for all inputs, as NumPy, `batch_size` rows at a time."""
    starts = range(0, len(inputs), batch_size)
    return np.concatenate(
        [predict_batch(network, inputs[i : i + batch_size]) for i in starts]
    )


def predict_batch(network, inputs):
    """The outputs for a batch, as NumPy."""
    # Under TensorFlow's MirroredStrategy Keras gives one copy for each replica.
    return network.predict_on_batch(inputs)[: len(inputs)]

"""A callback that keeps and judges the samples of a GAN while it trains."""

import keras

from keras_multimix.models.gan.model import LOSSES
from recipes.parts.gan_samples import NUM_JUDGED, NUM_SHOWN


class SampleCurve(keras.callbacks.Callback):
    """Takes samples of a `MixupGAN` after some iterations, and judges others.

    The losses of a point are means over the iterations since the point before.

    Args:
        source: of the real rows, with `quality(samples)`.
        iterations: after how many of them, a collection of integers.
        per_epoch: iterations of an epoch.
        seed: of the samples.
        on_epoch_end: function (logs) called after every epoch with its losses.

    Attributes:
        points: the list of measures, each a dict with `iteration`.
        snapshots: a dict iteration -> array of samples.
    """

    def __init__(self, source, iterations, per_epoch, seed, on_epoch_end):
        super().__init__()
        self.source = source
        self.iterations = frozenset(iterations)
        self.per_epoch = per_epoch
        self.seed = seed
        self.notify = on_epoch_end
        self.points, self.snapshots = [], {}
        # Of the losses: over all epochs that are done, and up to the last point.
        self.sums, self.sums_before = {}, {}
        self.done = 0

    def on_train_batch_begin(self, batch, logs=None):
        """Takes the samples that are due within an epoch.

        With `on_train_batch_end` Keras would wait for the losses after every step.
        """
        iteration = self.done * self.per_epoch + batch
        if batch and iteration in self.iterations:
            self._take(iteration, self._sums_after(batch))

    def on_epoch_end(self, epoch, logs=None):
        """Takes the samples that are due at its end, and reports the epoch as done."""
        self.sums = self._sums_after(self.per_epoch)
        self.done = epoch + 1
        iteration = self.done * self.per_epoch
        if iteration in self.iterations:
            self._take(iteration, self.sums)
        self.notify(logs)

    def state(self):
        """What a run needs of it to continue: numbers, and arrays of samples."""
        return {
            "points": self.points,
            "snapshots": {str(k): samples for k, samples in self.snapshots.items()},
            "sums": self.sums,
            "sums_before": self.sums_before,
            "done": self.done,
        }

    def set_state(self, state):
        """Takes over what `state` gave, and reports its epochs as done."""
        self.points, self.done = state["points"], state["done"]
        self.sums, self.sums_before = state["sums"], state["sums_before"]
        self.snapshots = {int(k): taken for k, taken in state["snapshots"].items()}
        for _ in range(self.done):
            self.notify(None)

    def measured(self):
        """The record of the run: the last measures, and all of them."""
        metrics = {k: v for k, v in self.points[-1].items() if k != "iteration"}
        return {"metrics": metrics, "curve": self.points}

    def _sums_after(self, steps):
        """Sums of the losses, after so many steps of the epoch."""
        return {
            name: self.sums.get(name, 0.0)
            + steps * float(keras.ops.convert_to_numpy(mean))
            for name, mean in self.model.get_metrics_result().items()
            if name in LOSSES
        }

    def _take(self, iteration, sums):
        count = iteration - (self.points[-1]["iteration"] if self.points else 0)
        losses = {
            name: (value - self.sums_before.get(name, 0.0)) / count
            for name, value in sums.items()
        }
        self.sums_before = sums
        model = self.model
        self.snapshots[iteration] = model.generate(NUM_SHOWN, seed=self.seed)
        judged = self.source.quality(model.generate(NUM_JUDGED, seed=self.seed))
        self.points.append({"iteration": iteration, **losses, **judged})

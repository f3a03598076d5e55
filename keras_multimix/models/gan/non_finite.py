"""A callback that stops a training whose loss is not finite."""

import keras
import numpy as np

from keras_multimix.arguments import invalid
from keras_multimix.batches import Batch


class StopAtNonFinite(keras.callbacks.Callback):
    """Raises if a loss is NaN or infinite, before other callbacks save the weights.

    It looks at the losses after every epoch, and with `every_batch` after every batch.
    It has to look after every batch if another callback saves between epochs. Otherwise
    it should not, because reading a loss waits for the step.

    Args:
        every_batch: Whether it looks after every batch too.
    """

    def __init__(self, every_batch=False):
        super().__init__()
        self.every_batch = every_batch

    def on_train_batch_end(self, batch: Batch, logs=None):
        """Looks at the losses so far."""
        if self.every_batch:
            self._check(logs, f"batch {batch} of the epoch")

    def on_epoch_end(self, epoch, logs=None):
        """Looks at the losses of the epoch."""
        self._check(logs, f"epoch {epoch}")

    def _check(self, logs, where):
        for name, value in (logs or {}).items():
            if not np.isfinite(float(value)):
                raise invalid(
                    f"`{name}`",
                    expected="a finite loss",
                    received=f"{float(value)} at the end of {where}",
                    fix="lower the learning rates, and go on from the last checkpoint: "
                    "no callback has saved these weights",
                )

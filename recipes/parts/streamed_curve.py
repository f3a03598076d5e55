"""A callback that measures a classifier on more images than fit into memory."""

import numpy as np

from recipes.shared.curves import TestCurve, predict_batch


class StreamedCurve(TestCurve):
    """Measures the plain network about `num_points` times, batch by batch.

    It keeps only the logits and the classes of all images. It measures `top5_error`
    too.

    Args:
        network: the model to measure, without any mixing around it.
        batches: iterable of (images, classes) that can be iterated over many times,
            such as a `tf.data.Dataset`.
        epochs: number of epochs of the run.
        on_epoch_end: function (logs) called after every epoch with its losses.
        num_points: how often to measure.
    """

    def __init__(self, network, batches, epochs, on_epoch_end, num_points=20):
        super().__init__(network, None, None, epochs, on_epoch_end, num_points)
        self.batches = batches

    def predictions(self):
        """The logits and the labels of the test set, batch by batch."""
        parts = [
            (predict_batch(self.network, np.asarray(images)), np.asarray(labels))
            for images, labels in self.batches
        ]
        logits, labels = zip(*parts, strict=True)
        return np.concatenate(logits), np.concatenate(labels)

    def measures(self, logits, labels):
        """The usual ones, and the error of the five best classes."""
        top5 = {"top5_error": top5_error(logits, labels)}
        return super().measures(logits, labels) | top5


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

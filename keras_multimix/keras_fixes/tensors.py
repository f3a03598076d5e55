"""Operations on tensors that are longer than they need to be, and why."""

import keras
from keras import ops


def interleave(first, second):
    """Returns the rows of two tensors in turn.

    Concatenating all rows of one after all rows of the other would be simpler. But if
    the rows lie on several devices, half of the rows would then move to another device.

    Args:
        first: Tensor of shape `(B, ...)`.
        second: Tensor of the same shape and dtype.

    Returns:
        Tensor of shape `(2 * B, ...)`: row 0 of `first`, row 0 of `second`, row 1 of
        `first`, and so on.
    """
    # Not `ops.stack`. If it stacks one tensor with itself, TensorFlow's graph optimizer
    # (2.18 to 2.21) replaces it by a tile, and always tiles the first output of the
    # operation that made the tensor: a data iterator's inputs in place of its labels.
    rows = [ops.expand_dims(each, axis=1) for each in (first, second)]
    sizes = tuple(first.shape)[1:]
    if None in sizes:  # asked only then: each question is several operations of a graph
        sizes = ops.shape(first)[1:]
    return ops.reshape(ops.concatenate(rows, axis=1), (-1, *sizes))


class TakeEvery(keras.Layer):
    """Takes rows 0, `step`, `2 * step` and so on, and of their masks too.

    Slicing alone loses the mask of predictions, which Keras' losses and metrics read,
    and which only a layer may pass on.

    Args:
        step: An integer.
    """

    def __init__(self, step):
        super().__init__(autocast=False)
        self.supports_masking, self._step = True, step

    def call(self, x):
        """Returns the rows."""
        return x[:: self._step]

    def compute_mask(self, x, previous_mask):
        """Returns the rows of the mask."""
        return None if previous_mask is None else previous_mask[:: self._step]


def repeat_for_places(weights, like):
    """Returns the weight of each row once for every place in the row.

    Args:
        weights: float32 tensor of shape `(B,)`.
        like: Tensor of shape `(B, ..., C)`, whose last axis is no place.

    Returns:
        float32 tensor of the shape of `like` without its last axis; `weights` if the
        rows of `like` have at most one axis.
    """
    rank = len(like.shape)
    if rank <= 2:
        return weights
    # Not `ops.broadcast_to`. On PyTorch it gives a view of the weights, and Keras'
    # losses multiply weights by a mask in place, which PyTorch refuses for such a view.
    zeros = ops.cast(ops.zeros_like(like[..., 0]), "float32")
    return ops.reshape(weights, (-1, *(1,) * (rank - 2))) + zeros

"""What Keras marks a tensor with, for its own losses alone: a mask, and logits.

A loss that leaves places out attaches a mask to its values, and Keras' reduction then
divides by the number of the others. Probabilities carry the logits that they were made
of (TensorFlow), because a loss of probabilities that round to 0 has no gradient. Keras
offers no public way to read or write either of them.
"""

import keras
from keras import ops


class MaskWriter(keras.Layer):
    """Attaches masks to tensors: what Keras does with the mask that a layer computes.

    Make it before anything is compiled: PyTorch's compiler stops where a layer is made.

    Call arguments:
        values_and_mask: A list of a tensor and of bools in the same shape.

    Returns:
        The tensor, with the mask attached to it.
    """

    def __init__(self):
        super().__init__(name="mask_writer", autocast=False)
        self.built = True

    def call(self, values_and_mask):
        """Returns the values as they are."""
        return values_and_mask[0]

    def compute_mask(self, values_and_mask, previous_mask=None):
        """Returns the mask."""
        return values_and_mask[1]


class _MaskReader(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return y_true


def mask_of(tensor, like):
    """Returns the mask of a tensor as numbers, 1 or 0, or None if it has none.

    Args:
        tensor: A tensor of any shape that begins with that of `like`.
        like: A floating-point tensor, whose shape and dtype the mask gets.
    """
    ones = ops.ones_like(like)
    # A loss weights by the mask of its predictions, and does nothing without one.
    reader = _MaskReader("mask_reader", reduction=None, dtype=like.dtype)
    found = reader(ones, tensor)
    return None if found is ones else found


def logits_behind(probabilities):
    """Returns the logits of which Keras made probabilities, if it says so, or None.

    Its losses look for them on TensorFlow only, so that this does too.
    """
    if keras.backend.backend() != "tensorflow":
        return None
    try:
        return probabilities._keras_logits
    except AttributeError:
        return None

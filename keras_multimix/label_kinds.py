"""Whether labels are class indices or scores, and how class indices become one-hot."""

from typing import Any, NamedTuple

import numpy as np

from keras_multimix.annotations import Ops, Tensor
from keras_multimix.batches import dtype_of, is_integer, leaves_of, same_shape
from keras_multimix.labels import at_least_float32
from keras_multimix.namespaces import numpy_ops


class Places(NamedTuple):
    """Where the pixels or steps of a batch's inputs are.

    Attributes:
        sizes: For each input the sizes of its axes beside the batch and the channels.
        first: For each input whether its channels come before these.
    """

    sizes: Any = ()
    first: Any = ()


NO_PLACES = Places()


def places_of(inputs, data_format="channels_last"):
    """Returns the `Places` of inputs, whose channels come first only in 4 axes or more.

    Args:
        inputs: A structure of arrays.
        data_format: `"channels_first"` or `"channels_last"`.
    """
    shapes = [tuple(leaf.shape) for leaf in leaves_of(inputs)]
    first = [data_format == "channels_first" and len(shape) >= 4 for shape in shapes]
    return Places(
        [
            shape[2:] if is_first else shape[1:-1]
            for shape, is_first in zip(shapes, first, strict=True)
        ],
        first,
    )


def are_classes(leaf: Tensor, num_classes, places=NO_PLACES):
    """Whether labels are class indices.

    Integers are. With `num_classes` all labels are, whatever their dtype, but for
    scores: numbers that are no integers, of shape `(B, ..., num_classes)`.

    Args:
        leaf: Labels of any dtype, shape `(B, ...)`.
        num_classes: How many classes there are, or None.
        places: The `Places` of the inputs: a mask `(B, H, W)` of images `(B, H, W, C)`
            has no axis of scores, also where W is `num_classes`.
    """
    if is_integer(leaf) or num_classes is None:
        return is_integer(leaf)
    shape = tuple(leaf.shape)
    if len(shape) < 2 or is_mask(shape, places):
        return True
    return shape[class_axis(shape, places)] != num_classes


def encode(leaf: Tensor, num_classes, ops: Ops, places=NO_PLACES, smoothing=0.0):
    """Returns labels as numbers that can be averaged.

    Args:
        leaf: Labels of any dtype, shape `(B, ...)`. A last axis of size 1 beside the
            batch axis is dropped for class indices.
        num_classes: How many classes there are, or None.
        ops: The namespace of the labels.
        places: The `Places` of the inputs: the last axis of a mask `(B, H, W)` of
            images `(B, H, W, C)` is their width, and stays also where that is 1.
        smoothing: ε: scores become `(1 - ε) * scores + ε / num_classes`.

    Returns:
        Two values. The first are the labels: class indices become one-hot float32, with
        an axis of size `num_classes`. It is the last axis, or axis 1 for masks of
        images with channels first. What is no index becomes NaN where it is the label
        of a row, so that the loss shows it, and zeros at a place of masks and
        sequences, which may leave places out. Other labels stay as they are, at least
        in float32. The second is the name of the dtype.
    """
    if not are_classes(leaf, num_classes, places):
        scores, dtype = at_least_float32(leaf, dtype_of(leaf), ops)
        if num_classes is not None and smoothing:
            scores = scores * (1.0 - smoothing) + smoothing / num_classes
        return scores, dtype
    single = _single_axis(leaf.shape, places)
    if single is not None:
        sizes = list(ops.shape(leaf))
        del sizes[single]
        leaf = ops.reshape(leaf, tuple(sizes))
    # Each index equals one class only. What is no class equals none: its row is zeros.
    dtype = "float32" if "float" in dtype_of(leaf) else "int32"
    axis = 1 if classes_come_first(leaf.shape, places) else len(leaf.shape)
    classes = ops.cast(ops.arange(num_classes, dtype="int32"), dtype)
    classes = ops.reshape(classes, (-1, *(1,) * (len(leaf.shape) - axis)))
    index = ops.cast(leaf, dtype)
    index = index[:, None] if axis == 1 else index[..., None]
    scores = ops.cast(ops.equal(index, classes), "float32")
    of_rows = len(leaf.shape) == 1 and ops is not numpy_ops  # there it was refused
    if of_rows or smoothing:
        known = ops.sum(scores, axis=axis)
        known = known[:, None] if axis == 1 else known[..., None]
    if of_rows:
        scores = ops.where(known > 0, scores, np.nan)
    if smoothing:
        scores = scores * (1.0 - smoothing) + known * (smoothing / num_classes)
    return scores, "float32"


def encoded_shape(leaf: Tensor, num_classes, places=NO_PLACES):
    """Returns the shape that `encode` gives, with None where it is unknown."""
    shape = list(leaf.shape)
    if not are_classes(leaf, num_classes, places):
        return tuple(shape)
    single = _single_axis(shape, places)
    if single is not None:
        del shape[single]
    shape.insert(1 if classes_come_first(shape, places) else len(shape), num_classes)
    return tuple(shape)


def class_axis(shape, places):
    """Returns the axis of labels that holds a class, or a score for each."""
    for sizes, first in zip(*places, strict=True):
        if first and len(shape) == len(sizes) + 2 and same_shape(shape[2:], sizes):
            return 1
    return len(shape) - 1


def _single_axis(shape, places):
    """Returns the axis of class indices that holds nothing but the index, or None."""
    if len(shape) < 2 or _may_be_mask(shape, places):
        return None
    axis = class_axis(shape, places)
    return axis if shape[axis] == 1 else None


def classes_come_first(shape, places):
    """Whether masks become one-hot along axis 1, where their images have channels.

    Args:
        shape: The shape of the class indices, without an axis of size 1 that holds
            them.
        places: The `Places` of the inputs.
    """
    return any(
        first and same_shape(tuple(shape[1:]), sizes)
        for sizes, first in zip(*places, strict=True)
    )


def is_mask(shape, places):
    """Whether the axes of labels after the batch axis are those of the images."""
    return _may_be_mask(shape, places, min_axes=2, surely=True)


def is_sequence(shape, places):
    """Whether labels have the steps of the inputs, also where these are unknown."""
    return _may_be_mask(shape, places, min_axes=1, surely=True)


def _may_be_mask(shape, places, min_axes=2, surely=False):
    own = tuple(shape[1:])
    for sizes in places.sizes:
        if len(sizes) >= min_axes and same_shape(own, sizes):
            # An unknown last size beside a known one says nothing.
            if not surely or (own[-1] is None) == (sizes[-1] is None):
                return True
    return False

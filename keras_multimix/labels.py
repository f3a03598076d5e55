"""Labels as they are mixed: floating point, integers one-hot, or kept as pairs."""

from typing import Any, NamedTuple

from keras_multimix import tracing
from keras_multimix.arguments import invalid
from keras_multimix.batches import (
    dtype_of,
    is_integer,
    leaves_of,
    same_shape,
)
from keras_multimix.namespaces import is_array, numpy_ops

MAX_CLASSES = 2**31 - 1  # class indices are 32-bit integers
_AT_LEAST_FLOAT32 = ("float64", "complex64", "complex128")


class LabelPairs(NamedTuple):
    """The two labels of each mixed row, for losses that cannot take mixed labels.

    A mixing layer makes it from B rows and K interpolations; a model's loss reads it.

    Attributes:
        own: The labels of the rows themselves, each of shape `(B * K, ...)`.
        partner: The labels of the partners, in the same structure.
        coefficients: λ, the weight of `own`, float32 of shape `(B * K,)`.
        own_weight: The rows' sample weights, or None.
        partner_weight: The partners' sample weights, or None.
        scale: The number of plain rows divided by the number of mixed rows.
        num_interpolations: K, how many mixed rows in turn a pair has.
        shared: Whether all pairs have the same K coefficients.
    """

    own: Any
    partner: Any
    coefficients: Any
    own_weight: Any
    partner_weight: Any
    scale: Any
    num_interpolations: int
    shared: bool


def mixed_dtype(leaf):
    """Returns the dtype that a label or weight is mixed in, never below float32."""
    dtype = dtype_of(leaf)
    return dtype if dtype in _AT_LEAST_FLOAT32 else "float32"


def at_least_float32(leaf, ops):
    """Returns labels or weights in the dtype that they are mixed in, and its name."""
    dtype = dtype_of(leaf)
    target = dtype if dtype in _AT_LEAST_FLOAT32 else "float32"
    if target == dtype and (ops is numpy_ops or not is_array(leaf)):
        return leaf, target
    return ops.cast(leaf, target), target


def encode(leaf, num_classes, ops, inputs=None):
    """Returns labels as numbers that can be averaged.

    Args:
        leaf: Labels of any dtype, shape `(B, ...)`. Integers are class indices; a
            last axis of size 1 beside the batch axis is dropped for them.
        num_classes: How many classes integers count.
        ops: The namespace of the labels.
        inputs: The inputs of the batch: the last axis of a mask `(B, H, W)` of images
            `(B, H, W, C)` is their width, and stays also where that is 1.

    Returns:
        Integers as one-hot float32 with a new last axis of size `num_classes`;
        anything else as it is, at least in float32. And the name of the dtype.
    """
    if is_integer(leaf):
        if _ends_in_one(leaf.shape, inputs):
            leaf = ops.reshape(leaf, ops.shape(leaf)[:-1])
        return ops.one_hot(ops.cast(leaf, "int32"), num_classes), "float32"
    return at_least_float32(leaf, ops)


def encoded_shape(leaf, num_classes, inputs=None):
    """Returns the shape that `encode` gives, with None where it is unknown."""
    shape = tuple(leaf.shape)
    if not is_integer(leaf):
        return shape
    return (*(shape[:-1] if _ends_in_one(shape, inputs) else shape), num_classes)


def class_indices(labels, ops):
    """Returns the class of each row, an int32 tensor of shape `(B,)`.

    Args:
        labels: A structure that `check_classes` accepts; its first leaf counts.
        ops: Its namespace.
    """
    leaf = leaves_of(labels)[0]
    if is_integer(leaf):
        return ops.cast(ops.reshape(leaf, (-1,)), "int32")
    return ops.cast(ops.argmax(leaf, axis=-1), "int32")


def check_classes(labels):
    """Refuses labels that do not give each row one class.

    Args:
        labels: A structure; its first leaf counts.

    Raises:
        ValueError: Unless it holds integers of shape `(B,)` or `(B, 1)`, or scores
            of shape `(B, C)`.
    """
    leaf = next(iter(leaves_of(labels)), None)
    shape = None if leaf is None else tuple(leaf.shape)
    if leaf is not None and is_integer(leaf):
        if len(shape) == 1 or (len(shape) == 2 and shape[1] == 1):
            return
    elif leaf is not None and len(shape) == 2 and shape[1] != 1:
        return
    raise invalid(
        'labels for `pairing="same_class"`',
        expected="class indices of shape (batch,) or scores of shape (batch, classes)",
        received="no labels" if leaf is None else f"shape {shape}",
        fix="pass class labels or choose another pairing",
    )


def check_labels(leaves, num_classes, inputs=None):
    """Refuses integer labels that cannot become one-hot.

    Args:
        leaves: A list of labels.
        num_classes: How many classes integers count, or None.
        inputs: The inputs of the batch.

    Raises:
        ValueError: If there are integer labels and no `num_classes`; if the last axis
            of masks is unknown, which may hold the class alone; and, where reading
            them waits for no device, if one is out of range.
    """
    for leaf in leaves:
        if not is_integer(leaf):
            continue
        if num_classes is None:
            raise invalid(
                "labels",
                expected="labels that can be averaged, or `num_classes`",
                received=f"integer class labels of dtype {dtype_of(leaf)} and shape "
                f"{tuple(leaf.shape)} without `num_classes`",
                fix="pass `num_classes` to the layer (labels become one-hot), or "
                "train with `MixupModel`, which takes integer labels as they are",
            )
        if leaf.shape[-1] is None and len(leaf.shape) == _rank(inputs) > 2:
            raise invalid(
                "labels",
                expected="integer masks whose last axis is known",
                received=f"shape {tuple(leaf.shape)}, which may end in a channel",
                fix="set it before mixing, for instance "
                "`tf.ensure_shape(masks, [None, None, None, 1])`",
            )
        values = tracing.to_numpy_if_on_host(leaf)
        if values is not None and values.size:
            low, high = int(values.min()), int(values.max())
            if low < 0 or high >= num_classes:
                raise invalid(
                    "labels",
                    expected=f"class indices from 0 to {num_classes - 1}",
                    received=f"values from {low} to {high}",
                    fix="correct the labels or `num_classes`",
                )


def _ends_in_one(shape, inputs):
    """Whether the last axis of class indices holds nothing but the index."""
    if len(shape) < 2 or shape[-1] != 1:
        return False
    for leaf in leaves_of(inputs):
        sizes = tuple(leaf.shape)[1:-1]
        if len(sizes) >= 2 and same_shape(sizes, tuple(shape[1:])):
            return False
    return True


def _rank(inputs):
    return max((len(leaf.shape) for leaf in leaves_of(inputs)), default=0)

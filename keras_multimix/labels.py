"""Labels as numbers that can be averaged, as pairs, and as one class for each row."""

from typing import Any, NamedTuple

from keras_multimix.annotations import Ops, Tensor
from keras_multimix.arguments import invalid
from keras_multimix.batches import dtype_of, is_integer, leaves_of
from keras_multimix.namespaces import is_array, numpy_ops

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
        num_interpolations: K, how many mixed rows a pair has, one after another.
        shared: Whether all pairs have the same K coefficients.
        originals: Whether the first of the K rows of a pair is the row itself, for
            metrics to see these rows only; a scalar tensor where that is not known
            yet. None if mixed rows are all alike.
    """

    own: Any
    partner: Any
    coefficients: Any
    own_weight: Any
    partner_weight: Any
    scale: Any
    num_interpolations: int
    shared: bool
    originals: Any = None


def mixed_dtype(leaf: Tensor):
    """Returns the dtype that a label or weight is mixed in, never below float32."""
    dtype = dtype_of(leaf)
    return dtype if dtype in _AT_LEAST_FLOAT32 else "float32"


def at_least_float32(leaf: Tensor, dtype, ops: Ops):
    """Returns labels of a dtype in the one that they are mixed in, and its name."""
    target = dtype if dtype in _AT_LEAST_FLOAT32 else "float32"
    if target == dtype and (ops is numpy_ops or not is_array(leaf)):
        return leaf, target
    return ops.cast(leaf, target), target


def class_indices(labels, ops: Ops):
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

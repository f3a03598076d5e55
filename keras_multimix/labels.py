"""Labels as they are mixed: floating point, integers one-hot, or kept as pairs."""

import functools
from typing import Any, NamedTuple

import numpy as np
from keras import tree

from keras_multimix import tracing
from keras_multimix.arguments import check_count, invalid
from keras_multimix.batches import (
    dtype_of,
    is_integer,
    leaves_of,
    map_leaves,
    same_shape,
    spread,
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


def are_classes(leaf, num_classes, inputs=None):
    """Whether labels are class indices.

    Integers are. With `num_classes` all labels are, whatever their dtype, but for
    scores: numbers that are no integers, of shape `(B, ..., num_classes)`.

    Args:
        leaf: Labels of any dtype, shape `(B, ...)`.
        num_classes: How many classes there are, or None.
        inputs: The inputs of the batch: a mask `(B, H, W)` of images `(B, H, W, C)` has
            no axis of scores, also where W is `num_classes`.
    """
    if is_integer(leaf) or num_classes is None:
        return is_integer(leaf)
    shape = tuple(leaf.shape)
    return len(shape) < 2 or shape[-1] != num_classes or _is_mask(shape, inputs)


def encode(leaf, num_classes, ops, inputs=None):
    """Returns labels as numbers that can be averaged.

    Args:
        leaf: Labels of any dtype, shape `(B, ...)`. A last axis of size 1 beside the
            batch axis is dropped for class indices.
        num_classes: How many classes there are, or None.
        ops: The namespace of the labels.
        inputs: The inputs of the batch: the last axis of a mask `(B, H, W)` of images
            `(B, H, W, C)` is their width, and stays also where that is 1.

    Returns:
        Class indices as one-hot float32 with a new last axis of size `num_classes`, a
        row of zeros for what is no index; anything else as it is, at least in float32.
        And the name of the dtype.
    """
    if not are_classes(leaf, num_classes, inputs):
        return at_least_float32(leaf, ops)
    if _ends_in_one(leaf.shape, inputs):
        leaf = ops.reshape(leaf, ops.shape(leaf)[:-1])
    indices = ops.cast(leaf, "int32")
    if ops is not numpy_ops:  # an array has been checked
        # PyTorch refuses an index that is too large, with an error of its own.
        known = indices < num_classes
        if "float" in dtype_of(leaf):
            known &= ops.equal(ops.cast(indices, dtype_of(leaf)), leaf)
        indices = ops.where(known, indices, -1)
    return ops.one_hot(indices, num_classes), "float32"


def encoded_shape(leaf, num_classes, inputs=None):
    """Returns the shape that `encode` gives, with None where it is unknown."""
    shape = tuple(leaf.shape)
    if not are_classes(leaf, num_classes, inputs):
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


def check_num_classes(num_classes):
    """Returns `num_classes` as the layers keep it, or raises a ValueError.

    Args:
        num_classes: An integer, None, or a nested dict, list or tuple of these.
    """
    if num_classes is None:
        return None
    if isinstance(num_classes, dict):
        return {key: check_num_classes(each) for key, each in num_classes.items()}
    if isinstance(num_classes, (list, tuple)):
        return [check_num_classes(each) for each in num_classes]
    return check_count("num_classes", num_classes, maximum=MAX_CLASSES)


def classes_of(num_classes, batch):
    """Returns how many classes each leaf of a batch's labels and masks has.

    Args:
        num_classes: A number or None for all of them; or a dict or list like the
            labels. In a batch that is one dict, its keys are those of the batch, or
            those inside of the only key with labels.
        batch: The `Batch`.

    Returns:
        Two structures for `map_labels`, for the labels and for the masks.

    Raises:
        ValueError: If `num_classes` names labels that are not there.
    """
    what = "argument `num_classes`"
    if not tree.is_nested(num_classes):
        return num_classes, num_classes
    if batch.masks is None:
        return None if batch.labels is None else spread(
            num_classes, batch.labels, what
        ), None
    named = isinstance(num_classes, dict) and set(num_classes) <= {
        *batch.labels,
        *batch.masks,
    }
    if not named and len(batch.labels) == 1:
        num_classes = dict.fromkeys(batch.labels, num_classes)
    both = spread(num_classes, batch.labels | batch.masks, what)
    return tuple(
        {key: both[key] for key in part} for part in (batch.labels, batch.masks)
    )


def sample_weights_of(batch):
    """Returns the sample weight of each leaf of a batch's labels, and of its masks.

    One array weighs all labels; a dict or list weighs those of its keys or places.

    Raises:
        ValueError: If the weights name labels that are not there.
    """
    what, weights = "sample weights", batch.sample_weight
    if batch.masks is not None:  # a batch that is one dict has one key for them
        weights = next(iter(weights.values()), None)
    if not tree.is_nested(weights):
        return tuple(
            None if part is None else spread(weights, part, what)
            for part in (batch.labels, batch.masks)
        )
    if batch.masks is not None and len(batch.labels) == 1:
        weights = dict.fromkeys(batch.labels, weights)
    if not tree.is_nested(batch.labels) and len(weights) == 1:  # one of one output
        (weights,) = tree.flatten(weights)
    labels = None if batch.labels is None else spread(weights, batch.labels, what)
    return labels, None if batch.masks is None else spread(None, batch.masks, what)


def check_union(labels):
    """Refuses class indices where labels are to be united as a model has them.

    Args:
        labels: A structure of labels as a loss takes them.
    """
    for leaf in leaves_of(labels):
        shape = tuple(leaf.shape)
        if is_integer(leaf) and (len(shape) < 2 or shape[-1] == 1):
            raise invalid(
                'labels for `mix_labels="union"`',
                expected="tags: 0 or 1 for each class",
                received=f"integers of dtype {dtype_of(leaf)} and shape {shape}",
                fix="make class indices one-hot, or cast 0/1 labels to float32",
            )


def check_weights(num_classes, leaf, weight, inputs=None):
    """Refuses sample weights that are neither of rows nor of places of the labels."""
    if weight is None:
        return
    shape, given = encoded_shape(leaf, num_classes, inputs), tuple(weight.shape)
    fits = all(
        size in (1, None) or place in (size, None)
        for size, place in zip(given[1:], shape[1:], strict=False)
    )
    if not fits or any(size not in (1, None) for size in given[len(shape) :]):
        raise invalid(
            "sample weights",
            expected="one for each row, or for each place of labels of shape "
            f"{tuple(leaf.shape)}",
            received=f"shape {given}",
            fix="give weights of shape (batch,), or a dict of weights like the labels",
        )


def map_labels(function, classes, *structures):
    """Maps `function(num_classes, *leaves)` over labels; None stays None.

    Args:
        function: The function.
        classes: What `classes_of` returned for the first of the structures.
        *structures: Structures of labels.
    """
    if not tree.is_nested(classes):
        return map_leaves(functools.partial(function, classes), *structures)
    return tree.map_structure(
        lambda number, *leaves: (
            None if leaves[0] is None else function(number, *leaves)
        ),
        classes,
        *structures,
    )


def check(batch, num_classes):
    """Refuses a batch whose labels or weights cannot be averaged.

    Args:
        batch: The `Batch`.
        num_classes: How many classes its labels have: see `classes_of`.

    Raises:
        ValueError: See `check_labels`; also if the weights do not fit the labels.
    """
    parts, weights = (batch.labels, batch.masks), sample_weights_of(batch)
    for part, classes, weight in zip(
        parts, classes_of(num_classes, batch), weights, strict=True
    ):
        map_labels(functools.partial(check_labels, inputs=batch.inputs), classes, part)
        if weight is not None:
            weights_fit = functools.partial(check_weights, inputs=batch.inputs)
            map_labels(weights_fit, classes, part, weight)


def check_labels(num_classes, leaf, inputs=None):
    """Refuses labels that cannot be averaged, or that can be read in two ways.

    Args:
        num_classes: How many classes there are, or None.
        leaf: The labels.
        inputs: The inputs of the batch.

    Raises:
        ValueError: For class indices without `num_classes`; for integers whose last
            axis has the size of `num_classes`, or may have it; and, where reading them
            waits for no device, for what is no whole number in range.
    """
    if num_classes is not None and _may_be_scores(leaf, num_classes, inputs):
        raise _ambiguous(leaf, num_classes)
    if are_classes(leaf, num_classes, inputs):
        _check_indices(leaf, num_classes)


def _check_indices(leaf, num_classes):
    dtype = dtype_of(leaf)
    if num_classes is None:
        raise invalid(
            "labels",
            expected="labels that can be averaged, or `num_classes`",
            received=f"integers of dtype {dtype} and shape {tuple(leaf.shape)} without "
            "`num_classes`",
            fix="pass `num_classes` to the layer if they are class indices (labels "
            "become one-hot); cast them to float32 if they are 0/1 labels, counts or "
            "other quantities; or train with `MixupModel`, which takes integer labels "
            "as they are",
        )
    if "complex" in dtype:
        raise invalid(
            "labels",
            expected=f"class indices, or scores of shape (batch, ..., {num_classes})",
            received=f"dtype {dtype} and shape {tuple(leaf.shape)}",
            fix="leave out `num_classes` if they are quantities",
        )
    values = tracing.to_numpy_if_on_host(leaf)
    if values is None or not values.size:
        return
    values = np.asarray(values, "float32" if dtype == "bfloat16" else None)
    low, high = values.min(), values.max()
    # Not a number compares as False.
    if not (low >= 0 and high < num_classes and (values % 1 == 0).all()):
        raise invalid(
            "labels",
            expected=f"class indices from 0 to {num_classes - 1}, whole numbers",
            received=f"values from {low} to {high}"
            + ("" if is_integer(leaf) else f" of dtype {dtype}"),
            fix="correct the labels or `num_classes`"
            + ("" if is_integer(leaf) else "; leave it out for quantities"),
        )


def _may_be_scores(leaf, num_classes, inputs):
    """Whether class indices might also be one number for each class."""
    shape = tuple(leaf.shape)
    if len(shape) < 2 or _is_mask(shape, inputs):
        return False
    if shape[-1] is None:  # in a graph: it could also be the one that holds an index
        return not (is_integer(leaf) and _is_sequence(shape, inputs))
    return is_integer(leaf) and shape[-1] == num_classes


def _ambiguous(leaf, num_classes):
    shape = tuple(leaf.shape)
    if shape[-1] is None:
        return invalid(
            "labels",
            expected="labels whose last axis is known, which tells class indices from "
            f"{num_classes} scores",
            received=f"shape {shape}",
            fix="set it before mixing, for instance "
            "`tf.ensure_shape(labels, [None, 1])`",
        )
    return invalid(
        "labels",
        expected="labels that can be read in one way",
        received=f"integers of shape {shape} with `num_classes={num_classes}`: 0/1 "
        "labels of each class, or class indices",
        fix="cast 0/1 labels to float32, or make class indices one-hot before mixing",
    )


def _ends_in_one(shape, inputs):
    """Whether the last axis of class indices holds nothing but the index."""
    return len(shape) >= 2 and shape[-1] == 1 and not _may_be_mask(shape, inputs)


def _is_mask(shape, inputs):
    """Whether the axes of labels after the batch axis are those of the images."""
    return _may_be_mask(shape, inputs, min_axes=2, surely=True)


def _is_sequence(shape, inputs):
    """Whether labels have the steps of the inputs, also where these are unknown."""
    return _may_be_mask(shape, inputs, min_axes=1, surely=True)


def _may_be_mask(shape, inputs, min_axes=2, surely=False):
    sizes = tuple(shape[1:])
    for leaf in leaves_of(inputs):
        places = tuple(leaf.shape)[1:-1]
        if len(places) >= min_axes and same_shape(sizes, places):
            # An unknown last size beside a known one says nothing.
            if not surely or (sizes[-1] is None) == (places[-1] is None):
                return True
    return False

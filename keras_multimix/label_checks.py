"""Refuses labels and sample weights that cannot be mixed, or only by guessing."""

import functools

import keras
import numpy as np

from keras_multimix import tracing
from keras_multimix.annotations import Tensor
from keras_multimix.arguments import invalid
from keras_multimix.batches import Batch, dtype_of, is_integer, leaves_of
from keras_multimix.label_kinds import (
    NO_PLACES,
    are_classes,
    class_axis,
    encoded_shape,
    is_mask,
    is_sequence,
    places_of,
)
from keras_multimix.label_parts import classes_of, map_labels, sample_weights_of


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


def check_weights(num_classes, leaf: Tensor, weight, places=NO_PLACES):
    """Refuses sample weights that are neither of rows nor of places of the labels."""
    if weight is None:
        return
    shape, given = encoded_shape(leaf, num_classes, places), tuple(weight.shape)
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


def check(batch: Batch, num_classes, data_format):
    """Refuses a batch whose labels or weights cannot be averaged.

    Args:
        batch: The `Batch`.
        num_classes: How many classes its labels have: see `classes_of`.
        data_format: Where its images have their channels.

    Raises:
        ValueError: See `check_labels`; also if the weights do not fit the labels, and
            if there is a number of classes, but no labels in a dict or in a model.
    """
    _, label_leaves, mask_leaves, weight_leaves = batch.part_leaves
    if num_classes is None and not weight_leaves:  # then the dtype says it all
        for leaf in label_leaves + mask_leaves:
            if is_integer(leaf):
                _check_indices(leaf, None)
        return
    if num_classes is not None and not label_leaves + mask_leaves:
        _check_alone(batch)
    places = places_of(batch.inputs, data_format)
    parts, weights = (batch.labels, batch.masks), sample_weights_of(batch)
    for part, classes, weight in zip(
        parts, classes_of(num_classes, batch), weights, strict=True
    ):
        map_labels(functools.partial(check_labels, places=places), classes, part)
        if weight is not None:
            weights_fit = functools.partial(check_weights, places=places)
            map_labels(weights_fit, classes, part, weight)


def _check_alone(batch: Batch):
    """Refuses inputs without labels, but for arrays that a caller mixes alone."""
    named = isinstance(batch.inputs, dict)
    symbolic = any(isinstance(x, keras.KerasTensor) for x in batch.input_leaves)
    if batch.kept is not None or not (named or symbolic):
        return
    keys = f", a dict with the keys {list(batch.inputs)}" if named else ""
    raise invalid(
        "batch",
        expected="labels, because `num_classes` is given",
        received=f"inputs alone{keys}",
        fix="pass `(inputs, labels)`, or name them `labels` or `segmentation_masks` in "
        "a dict; train with `MixupModel` instead of placing the layer inside of a "
        "model, where it sees no labels; or leave out `num_classes`",
    )


def check_labels(num_classes, leaf: Tensor, places=NO_PLACES):
    """Refuses labels that cannot be averaged, or that can be read in two ways.

    Args:
        num_classes: How many classes there are, or None.
        leaf: The labels.
        places: The `Places` of the inputs.

    Raises:
        ValueError: For class indices without `num_classes`; for integers whose last
            axis has the size of `num_classes`, or may have it; and, where reading them
            waits for no device, for what is no whole number in range.
    """
    if num_classes is not None and _may_be_scores(leaf, num_classes, places):
        raise _ambiguous(leaf, num_classes)
    if are_classes(leaf, num_classes, places):
        _check_indices(leaf, num_classes)


def _check_indices(leaf: Tensor, num_classes):
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
    inside = low >= 0 and high < num_classes  # not a number compares as False
    if not (inside and (is_integer(leaf) or (values % 1 == 0).all())):
        raise invalid(
            "labels",
            expected=f"class indices from 0 to {num_classes - 1}, whole numbers",
            received=f"values from {low} to {high}"
            + ("" if is_integer(leaf) else f" of dtype {dtype}"),
            fix="correct the labels or `num_classes`"
            + ("" if is_integer(leaf) else "; leave it out for quantities"),
        )


def _may_be_scores(leaf: Tensor, num_classes, places):
    """Whether class indices might also be one number for each class."""
    shape = tuple(leaf.shape)
    if len(shape) < 2 or is_mask(shape, places):
        return False
    size = shape[class_axis(shape, places)]
    if size is None:  # in a graph: it could also be the one that holds an index
        return not (is_integer(leaf) and is_sequence(shape, places))
    return is_integer(leaf) and size == num_classes


def _ambiguous(leaf: Tensor, num_classes):
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

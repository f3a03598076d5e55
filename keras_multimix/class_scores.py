"""Class scores of a model, and the labels that they are held against."""

import math

import numpy as np
from keras import ops

from keras_multimix import tracing
from keras_multimix.arguments import invalid
from keras_multimix.batches import dtype_of, same_shape


def check_scores(scores, from_logits):
    """Refuses what are no scores of two or more classes.

    Args:
        scores: A tensor of shape `(..., C)`.
        from_logits: False if they are to be probabilities.

    Raises:
        ValueError: For other shapes and dtypes; and, where reading the values waits
            for no device, for NaN, and for probabilities that do not sum to 1.
    """
    shape, dtype = tuple(scores.shape), dtype_of(scores)
    if len(shape) < 2 or (shape[-1] or 2) < 2 or "float" not in dtype:
        raise invalid(
            "predictions",
            expected="floating-point scores of two or more classes, shape (..., C)",
            received=f"dtype {dtype} and shape {shape}",
            fix="use a model that scores every class; turn the output p of one sigmoid "
            "into two scores, `keras.ops.concatenate([1 - p, p], axis=-1)`",
        )
    values = tracing.to_numpy_if_on_host(scores)
    if values is None or values.size == 0:
        return
    values = values.astype("float32")
    if np.isnan(values).any():
        raise invalid(
            "predictions",
            expected="numbers",
            received=f"NaN in {int(np.isnan(values).any(axis=-1).sum())} rows of "
            f"{math.prod(shape[:-1])}",
            fix="look for a loss that diverged or for inputs that are NaN",
        )
    if from_logits:
        return
    sums = values.sum(axis=-1)
    if values.min() < 0 or np.abs(sums - 1).max() > _tolerance(dtype):
        raise invalid(
            "predictions",
            expected="probabilities: 0 or more, each row summing to 1",
            received=f"values from {values.min():.4g} to {values.max():.4g}, rows "
            f"summing to {sums.min():.4g} to {sums.max():.4g}",
            fix="pass `from_logits=True` for logits, or end the model with a softmax",
        )


def are_probabilities(scores):
    """Returns which scores `check_scores` accepts as probabilities, in a graph too.

    Args:
        scores: Floats of shape `(..., C)`.

    Returns:
        Bools of shape `(...)`.
    """
    values = ops.cast(scores, "float32")
    off = ops.abs(ops.sum(values, axis=-1) - 1.0)
    return ops.logical_and(
        ops.all(values >= 0, axis=-1), off <= _tolerance(dtype_of(scores))
    )


def _tolerance(dtype):
    """How far from 1 probabilities may sum: half precision rounds many classes so."""
    return 1e-3 if dtype in ("float32", "float64") else 2e-2


def check_targets(targets, scores, weight=None):
    """Refuses labels that do not go with scores.

    Args:
        targets: Class indices, shape `(...)` or `(..., 1)`, or one-hot or soft labels
            of the scores' shape.
        scores: Scores that `check_scores` accepts, shape `(..., C)`.
        weight: A weight for each row, a tensor of shape `(...)`; a row of weight 0
            may have any label. None weighs all alike.

    Raises:
        ValueError: For other shapes; and, where reading the values waits for no
            device, for class indices out of range, and labels of C numbers that are NaN
            or none above 0.
    """
    shape, num_classes = tuple(targets.shape), scores.shape[-1]
    if not (is_one_hot(targets, scores) or _are_indices(targets, scores)):
        raise invalid(
            "labels",
            expected=f"class indices of shape {tuple(scores.shape[:-1])} or one-hot "
            f"labels of shape {tuple(scores.shape)}, as the predictions have it",
            received=f"shape {shape}",
            fix="pass labels and predictions of the same rows",
        )
    values = tracing.to_numpy_if_on_host(targets)
    counted = True if weight is None else tracing.to_numpy_if_on_host(weight)
    if values is None or counted is None or values.size == 0:
        return
    counted = np.broadcast_to(counted, tuple(scores.shape[:-1])) != 0
    if is_one_hot(targets, scores):
        values = values.astype("float32")[counted]
        if not np.isfinite(values).all() or not (values.max(axis=-1) > 0).all():
            raise invalid(
                "labels",
                expected="numbers, one of each row above 0",
                received="NaN, infinity or a row without a class",
                fix="correct the labels, or give rows without one the sample weight 0",
            )
        return
    values = values.reshape(counted.shape)[counted]
    if not ((values >= 0) & (values < num_classes) & (values % 1 == 0)).all():
        raise invalid(
            "labels",
            expected=f"class indices, whole numbers from 0 to {num_classes - 1}",
            received=f"values from {values.min()} to {values.max()}",
            fix="correct the labels, or use a model that scores all of their classes; "
            "in a metric, give rows without a class the sample weight 0",
        )


def have_class(targets, scores):
    """Returns which labels `check_targets` accepts, in a graph too.

    Args:
        targets: Labels of a shape that it accepts.
        scores: The scores, shape `(..., C)`.

    Returns:
        Bools of shape `(...)`.
    """
    if is_one_hot(targets, scores):
        targets = ops.cast(targets, "float32")
        finite = ops.all(ops.isfinite(targets), axis=-1)
        return ops.logical_and(finite, ops.any(targets > 0, axis=-1))
    targets = _indices(targets, scores)
    # A number of classes may be too large for the labels' own dtype.
    kind = "float32" if "float" in dtype_of(targets) else "int32"
    targets = ops.cast(targets, kind)
    inside = ops.logical_and(targets >= 0, targets < scores.shape[-1])
    return ops.logical_and(inside, ops.equal(ops.floor(targets), targets))


def is_one_hot(targets, scores):
    """Whether labels have one number for each class, as the scores do."""
    return tuple(targets.shape)[-1:] != (1,) and same_shape(
        tuple(targets.shape), tuple(scores.shape)
    )


def probabilities(scores, from_logits):
    """Returns scores as float32 probabilities."""
    scores = ops.cast(scores, "float32")
    return ops.softmax(scores, axis=-1) if from_logits else scores


def one_hot(targets, scores):
    """Returns labels as float32 of the scores' shape."""
    if is_one_hot(targets, scores):
        return ops.cast(targets, "float32")
    return ops.one_hot(classes(targets, scores), scores.shape[-1], dtype="float32")


def classes(targets, scores):
    """Returns labels as int32 class indices of the scores' shape without its last."""
    if is_one_hot(targets, scores):
        return ops.cast(ops.argmax(targets, axis=-1), "int32")
    return ops.cast(_indices(targets, scores), "int32")


def _indices(targets, scores):
    has_one_more = len(targets.shape) == len(scores.shape)
    return ops.squeeze(targets, axis=-1) if has_one_more else targets


def _are_indices(targets, scores):
    shape, rows = tuple(targets.shape), tuple(scores.shape[:-1])
    if len(shape) == len(rows) + 1 and shape[-1] == 1:
        shape = shape[:-1]
    return same_shape(shape, rows)

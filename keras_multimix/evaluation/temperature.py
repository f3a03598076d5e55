"""The temperature that makes labels likeliest, found on logits in memory."""

import numpy as np

from keras_multimix import class_scores
from keras_multimix.annotations import Structure
from keras_multimix.arguments import invalid

_LOWEST, _HIGHEST = 1e-4, 1e4
_BLOCK = 1 << 20  # numbers at a time


def margins(logits, y: Structure):
    """Returns what the likelihood depends on, of each label with a softmax.

    Args:
        logits: `(N, ..., C)`, a NumPy array.
        y: Class indices `(N, ...)` or `(N, ..., 1)`, or one-hot or soft labels.

    Returns:
        The margins, logits less the highest of their row, float64 `(M, C)`; and their
        mean under each label, `(M,)`.

    Raises:
        ValueError: For labels that do not fit, and too few of them.
    """
    num_classes = logits.shape[-1]
    class_scores.check_targets(y, logits)
    found = logits.reshape(-1, num_classes).astype("float64")
    found -= found.max(axis=-1, keepdims=True)
    if not class_scores.is_one_hot(y, logits):
        classes = y.reshape(-1, 1).astype("int64")
        _check_classes(len(np.unique(classes)), *found.shape)
        return found, np.take_along_axis(found, classes, axis=-1)[:, 0]
    y = _shares(y).reshape(found.shape)
    _check_classes(int((y > 0).any(axis=0).sum()), *found.shape)
    return found, (y * found).sum(axis=-1)


def margins_of_sigmoids(logits, y: Structure):
    """Returns the same of sigmoids: a logit z is that of two classes, 0 and z.

    Args:
        logits: A NumPy array of any shape.
        y: Numbers from 0 to 1 in its shape, without a last axis of 1 too, or with 2
            classes on it.
    """
    shape = logits.shape
    if len(shape) == 1 or shape[-1] == 1:  # one score
        shape = shape[:1] + shape[1:-1]
        if y.shape == (*shape, 2):
            y = _shares(y)[..., 1]
        elif y.shape == (*shape, 1):
            y = y[..., 0]
    if y.shape != shape or not ((y >= 0) & (y <= 1)).all():
        raise invalid(
            "labels",
            expected=f"numbers from 0 to 1, shape {shape}, for one logit each",
            received=f"shape {y.shape}, values from {y.min():g} to {y.max():g}",
            fix="correct the labels, or use a model that scores all of their classes",
        )
    y, logits = y.reshape(-1).astype("float64"), logits.reshape(-1).astype("float64")
    _check_classes(int((y > 0).any()) + int((y < 1).any()), len(y), 2)
    found = np.stack([np.zeros_like(logits), logits], axis=-1)
    found -= found.max(axis=-1, keepdims=True)
    return found, (1 - y) * found[:, 0] + y * found[:, 1]


def _shares(y):
    """Returns soft labels that sum to 1, float64."""
    y = y.astype("float64")
    sums = y.sum(axis=-1, keepdims=True)
    if not (y >= 0).all() or not np.allclose(sums, 1, atol=1e-3):
        raise invalid(
            "labels",
            expected="labels of 0 or more that sum to 1 over the classes",
            received=f"values from {y.min():g} to {y.max():g}, sums from "
            f"{sums.min():g} to {sums.max():g}",
            fix="divide each label by its sum; for several classes at once, end the "
            "model in sigmoids",
        )
    return y / sums


def _check_classes(num_found, num_labels, num_classes: int):
    if num_found < 2 or num_labels < num_classes:
        raise invalid(
            "labels",
            expected=f"{num_classes} labels or more, of two classes or more",
            received=f"{num_labels} labels of {num_found} classes",
            fix="pass more validation rows",
        )


def best(margins, own):
    """Returns the T with the least Σ log Σ_j exp(m_j / T) − m_y / T, a float.

    Args:
        margins: m, float64 `(M, C)`, the highest of each row 0.
        own: m_y, `(M,)`.

    Raises:
        ValueError: If it is not from 0.0001 to 10 000.
    """
    from scipy.optimize import minimize_scalar

    size = max(1, _BLOCK // margins.shape[1])

    def mean_loss(log_temperature):
        inverse = np.exp(-log_temperature)
        total = -inverse * own.sum()
        for start in range(0, len(margins), size):
            block = np.exp(margins[start : start + size] * inverse)
            total += np.log(block.sum(axis=-1)).sum()
        return total / len(margins)

    # In 1 / T the loss is convex: on the way it falls to its least value, then rises.
    bounds = np.log([_LOWEST, _HIGHEST])
    found = minimize_scalar(
        mean_loss, bounds=bounds, method="bounded", options={"xatol": 1e-7}
    )
    at_lowest, at_highest = map(mean_loss, bounds)
    if min(at_lowest, at_highest) > found.fun:
        return float(np.exp(found.x))
    useless = at_highest <= found.fun
    raise invalid(
        "rows to calibrate with",
        expected=f"a best temperature from {_LOWEST:g} to {_HIGHEST:g}",
        received="scores that say nothing about the labels: the larger T, the better"
        if useless
        else "scores that are right everywhere: the smaller T, the better",
        fix="check that labels and rows belong together, and in which order the model "
        "has its classes"
        if useless
        else "pass more rows, which the model was not trained on",
    )

"""Adversarial examples: inputs moved within ε so that a model's loss rises."""

import numbers
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_multimix.annotations import Structure
from keras_multimix.arguments import check_count, check_flag, invalid, resolve_seed
from keras_multimix.evaluation import gradients, rows
from keras_multimix.evaluation.logits import Logits, check_gradient


def fgsm(
    model: keras.Model,
    x: Structure,
    y: Structure,
    epsilon: Any,
    clip_range: Any = (0, 1),
    *,
    batch_size: int = 128,
    verbose: bool = True,
):
    """Returns examples of the fast gradient sign method: one step of ε.

    The attack follows the sign of the gradient of the cross-entropy, as all attacks
    here do. It computes this sign from the log-odds against the label, log Σ_{j ≠ y}
    exp(z_j − z_y), with logits z. Their gradient has the same sign, and does not vanish
    where the model is very sure: there the gradient of the cross-entropy, p − 1, rounds
    to 0, and the model would look robust. If the model ends in a softmax or in a
    sigmoid for each class, z is the input of that function.

    Args:
        model: A `keras.Model` of one input that gives scores `(N, C)`.
        x: The inputs, floats of shape `(N, ...)`.
        y: Their labels: class indices `(N,)` or `(N, 1)`; or one-hot or smoothed
            `(N, C)`, whose largest entry counts.
        epsilon: ε, how far each value may move, in the units of `x`; 0 or more. A
            number, or an array that broadcasts to a row of `x`, such as one for each
            channel: `(4 / 255) / std` for images that were divided by `std`.
        clip_range: The smallest and the largest value of an input, each a number or
            an array like `epsilon`; None for inputs without limits.
        batch_size: Rows at a time.
        verbose: True shows a progress bar.

    Returns:
        The adversarial inputs, a NumPy array like `x`. For a black-box attack hand
        them to another model.

    Raises:
        ValueError: For arguments out of range, inputs outside of `clip_range`, a model
            whose output is no class scores or is NaN, and a model that returns
            probabilities, if one that the attack needs rounds to 0.

    References:
        Goodfellow et al., "Explaining and Harnessing Adversarial Examples", ICLR 2015.
        A softmax that hides the gradient, and losses of logits instead: Carlini and
        Wagner, "Towards Evaluating the Robustness of Neural Networks", IEEE S&P 2017;
        Athalye et al., "Obfuscated Gradients Give a False Sense of Security", ICML
        2018.

    Example:

    >>> import keras, numpy as np
    >>> from keras_multimix.evaluation import fgsm
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, "softmax")])
    >>> model.set_weights([np.eye(2), np.zeros(2)])
    >>> x, y = np.array([[0.6, 0.4]], "float32"), np.array([0])
    >>> fgsm(model, x, y, epsilon=0.125, verbose=False).round(3).tolist()
    [[0.4749999940395355, 0.5249999761581421]]
    """
    epsilon = _distance("epsilon", epsilon)
    return _attack(model, x, y, epsilon, 1, epsilon, clip_range, batch_size, verbose)


def iterative_fgsm(
    model: keras.Model,
    x: Structure,
    y: Structure,
    epsilon: Any,
    steps=10,
    clip_range: Any = (0, 1),
    *,
    batch_size: int = 128,
    verbose: bool = True,
):
    """Returns examples of the iterative fast gradient sign method, in steps of ε / n.

    Args:
        model: A `keras.Model` of one input that gives scores `(N, C)`.
        x: The inputs, floats of shape `(N, ...)`.
        y: Their labels: class indices `(N,)` or `(N, 1)`; or one-hot or smoothed
            `(N, C)`, whose largest entry counts.
        epsilon: ε, how far each value may move, in the units of `x`; 0 or more. A
            number, or an array that broadcasts to a row of `x`, such as one for each
            channel: `(4 / 255) / std` for images that were divided by `std`.
        steps: n, how many steps, 1 or more. 10 is the mixup paper's.
        clip_range: The smallest and the largest value of an input, each a number or
            an array like `epsilon`; None for inputs without limits.
        batch_size: Rows at a time.
        verbose: True shows a progress bar.

    Returns:
        The adversarial inputs, a NumPy array like `x`.

    Raises:
        ValueError: As `fgsm` does.

    References:
        Kurakin et al., "Adversarial Machine Learning at Scale", ICLR 2017; ten equal
        steps: Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018.

    Example:

    >>> import keras, numpy as np
    >>> from keras_multimix.evaluation import iterative_fgsm
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    >>> x, y = np.full((3, 2), 0.5, "float32"), np.array([0, 1, 1])
    >>> moved = iterative_fgsm(model, x, y, epsilon=0.1, verbose=False)
    >>> bool(np.abs(moved - x).max() < 0.1001)
    True
    """
    epsilon = _distance("epsilon", epsilon)
    steps = check_count("steps", steps)
    size = epsilon / steps
    return _attack(model, x, y, epsilon, steps, size, clip_range, batch_size, verbose)


def pgd(
    model: keras.Model,
    x: Structure,
    y: Structure,
    epsilon: Any,
    steps=40,
    step_size=None,
    random_start=True,
    seed: int | None = None,
    clip_range: Any = (0, 1),
    *,
    batch_size: int = 128,
    verbose: bool = True,
):
    """Returns examples of projected gradient descent within ε of each value.

    Args:
        model: A `keras.Model` of one input that gives scores `(N, C)`.
        x: The inputs, floats of shape `(N, ...)`.
        y: Their labels: class indices `(N,)` or `(N, 1)`; or one-hot or smoothed
            `(N, C)`, whose largest entry counts.
        epsilon: ε, how far each value may move, in the units of `x`; 0 or more. A
            number, or an array that broadcasts to a row of `x`, such as one for each
            channel: `(4 / 255) / std` for images that were divided by `std`.
        steps: How many steps, 1 or more.
        step_size: How far a step moves each value, a number or an array like
            `epsilon`; None is 2.5 · ε / `steps`.
        random_start: True starts at a uniformly random point within ε.
        seed: An integer for the start, the same on every backend; None draws one.
        clip_range: The smallest and the largest value of an input, each a number or
            an array like `epsilon`; None for inputs without limits.
        batch_size: Rows at a time.
        verbose: True shows a progress bar.

    Returns:
        The adversarial inputs, a NumPy array like `x`.

    Raises:
        ValueError: As `fgsm` does.

    References:
        Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks",
        ICLR 2018.

    Example:

    >>> import keras, numpy as np
    >>> from keras_multimix.evaluation import pgd
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    >>> x, y = np.full((3, 2), 0.5, "float32"), np.array([0, 1, 1])
    >>> moved = pgd(model, x, y, epsilon=0.1, steps=5, seed=1, verbose=False)
    >>> bool(np.abs(moved - x).max() < 0.1001)
    True
    """
    epsilon = _distance("epsilon", epsilon)
    steps = check_count("steps", steps)
    size = 2.5 * epsilon / steps
    if step_size is not None:
        size = _distance("step_size", step_size)
    check_flag("random_start", random_start)
    seed = resolve_seed(seed) if random_start else None
    return _attack(
        model, x, y, epsilon, steps, size, clip_range, batch_size, verbose, seed
    )


def _attack(
    model, x, y, epsilon, steps, size, clip_range, batch_size, verbose, seed=None
):
    x = rows.check_inputs(x)
    batch_size = check_count("batch_size", batch_size)
    low, high = _check_range(clip_range, x)
    epsilon, size = (
        _like_row(name, value, x)
        for name, value in (("epsilon", epsilon), ("step_size", size))
    )
    # Half precision would round a step away.
    dtype = "float64" if x.dtype == "float64" else "float32"
    logits = Logits(model, x[:batch_size])
    y = rows.check_labels(y, len(x), logits.num_classes)

    def objective(moved, labels):
        return ops.sum(logits.odds_against(moved, labels))

    gradient = gradients.input_gradient(logits.model, objective)
    reach, step, lowest, highest = (
        ops.convert_to_tensor(each.astype(dtype)) for each in (epsilon, size, low, high)
    )

    def within(moved, centre):
        moved = ops.minimum(ops.maximum(moved, centre - reach), centre + reach)
        return ops.minimum(ops.maximum(moved, lowest), highest)

    def moved_from(centre, labels, start):
        moved = within(start, centre)
        for _ in range(steps):
            found = gradient(moved, labels)
            check_gradient(found)
            moved = within(moved + step * ops.sign(found), centre)
        return moved

    start = x
    if seed is not None:
        noise = np.random.default_rng(seed).uniform(-epsilon, epsilon, x.shape)
        start = x + noise
    arrays = [x.astype(dtype), y.astype("int32"), start.astype(dtype)]
    return rows.in_batches(moved_from, arrays, batch_size, verbose).astype(x.dtype)


def _distance(name, value):
    """Returns a distance, or one for each value of a row, as a float64 array."""
    distance = _numbers(value)
    if distance is None or not ((distance >= 0) & np.isfinite(distance)).all():
        raise invalid(
            f"argument `{name}`",
            expected="a number, 0 or more, in the units of the inputs, or an array of "
            "them",
            received=f"{name}={value!r:.80}",
            fix="pass for instance 4 / 255 for images in [0, 1]",
        )
    return distance


def _check_range(clip_range, x):
    """Returns the smallest and the largest values of a row, float64 arrays."""
    if clip_range is None:
        return np.array(-np.inf), np.array(np.inf)
    try:
        low, high = map(_numbers, clip_range)
    except (TypeError, ValueError):
        low = high = None
    if low is None or high is None:
        low = high = np.array(np.nan)
    low, high = (_like_row("clip_range", each, x) for each in (low, high))
    if not (low < high).all():
        raise invalid(
            "argument `clip_range`",
            expected="a pair (smallest, largest) of numbers or of arrays, or None",
            received=f"clip_range={clip_range!r:.80}",
            fix="pass for instance (0, 1)",
        )
    # As float32 the limits may lie beyond the inputs that were made of them.
    if (x < low.astype(x.dtype)).any() or (x > high.astype(x.dtype)).any():
        raise invalid(
            "argument `x`",
            expected=f"inputs within `clip_range`, {low!s:.60} to {high!s:.60}",
            received=f"values from {x.min():.4g} to {x.max():.4g}",
            fix="pass the limits of your inputs as `clip_range`, or None",
        )
    return low, high


def _like_row(name, value, x):
    """Returns an array that broadcasts to a row of `x`, without an axis of rows."""
    if value.ndim == x.ndim and value.shape[:1] == (1,):
        value = value[0]
    row = x.shape[1:]
    sizes = zip(value.shape[::-1], row[::-1], strict=False)
    if value.ndim > len(row) or any(size not in (1, own) for size, own in sizes):
        raise invalid(
            f"argument `{name}`",
            expected=f"a number, or an array that broadcasts to a row, {row}",
            received=f"an array of shape {value.shape}",
            fix="give it one value for each channel, on the axis that they have in `x`",
        )
    return value


def _numbers(value):
    """Returns real numbers as a float64 array, or None."""
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return np.array(float(value))
    try:
        if hasattr(value, "shape"):
            value = ops.convert_to_numpy(value)
        found = np.asarray(value)
        return found.astype("float64") if found.dtype.kind in "fiu" else None
    except (TypeError, ValueError):
        return None

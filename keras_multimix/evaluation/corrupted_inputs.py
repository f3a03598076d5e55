"""How a model fares on inputs that noise, blur or weather has corrupted."""

import keras
import numpy as np

from keras_multimix import class_scores
from keras_multimix.annotations import Structure
from keras_multimix.arguments import check_count, check_flag, invalid
from keras_multimix.evaluation import forward, rows
from keras_multimix.evaluation.logits import Logits
from keras_multimix.metrics import ExpectedCalibrationError


def corruption_errors(
    model: keras.Model,
    x: Structure,
    y: Structure,
    corruptions,
    *,
    batch_size: int = 128,
    verbose: bool = True,
):
    """Returns the errors and the calibration of a model under corruptions.

    Args:
        model: A `keras.Model` of one input that gives scores `(N, C)`.
        x: The inputs, floats of shape `(N, ...)`.
        y: Their labels: class indices `(N,)` or `(N, 1)`; or one-hot or smoothed
            `(N, C)`, whose largest entry counts.
        corruptions: A dict from the name of a corruption to a function that takes all
            of `x`, a NumPy array, and returns as many rows of the same shape; it has to
            leave `x` as it is. A corruption of several strengths has one entry for each
            strength.
        batch_size: Rows at a time.
        verbose: True shows a progress bar for each corruption.

    Returns:
        A dict of shares from 0 to 1: `"error"`, a dict from each name to how often the
        highest score is not the label's; `"ece"`, a dict from each name to the
        expected calibration error in 15 bins, confidence being the softmax of the
        logits; `"mean_error"` and `"mean_ece"`, their means over the corruptions.

    Raises:
        ValueError: For arguments out of range, a corruption that returns another shape
            or what is no number, and a model whose output is no class scores or is NaN.

    References:
        The mean over kinds and strengths: Hendrycks and Dietterich, "Benchmarking
        Neural Network Robustness to Common Corruptions and Perturbations", ICLR 2019;
        here it is not divided by another model's errors.

    Example:

    >>> import keras, numpy as np
    >>> from keras_multimix.evaluation import corruption_errors
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Softmax()])
    >>> x, y = np.array([[3, 0], [0, 1]], "float32"), np.array([0, 1])
    >>> corruptions = {"none": lambda x: x, "dark": lambda x: x - [2, 0]}
    >>> found = corruption_errors(model, x, y, corruptions, verbose=False)
    >>> found["error"], found["mean_error"]
    ({'none': 0.0, 'dark': 0.0}, 0.0)
    """
    x = rows.check_inputs(x)
    batch_size = check_count("batch_size", batch_size)
    check_flag("verbose", verbose)
    _check_corruptions(corruptions)
    logits = Logits(model, x[:batch_size])
    y = rows.check_labels(y, len(x), logits.num_classes)
    scores = forward.compiled(model, logits)
    errors, calibration = {}, {}
    for name, corrupt in corruptions.items():
        corrupted = _corrupted(name, corrupt, x)
        found = rows.in_batches(scores, [corrupted], batch_size, verbose)
        class_scores.check_scores(found, from_logits=True)
        errors[name] = float(np.mean(found.argmax(axis=-1) != y))
        metric = ExpectedCalibrationError(from_logits=True)
        metric.update_state(y, found)
        calibration[name] = float(metric.result())
    return {
        "error": errors,
        "ece": calibration,
        "mean_error": float(np.mean(list(errors.values()))),
        "mean_ece": float(np.mean(list(calibration.values()))),
    }


def _check_corruptions(corruptions):
    is_dict = isinstance(corruptions, dict) and corruptions
    if not (is_dict and all(map(callable, corruptions.values()))):
        raise invalid(
            "argument `corruptions`",
            expected="a dict from names to functions of inputs",
            received=f"{corruptions!r:.80}",
            fix="pass for instance {'noise': lambda x: x + 0.1 * noise}",
        )


def _corrupted(name, corrupt, x):
    """Returns what a corruption makes of the inputs, in their dtype."""
    corrupted = np.asarray(corrupt(x))
    fits = corrupted.shape == x.shape and corrupted.dtype.kind in "fiu"
    if not fits or not np.isfinite(corrupted).all():
        received = f"dtype {corrupted.dtype}, shape {corrupted.shape}"
        raise invalid(
            "argument `corruptions`",
            expected=f"as many numbers from {name!r} as it was given, shape {x.shape}",
            received="NaN or infinity" if fits else received,
            fix="return an array of the inputs' shape that holds numbers",
        )
    return corrupted.astype(x.dtype)

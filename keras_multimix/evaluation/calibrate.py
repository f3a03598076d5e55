"""Temperature scaling: the one number by which a model's logits are divided."""

import keras
import numpy as np
from keras import ops, tree

from keras_multimix.annotations import Structure, Tensor
from keras_multimix.arguments import check_count, check_flag, invalid
from keras_multimix.evaluation import temperature
from keras_multimix.evaluation.plain_model import plain_model
from keras_multimix.models import endings


def calibrate(
    model: keras.Model,
    x: Structure,
    y: Structure,
    *,
    batch_size: int = 128,
    verbose: bool = True,
):
    """Returns a model whose confidence fits validation rows, and its temperature.

    The temperature T minimises the mean negative log-likelihood of the labels under
    softmax(logits / T), or of sigmoid(logits / T). T above 1 makes a model less
    confident, T below 1 more. The order of the classes stays, and so does the accuracy.
    Models that were trained with mixup tend to be under-confident.

    Args:
        model: A `keras.Model` with one output: class scores `(N, ..., C)`, which are
            logits or the result of a softmax over the last axis; or one score or
            several independent scores, which are the results of sigmoids. One logit
            `(N, 1)` counts as the logit of a sigmoid. A `MixupModel` counts as its base
            model.
        x: Rows that the model was not trained on: an array, or a structure of arrays as
            the model takes it.
        y: Their labels. With a softmax: class indices, or one-hot or soft labels that
            sum to 1; at least two classes have to occur, and there have to be at least
            as many labels as classes. With sigmoids: 0, 1 or between, in the shape of
            the scores; for one score also `(N,)`, and `(N, 2)` that sum to 1.
        batch_size: Rows at a time.
        verbose: True shows a progress bar.

    Returns:
        The calibrated model and T, a float. The model is a plain `keras.Model` that is
        not compiled. It divides the logits by T in float32 (float64 if they are that),
        and gives probabilities if `model` did. It shares all layers with `model`, which
        does not change. Only a last layer that has weights and the activation, such as
        `Dense(10, "softmax")`, is copied. So calibrate again after more training. A
        subclassed model has to return logits; it becomes one layer of the calibrated
        model.

    Raises:
        ValueError: For a model without logits, such as one that returns probabilities
            of which it does not show the softmax; labels that do not fit; logits that
            are not finite; and rows for which no T from 0.0001 to 10 000 is best. If
            the label of every row has the highest score, as often with rows that the
            model was trained on, a smaller T is always better. If the scores say
            nothing about the labels, a larger T is always better.

    References:
        Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 4.2.

    Example:

    >>> import keras, numpy as np
    >>> from keras_multimix.evaluation import calibrate
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Softmax()])
    >>> x = np.array([[5, 0], [5, 0], [0, 5], [5, 0]], "float32")
    >>> y = np.array([0, 0, 1, 1])  # sure of itself, but right three times in four
    >>> calibrated, temperature = calibrate(model, x, y, verbose=False)
    >>> round(temperature, 2), calibrated.predict(x, verbose=0).max(axis=1).round(2)
    (4.55, array([0.75, 0.75, 0.75, 0.75], dtype=float32))
    """
    batch_size = check_count("batch_size", batch_size)
    check_flag("verbose", verbose)
    model = plain_model(model)
    y = np.asarray(ops.convert_to_numpy(y) if hasattr(y, "shape") else y)
    num_rows = _check_rows(x, y)
    if not model.built:
        model(tree.map_structure(lambda leaf: ops.convert_to_tensor(leaf[:1]), x))
    inputs, logits, kind = _logits_of(model, x)

    def calibrated(factor, kind):
        return keras.Model(
            inputs,
            _scores(logits, factor, kind, taken=endings.names_in(model)),
            name=f"{model.name}_calibrated",
        )

    found = calibrated(1.0, None).predict(
        x, batch_size=batch_size, verbose=int(verbose)
    )
    is_binary = _check_logits(found, kind, num_rows, endings.last_operation(model))
    of = temperature.margins_of_sigmoids if is_binary else temperature.margins
    best = temperature.best(*of(found, y))
    return calibrated(1 / best, kind), best


def _check_rows(x, y):
    """Returns how many rows there are, or refuses what are none or do not fit."""
    leaves = tree.flatten(x)
    if not leaves or not all(getattr(leaf, "shape", ()) for leaf in leaves):
        raise invalid(
            "argument `x`",
            expected="an array of rows, or a structure of arrays",
            received=f"{x!r:.80}",
            fix="pass the inputs of a validation set as arrays; of a dataset, "
            "concatenate its batches",
        )
    if y.dtype.kind not in "biuf":
        raise invalid(
            "argument `y`",
            expected="class indices or labels of numbers",
            received=f"dtype {y.dtype}, shape {y.shape}",
            fix="number the classes in the order that the model has them",
        )
    counts = {int(leaf.shape[0]) for leaf in leaves}
    if len(counts) > 1 or y.shape[:1] != (*counts,) or counts == {0}:
        raise invalid(
            "arguments `x` and `y`",
            expected="the same number of rows, 1 or more, in all arrays",
            received=f"inputs with {sorted(counts)} rows and labels of shape {y.shape}",
            fix="pass the labels of these rows",
        )
    return counts.pop()


def _logits_of(model, x):
    """Returns symbolic inputs and logits, and "softmax", "sigmoid" or None.

    Args:
        model: A built model.
        x: Its inputs, a structure of arrays.
    """
    if not endings.has_graph(model):

        def symbolic(leaf: Tensor):
            dtype = keras.backend.standardize_dtype(leaf.dtype)
            dtype = keras.config.floatx() if dtype == "float64" else dtype
            return keras.Input(leaf.shape[1:], dtype=dtype)

        inputs = tree.map_structure(symbolic, x)
        return inputs, _only(tree.flatten(model(inputs))), None
    _only(model.outputs)
    return endings.inputs_of(model), *endings.without_ending(model)


def _only(outputs):
    if len(outputs) != 1:
        raise invalid(
            "model",
            expected="one output",
            received=f"{len(outputs)} outputs",
            fix="make a model of one of them, `keras.Model(model.input, output)`",
        )
    return outputs[0]


def _scores(logits, factor, kind, taken):
    """Returns what a model gives for its logits times a factor, symbolic."""
    dtype = "float64" if logits.dtype == "float64" else "float32"
    name = endings.new_name("temperature", taken)
    scores = keras.layers.Rescaling(factor, dtype=dtype, name=name)(logits)
    if kind is None:
        return scores
    name = endings.new_name(f"calibrated_{kind}", taken)
    return keras.layers.Activation(kind, dtype=dtype, name=name)(scores)


def _check_logits(found, kind, num_rows, last):
    """Returns whether logits are those of sigmoids, or refuses what are no logits.

    Args:
        found: The logits, a NumPy array.
        kind: "softmax", "sigmoid" or None.
        num_rows: How many rows the inputs have.
        last: The model's last operation, or None.
    """
    if found.ndim < 1 or len(found) != num_rows or 0 in found.shape:
        raise invalid(
            "model",
            expected=f"scores for each of {num_rows} rows",
            received=f"an output of shape {found.shape}",
            fix="pass a classifier",
        )
    if not np.isfinite(found).all():
        raise invalid(
            "logits of the model",
            expected="finite numbers",
            received=f"NaN or infinity in {int((~np.isfinite(found)).sum())} of "
            f"{found.size}",
            fix="look for a loss that diverged, scores that overflow the model's "
            "dtype, or inputs that are NaN",
        )
    is_single = found.ndim == 1 or found.shape[-1] == 1
    hidden = endings.kind_of(last) is not None
    if kind is None and not endings.is_linear(last) and not hidden:
        hidden = endings.look_like_probabilities(found)
    if (kind is None and hidden) or (kind == "softmax" and is_single):
        raise invalid(
            "model",
            expected="logits, or a softmax over the last axis, of 2 classes or more, "
            "or sigmoids, as the last layer",
            received=f"what look like probabilities, of shape {found.shape}, from "
            f"{endings.shown(last)}",
            fix="pass a model that returns its logits",
        )
    return kind == "sigmoid" or (kind is None and is_single)

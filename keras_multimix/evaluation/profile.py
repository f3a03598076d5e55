"""How a model behaves on the way from one training sample to another."""

import keras
import numpy as np
from keras import ops

from keras_multimix.annotations import Structure
from keras_multimix.arguments import check_count, invalid, resolve_seed
from keras_multimix.evaluation import forward, gradients, rows
from keras_multimix.evaluation.logits import Logits, check_gradient


def interpolation_profile(
    model: keras.Model,
    x: Structure,
    y: Structure,
    num_pairs: int = 1000,
    num_points=11,
    seed: int | None = None,
    *,
    batch_size: int = 128,
    verbose: bool = True,
):
    """Returns misses and gradient norms along the segments between random rows.

    At x̃ = λ·x_i + (1−λ)·x_j a prediction is a miss if it is neither y_i nor y_j. The
    gradient is that of λ·CE(x̃, y_i) + (1−λ)·CE(x̃, y_j), the cross-entropy against the
    mixed label, with respect to x̃.

    Args:
        model: A `keras.Model` of one input that gives scores `(N, C)`.
        x: The inputs, floats of shape `(N, ...)`, two rows or more.
        y: Their labels: class indices `(N,)` or `(N, 1)`, or one-hot `(N, C)`.
        num_pairs: How many pairs of different rows to draw.
        num_points: How many values of λ, 2 or more; they lie evenly from 0 to 1.
        seed: An integer for the pairs, the same on every backend; None draws one.
        batch_size: Rows at a time.
        verbose: True shows a progress bar.

    Returns:
        A dict of NumPy arrays of shape `(num_points,)`: `"coefficients"`, the λ;
        `"misses"`, the share of misses, 0 to 1; `"gradient_norm"`, the mean Euclidean
        norm of the gradient.

    Raises:
        ValueError: For arguments out of range, and a model whose output is no class
            scores or is NaN.

    References:
        Figure 2 of Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR
        2018. The paper does not say which function's gradient it shows; here it is the
        gradient of the loss.

    Example:

    >>> import keras, numpy as np
    >>> from keras_multimix.evaluation import interpolation_profile
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    >>> x, y = np.eye(2, dtype="float32"), np.array([0, 1])
    >>> profile = interpolation_profile(model, x, y, 4, num_points=3, verbose=False)
    >>> profile["coefficients"].tolist(), profile["misses"].tolist()
    ([0.0, 0.5, 1.0], [0.0, 0.0, 0.0])
    """
    x = rows.check_inputs(x)
    num_pairs = check_count("num_pairs", num_pairs)
    num_points = check_count("num_points", num_points, minimum=2)
    batch_size = check_count("batch_size", batch_size)
    if len(x) < 2:
        raise invalid(
            "argument `x`",
            expected="two rows or more, to draw pairs of",
            received="1 row",
            fix="pass the training set",
        )
    logits = Logits(model, x[:batch_size])
    y = rows.check_labels(y, len(x), logits.num_classes)
    rng = np.random.default_rng(resolve_seed(seed))
    first = rng.integers(0, len(x), num_pairs)
    second = (first + rng.integers(1, len(x), num_pairs)) % len(x)

    def objective(mixed, target):
        return ops.sum(logits.cross_entropy(mixed, target))

    gradient = gradients.input_gradient(logits.model, objective)
    scores = forward.compiled(model, logits)
    one_hot = np.eye(logits.num_classes, dtype="float32")

    def look_at(indices):
        """Returns for each pair and point, `(rows, 2)`: a miss or not, and the norm."""
        pairs, points = np.divmod(ops.convert_to_numpy(indices), num_points)
        weight = (points / (num_points - 1)).astype("float32")
        spread = weight.reshape(-1, *(1,) * (x.ndim - 1)).astype(x.dtype)
        mixed = spread * x[first[pairs]] + (1 - spread) * x[second[pairs]]
        own, partner = y[first[pairs]], y[second[pairs]]
        share = weight[:, None]
        target = share * one_hot[own] + (1 - share) * one_hot[partner]
        batch = [ops.convert_to_tensor(each) for each in (mixed, target)]
        predicted = ops.convert_to_numpy(ops.argmax(scores(batch[0]), axis=-1))
        slopes = gradient(*batch)
        check_gradient(slopes)
        slopes = ops.convert_to_numpy(slopes).astype("float64").reshape(len(pairs), -1)
        misses = (predicted != own) & (predicted != partner)
        return np.stack([misses, np.linalg.norm(slopes, axis=1)], axis=1)

    every = np.arange(num_pairs * num_points, dtype="int32")
    found = rows.in_batches(look_at, [every], batch_size, verbose)
    found = found.reshape(num_pairs, num_points, 2).mean(axis=0)
    return {
        "coefficients": np.linspace(0, 1, num_points),
        "misses": found[:, 0],
        "gradient_norm": found[:, 1],
    }

"""The variance of the stochastic gradient that mixed batches give."""

import keras
import numpy as np
from keras import ops

from keras_multimix.annotations import Structure
from keras_multimix.arguments import check_count, check_flag, invalid, resolve_seed
from keras_multimix.evaluation import gradients, rows
from keras_multimix.evaluation.logits import Logits, check_gradient
from keras_multimix.evaluation.plain_model import plain_model
from keras_multimix.layers.pair_mixing_layer import PairMixingLayer


def gradient_variance(
    model: keras.Model,
    mixer,
    x: Structure,
    y: Structure,
    batch_size: int,
    num_draws: int,
    seed: int | None = None,
    *,
    loss=None,
    independent_pairs: bool = False,
    verbose: bool = True,
):
    """Returns the variance of the gradient over draws of pairs and of coefficients.

    The gradient g is that of a mixed batch's mean loss with respect to all trainable
    weights; its variance is the trace of its covariance, E‖g − E g‖². Each draw takes a
    batch of different rows and their partners, the pairs p, and draws coefficients for
    these pairs twice. So the variance can be split by its causes: that of the pairs,
    Var E[g | p], and that of the coefficients, E Var[g | p]. The model is called
    without training (dropout off, batch normalization with its moving statistics). Only
    two mean gradients are kept.

    Args:
        model: A `keras.Model` of one input and one output, which are scores `(N, C)` if
            no `loss` is given.
        mixer: A `MixUp`, `MultiMix`, `RegMixup` or `CutMix` layer. It draws from its
            own seed; its count of calls does not change.
        x: The inputs, floats of shape `(N, ...)`.
        y: Their labels: class indices `(N,)` or `(N, 1)`, or one-hot `(N, C)`. With a
            `loss`, floats of shape `(N, ...)` as that loss wants them.
        batch_size: B, rows of a batch before mixing.
        num_draws: How many draws, 2 or more. The standard errors fall with the square
            root of this number.
        seed: An integer for the batches, the same on every backend; None draws one.
        loss: None for the cross-entropy of a classifier. For a regression a
            `keras.losses.Loss`, a name or a function as `model.compile` takes it, for
            instance `"mse"`.
        independent_pairs: True draws the partners as another batch of other rows,
            instead of by the mixer's pairing.
        verbose: True shows a progress bar.

    Returns:
        A dict of floats: `"total"`, and its two parts `"pairs"` and `"coefficients"`,
        unbiased; `"total_error"`, `"pairs_error"` and `"coefficients_error"`, their
        standard errors.

    Raises:
        ValueError: For arguments out of range, a data set smaller than the batch, a
            model whose output is no class scores or is NaN, and, with a `loss`, labels
            that are no floats.

    References:
        The law of total variance; its use for K interpolations: Shen et al., "Mixup
        Augmentation with Multiple Interpolations", 2024. Streaming: Welford,
        Technometrics 4 (3), 1962.

    Example:

    >>> import keras, numpy as np
    >>> from keras_multimix import MixUp
    >>> from keras_multimix.evaluation import gradient_variance
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    >>> x, y = np.eye(2, dtype="float32")[[0, 1] * 5], np.array([0, 1] * 5)
    >>> found = gradient_variance(model, MixUp(0), x, y, 4, num_draws=9, verbose=False)
    >>> found["coefficients"]  # α = 0 leaves nothing to draw
    0.0
    """
    if not isinstance(mixer, PairMixingLayer):
        raise invalid(
            "argument `mixer`",
            expected="a MixUp, MultiMix, RegMixup or CutMix layer",
            received=f"{mixer!r:.80}",
            fix="pass for instance `MultiMix(alpha=1.0)`; `MixUp(0)` is plain training",
        )
    x = rows.check_inputs(x)
    batch_size = check_count("batch_size", batch_size)
    num_draws = check_count("num_draws", num_draws, minimum=2)
    check_flag("independent_pairs", independent_pairs)
    num_rows = batch_size * (1 + independent_pairs)
    if len(x) < num_rows:
        raise invalid(
            "argument `x`",
            expected=f"{num_rows} rows or more, for batches of different rows",
            received=f"{len(x)} rows",
            fix="pass more rows or a smaller `batch_size`",
        )
    if loss is None:
        model, targets, objective = _of_classes(model, x[:batch_size], y, len(x))
    else:
        model, targets, objective = _of_numbers(model, loss, y, len(x))
    rng = np.random.default_rng(resolve_seed(seed))
    gradient = gradients.weight_gradient(model, objective)

    def gradient_of(own, partner, step):
        batch, others = ((x[each], targets[each]) for each in (own, partner))
        mixed = mixer.mix_pairs(batch, others, step=step)
        found = gradient(*map(ops.convert_to_tensor, mixed))
        check_gradient(found)
        return np.array(ops.convert_to_numpy(found), dtype="float64")

    progress = keras.utils.Progbar(num_draws, verbose=int(verbose), unit_name="draw")
    spread = _Spread()
    for draw in range(num_draws):
        drawn = rng.choice(len(x), num_rows, replace=False)
        own = drawn[:batch_size]
        if independent_pairs:
            partner = drawn[batch_size:]
        else:
            batch = (x[own], y[own])
            found = mixer.get_random_transformation(batch, step=2 * draw)
            partner = own[found["partner"]]
        spread.add(*(gradient_of(own, partner, 2 * draw + i) for i in range(2)))
        progress.add(1)
    return spread.result()


def _of_classes(model, x, y, num_rows):
    """Returns the model, the labels one-hot, and the mean cross-entropy of a batch."""
    logits = Logits(model, x)
    y = rows.check_labels(y, num_rows, logits.num_classes)
    targets = np.eye(logits.num_classes, dtype="float32")[y]
    return logits.model, targets, lambda x, y: ops.mean(logits.cross_entropy(x, y))


def _of_numbers(model, loss, y, num_rows):
    """Returns the model, the labels, and the mean of any loss of a batch."""
    model = plain_model(model)
    loss = keras.losses.get(loss)

    def objective(x, y):
        found = model(x, training=False)
        # One number a row may come with or without an axis of its own. A function of
        # one's own would broadcast (N,) against (N, 1) to (N, N).
        if found.shape[-1] == 1 and len(found.shape) == len(y.shape) + 1:
            y = y[..., None]
        return ops.mean(loss(y, found))

    return model, rows.check_numbers(y, num_rows), objective


class _Spread:
    """Variance of pairs of gradients that share their pairs of rows, as they come."""

    def __init__(self):
        self._count = 0
        self._means = None
        self._totals = []
        self._coefficients = []

    def add(self, *gradients):
        """Adds the two gradients of a draw."""
        self._count += 1
        self._coefficients.append(_square(gradients[0] - gradients[1]) / 2)
        if self._means is None:
            self._means = [gradient.copy() for gradient in gradients]
            return
        # Each term of Welford's sum estimates the variance without bias.
        share = (self._count - 1) / self._count
        terms = []
        for mean, gradient in zip(self._means, gradients, strict=True):
            terms.append(share * _square(gradient - mean))
            mean += (gradient - mean) / self._count
        self._totals.append(np.mean(terms))

    def result(self):
        """Returns the estimates and their standard errors."""
        totals = np.array(self._totals)
        coefficients = np.array(self._coefficients)
        parts = {
            "total": totals,
            "pairs": totals - coefficients[1:],
            "coefficients": coefficients,
        }
        means = {name: float(terms.mean()) for name, terms in parts.items()}
        means["pairs"] = means["total"] - means["coefficients"]
        errors = {
            f"{name}_error": float(terms.std(ddof=1) / np.sqrt(len(terms)))
            if len(terms) > 1
            else float("nan")
            for name, terms in parts.items()
        }
        return means | errors


def _square(gradient):
    return float(gradient @ gradient)

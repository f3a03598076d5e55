"""How often a model errs on examples that an attack has made."""

import keras
import numpy as np

from keras_multimix import class_scores
from keras_multimix.annotations import Structure
from keras_multimix.arguments import check_count, invalid
from keras_multimix.evaluation import forward, rows
from keras_multimix.evaluation.logits import Logits


def adversarial_error(
    model: keras.Model,
    x: Structure,
    y: Structure,
    attack=None,
    *,
    batch_size: int = 128,
    verbose: bool = True,
):
    """Returns how often a model errs on adversarial examples.

    Args:
        model: A `keras.Model` of one input that gives scores `(N, C)`.
        x: The inputs, floats of shape `(N, ...)`.
        y: Their labels: class indices `(N,)` or `(N, 1)`; or one-hot or smoothed
            `(N, C)`, whose largest entry counts.
        attack: A function `(model, x, y)` that returns examples, such as
            `functools.partial(fgsm, epsilon=4 / 255)`, for the white box; the examples
            themselves, made with another model, for the black box; None for the error
            on `x`.
        batch_size: Rows at a time.
        verbose: True shows a progress bar.

    Returns:
        A dict of shares from 0 to 1: `"top1"`, how often the label does not have the
        highest score, and `"top5"`, how often it does not have one of the five highest.

    Raises:
        ValueError: For examples of another shape than `x`, and as `fgsm` does.

    References:
        Section 3.5 of Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR
        2018.

    Example:

    >>> import functools, keras, numpy as np
    >>> from keras_multimix.evaluation import adversarial_error, fgsm
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    >>> model.set_weights([np.eye(2), np.zeros(2)])
    >>> x, y = np.array([[0.6, 0.4]], "float32"), np.array([0])
    >>> attack = functools.partial(fgsm, epsilon=0.125, verbose=False)
    >>> adversarial_error(model, x, y, attack, verbose=False)["top1"]
    1.0
    """
    x = rows.check_inputs(x)
    batch_size = check_count("batch_size", batch_size)
    logits = Logits(model, x[:batch_size])
    y = rows.check_labels(y, len(x), logits.num_classes)
    examples = attack(model, x, y) if callable(attack) else attack
    examples = x if examples is None else rows.check_inputs(examples)
    if examples.shape != x.shape:
        raise invalid(
            "argument `attack`",
            expected=f"examples of the shape of `x`, {x.shape}",
            received=f"shape {examples.shape}",
            fix="make them from the same rows",
        )
    scores = forward.compiled(model, logits)
    found = rows.in_batches(scores, [examples], batch_size, verbose)
    class_scores.check_scores(found, from_logits=True)
    # A label whose score is shared counts as the last: no credit for a tie.
    own = found[np.arange(len(y)), y]
    above = (found >= own[:, None]).sum(axis=1) - 1
    return {"top1": float((above >= 1).mean()), "top5": float((above >= 5).mean())}

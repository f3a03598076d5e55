"""The logits of a model, also of one that ends in a softmax or in sigmoids."""

import contextlib
import threading

import keras
import numpy as np
from keras import ops

from keras_multimix import class_scores
from keras_multimix.annotations import Structure
from keras_multimix.arguments import invalid
from keras_multimix.evaluation.plain_model import plain_model
from keras_multimix.models import endings

_LOCK = threading.RLock()
_TINY = float(np.finfo("float32").tiny)


class Logits:
    """Calls a classifier for its logits, without training.

    The softmax, or the sigmoid of each class, that ends a functional or sequential
    model is left out for the call, because its gradient is 0 where a probability rounds
    to 1. If another model returns probabilities, the call returns their
    logarithms; where a probability that a loss needs rounds to 0, its gradient is NaN.

    Args:
        model: A `keras.Model` of one input and of scores `(B, C)`.
        x: A few rows of its inputs, to look at its scores.

    Raises:
        ValueError: If it is no such model, or its scores are NaN.
    """

    def __init__(self, model: keras.Model, x: Structure):
        model = self.model = plain_model(model)
        _check_one_input(model)
        x = ops.convert_to_tensor(x)
        found = ops.convert_to_tensor(_only(model(x, training=False)))
        class_scores.check_scores(found, from_logits=True)
        if len(found.shape) != 2:
            raise invalid(
                "model",
                expected="one score for each class, shape (batch, classes)",
                received=f"an output of shape {tuple(found.shape)}",
                fix="pass a classifier",
            )
        self.num_classes = found.shape[-1]
        last = endings.last_operation(model)
        self._ending = _ending_of(last)
        if self._ending is not None and self._calls_of_ending(x) != 1:
            self._ending = None  # it is a part of the model elsewhere, too
        is_linear = isinstance(last, keras.layers.Dense) and endings.is_linear(last)
        self._are_logits = (
            self._ending is not None or is_linear or not _are_probabilities(found, last)
        )

    def __call__(self, x: Structure):
        """Returns float32 logits `(B, C)` of a tensor of inputs."""
        found = self._scores(x)
        return found if self._are_logits else ops.log(ops.maximum(found, _TINY))

    def cross_entropy(self, x: Structure, target):
        """Returns the loss of each row, `(B,)`, against labels `(B, C)` of any mix.

        It is Σ_j t_j·(z_best − z_j) + log(1 + Σ_{j ≠ best} exp(z_j − z_best)), whose
        gradient holds no p − 1 that would round to 0 where the net is sure of itself.
        """
        found = self._scores(x)
        if not self._are_logits:
            needed = target > 0
            logarithms = ops.log(ops.where(needed, found, 1.0))
            terms = ops.where(needed, target * logarithms, 0.0)
            return ops.log(ops.sum(found, axis=-1)) - ops.sum(terms, axis=-1)
        best = ops.one_hot(ops.argmax(found, axis=-1), self.num_classes, dtype="bool")
        behind = ops.where(best, 0.0, _entry(found, best)[:, None] - found)
        others = ops.sum(ops.where(best, 0.0, ops.exp(-behind)), axis=-1)
        return ops.sum(target * behind, axis=-1) + ops.log1p(others)

    def odds_against(self, x: Structure, classes):
        """Returns the log-odds against a class, `(B,)`: log((1 − p) / p).

        Written in margins, it is log Σ_{j ≠ y} exp(z_j − z_y). The cross-entropy is
        log(1 + exp(·)) of it: it has the same direction everywhere, but a gradient
        that shrinks with 1 − p and rounds to 0 where the net is sure of itself.

        Args:
            x: A tensor of inputs.
            classes: Integers, shape `(B,)`.
        """
        found = self._scores(x)
        own = ops.one_hot(classes, self.num_classes, dtype="bool")
        if not self._are_logits:
            others = ops.sum(ops.where(own, 0.0, found), axis=-1)
            return ops.log(others) - ops.log(_entry(found, own))
        margins = found - _entry(found, own)[:, None]
        highest = ops.max(ops.where(own, -np.inf, margins), axis=-1, keepdims=True)
        highest = ops.stop_gradient(highest)
        below = ops.where(own, 0.0, margins - highest)
        others = ops.sum(ops.where(own, 0.0, ops.exp(below)), axis=-1)
        return ops.log(others) + highest[:, 0]

    def _scores(self, x):
        with _LOCK, _left_out(self._ending):
            return ops.cast(_only(self.model(x, training=False)), "float32")

    def _calls_of_ending(self, x):
        with _LOCK, _left_out(self._ending) as calls:
            self.model(x, training=False)
        return len(calls)


def check_gradient(gradient):
    """Refuses a gradient that is no number.

    Args:
        gradient: A tensor of shape `(B, ...)`.

    Raises:
        ValueError: If it holds NaN or infinity.
    """
    finite = np.isfinite(np.asarray(ops.convert_to_numpy(gradient), dtype="float32"))
    if not finite.all():
        raise invalid(
            "gradient of the model",
            expected="numbers",
            received=f"NaN or infinity in {int((~finite).sum())} of {finite.size}",
            fix="pass a model that returns logits: probabilities that round to 0 have "
            "no gradient; if it does, look for scores that overflow its dtype",
        )


def _entry(scores, one):
    """Returns the scores `(B,)` where a mask `(B, C)` is True, once in each row."""
    return ops.sum(ops.where(one, scores, 0.0), axis=-1)


def _only(outputs):
    leaves = keras.tree.flatten(outputs)
    if len(leaves) != 1:
        raise invalid(
            "model",
            expected="one output, the scores of the classes",
            received=f"{len(leaves)} outputs",
            fix="make a model of that output, `keras.Model(model.inputs, output)`",
        )
    return leaves[0]


def _check_one_input(model):
    count = len(model.inputs) if endings.has_graph(model) else 1
    if count > 1:
        raise invalid(
            "model",
            expected="a model of one input",
            received=f"{count} inputs",
            fix="make a model of one of them that fixes the others",
        )


def _are_probabilities(found, last):
    """Whether scores of an unknown origin are probabilities of classes.

    Raises:
        ValueError: If they look like what sigmoids return.
    """
    values = np.array(ops.convert_to_numpy(found), dtype="float32")
    if not endings.look_like_probabilities(values):
        return False
    if not np.allclose(values.sum(axis=-1), 1, atol=0.02):
        raise invalid(
            "model",
            expected="logits, probabilities that sum to 1, or sigmoids as the last "
            "layer",
            received="scores between 0 and 1 that do not sum to 1, from "
            f"{endings.shown(last)}",
            fix="pass a model that returns its logits",
        )
    return True


def _ending_of(operation):
    """Returns whose attribute is to be replaced for logits, and its name, or None."""
    if endings.kind_of(operation) is None or not (
        endings.is_over_last_axis(operation, rank=2)
    ):
        return None
    own = endings.has_own_activation(operation)
    return operation, "activation" if own else "call"


@contextlib.contextmanager
def _left_out(ending):
    """Lets an operation return its inputs; yields a list that grows by its calls."""
    calls = []
    if ending is None:
        yield calls
        return
    operation, name = ending
    before = getattr(operation, name)

    def passed_on(inputs, mask=None):
        calls.append(operation)
        return inputs

    setattr(operation, name, passed_on)
    try:
        yield calls
    finally:
        if name == "call":
            del operation.call
        else:
            operation.activation = before

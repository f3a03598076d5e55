"""The logits of a model, also of one that ends in a softmax."""

import contextlib
import threading

import keras
import numpy as np
from keras import ops

from keras_multimix import class_scores
from keras_multimix.arguments import invalid
from keras_multimix.keras_fixes import model_graph
from keras_multimix.models.mixup.model import MixupModel

_LOCK = threading.RLock()


class Logits:
    """Calls a classifier for its logits, without training.

    The softmax that ends a functional or sequential model is left out for the call:
    where a probability rounds to 1, nothing comes back through it, and an attack on
    the most confident model would look like its robustness. Of other models that
    return probabilities, their logarithms serve.

    Args:
        model: A `keras.Model` of one input and of scores `(B, C)`.
        x: A few rows of its inputs, to look at its scores.

    Raises:
        ValueError: If it is no such model, or its scores are NaN.
    """

    def __init__(self, model, x):
        if isinstance(model, MixupModel):
            model = model.base_model
        if not isinstance(model, keras.Model):
            raise invalid(
                "argument `model`",
                expected="a keras.Model",
                received=f"{model!r:.80}",
                fix="wrap layers in `keras.Sequential([...])`",
            )
        self.model = model
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
        self._softmax = _last_softmax(model)
        self._are_logits = self._softmax is not None or not _are_probabilities(found)

    def __call__(self, x):
        """Returns float32 logits `(B, C)` of a tensor of inputs."""
        with _LOCK, _left_out(self._softmax):
            found = ops.cast(_only(self.model(x, training=False)), "float32")
        if self._are_logits:
            return found
        return ops.log(ops.maximum(found, keras.config.epsilon()))

    def cross_entropy(self, x, target):
        """Returns the loss of each row, `(B,)`, against labels `(B, C)` of any mix."""
        return ops.categorical_crossentropy(target, self(x), from_logits=True)


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


def _are_probabilities(found):
    values = np.array(ops.convert_to_numpy(found), dtype="float32")
    return bool((values >= 0).all() and np.allclose(values.sum(axis=-1), 1, atol=0.02))


def _last_softmax(model):
    """Returns the layer whose softmax gives a model's scores, or None."""
    if isinstance(model, keras.Sequential):
        last = model.layers[-1] if model.layers else None
    else:
        outputs = keras.tree.flatten(getattr(model, "outputs", None) or [])
        last = model_graph.node_of(outputs[0]).operation if outputs else None
    if isinstance(last, keras.Model):
        return _last_softmax(last)
    if isinstance(last, keras.layers.Softmax):
        return last if last.axis == -1 else None
    of_softmax = getattr(last, "activation", None) is keras.activations.softmax
    return last if of_softmax else None


@contextlib.contextmanager
def _left_out(layer):
    if layer is None:
        yield
    elif isinstance(layer, keras.layers.Softmax):
        layer.call = lambda inputs, mask=None: inputs
        try:
            yield
        finally:
            del layer.call
    else:
        layer.activation = keras.activations.linear
        try:
            yield
        finally:
            layer.activation = keras.activations.softmax

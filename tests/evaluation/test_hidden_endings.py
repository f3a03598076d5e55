"""Scores whose origin cannot be seen: probabilities are not taken for logits."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_multimix import evaluation
from tests.helpers import assert_three_parts

RNG = np.random.default_rng(0)
X = RNG.uniform(size=(40, 4)).astype("float32")
Y = RNG.integers(0, 3, 40)
FUNCTIONS = {"sigmoid": lambda z: keras.ops.sigmoid(z), "logits": lambda z: 4 * z - 2}


class Subclassed(keras.Model):
    def __init__(self, function):
        super().__init__()
        self.dense, self.function = layers.Dense(3), function

    def call(self, x):
        return self.function(self.dense(x))


def model_of(kind, function):
    if kind == "subclassed":
        return Subclassed(FUNCTIONS[function])
    last = {
        "lambda": layers.Lambda(FUNCTIONS[function], output_shape=(3,)),
        "activation": layers.Activation(FUNCTIONS[function]),
        "hard_sigmoid": layers.Activation("hard_sigmoid"),
    }[kind]
    return keras.Sequential([keras.Input((4,)), layers.Dense(3), last])


MEASURES = {
    "calibrate": lambda net: evaluation.calibrate(net, X, Y, verbose=False),
    "corruption_errors": lambda net: evaluation.corruption_errors(
        net, X, Y, {"none": lambda x: x}, verbose=False
    ),
    "interpolation_profile": lambda net: evaluation.interpolation_profile(
        net, X, Y, 20, 3, seed=0, verbose=False
    ),
    "fgsm": lambda net: evaluation.fgsm(net, X, Y, 0.1, verbose=False),
}


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("kind", ["subclassed", "lambda", "activation", "hard_sigmoid"])
def test_sigmoids_that_cannot_be_seen_are_refused(measure, kind):
    with pytest.raises(ValueError, match="model") as error:
        MEASURES[measure](model_of(kind, "sigmoid"))
    assert_three_parts(error)
    assert "returns its logits" in str(error.value)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("kind", ["subclassed", "lambda", "activation"])
def test_logits_of_such_models_are_measured(measure, kind):
    assert MEASURES[measure](model_of(kind, "logits")) is not None


def test_scores_of_0_are_logits():
    net = Subclassed(lambda z: 0 * z)
    assert evaluation.corruption_errors(net, X, Y, {"none": lambda x: x}, verbose=False)


def test_models_of_several_inputs_are_refused():
    inputs = [keras.Input((4,)), keras.Input((4,))]
    net = keras.Model(inputs, layers.Dense(3)(keras.ops.add(*inputs)))
    with pytest.raises(ValueError, match="2 inputs") as error:
        evaluation.fgsm(net, X, Y, 0.1, verbose=False)
    assert_three_parts(error)

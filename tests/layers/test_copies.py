"""Copies of a layer: deep copies, cloned models, policies in a configuration."""

import copy

import keras
import numpy as np
import pytest

from keras_multimix import CutMix, MixUp, MultiMix
from tests import helpers

LAYERS = [MixUp, MultiMix, CutMix]


@pytest.mark.parametrize("layer_class", LAYERS)
def test_a_deep_copy_goes_on_by_itself(rng, layer_class):
    x = rng.normal(size=(4, 5, 5)).astype("float32")
    layer = layer_class(seed=3)
    layer(x)
    twin = copy.deepcopy(layer)
    np.testing.assert_array_equal(twin(x), layer(x))
    twin(x)
    assert helpers.state(twin)[2] == helpers.state(layer)[2] + 1


@pytest.mark.parametrize("layer_class", LAYERS)
def test_a_cloned_model_has_the_stream_of_its_model(rng, layer_class):
    x = helpers.tensors(rng.normal(size=(4, 5, 5)).astype("float32"))
    inputs = keras.Input((5, 5))
    model = keras.Model(inputs, layer_class()(inputs))  # a seed of its own
    clone = keras.models.clone_model(model)
    for _ in range(2):
        np.testing.assert_allclose(
            *(helpers.in_numpy(each(x, training=True)) for each in (model, clone)),
            atol=1e-6,
        )


@pytest.mark.parametrize("layer_class", LAYERS)
@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_the_policy_is_saved(layer_class, policy):
    layer = layer_class(dtype=policy, name="mixer")
    twin = layer_class.from_config(layer.get_config())
    assert twin.dtype_policy.name == policy and twin.name == "mixer"
    assert twin.compute_dtype == layer.compute_dtype


@pytest.mark.parametrize("layer_class", LAYERS)
def test_the_state_is_the_only_weight_and_is_not_trained(layer_class):
    layer = layer_class(seed=2**40 + 7)
    assert [tuple(weight.shape) for weight in layer.weights] == [(3,)]
    assert layer.trainable_weights == []
    assert helpers.state(layer) == [7, 2**8, 0]
    before = layer.get_weights()
    layer(np.zeros((3, 2, 2), "float32"))
    after = layer.get_weights()[0]
    layer.set_weights(before)
    assert helpers.state(layer) == [7, 2**8, 0] and after.tolist() == [7, 2**8, 1]


@pytest.mark.skipif(helpers.backend() == "torch", reason="PyTorch brings a compiler")
def test_a_model_compiled_by_xla_trains_with_a_layer_inside(rng):
    x = rng.normal(size=(8, 4)).astype("float32")
    layer = MixUp(0.2, pairing="mirror", seed=0)
    model = keras.Sequential([keras.Input((4,)), layer, keras.layers.Dense(1)])
    model.compile("sgd", "mse", jit_compile=True)
    history = model.fit(x, x[:, :1], batch_size=4, epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    assert helpers.state(layer)[2] == 4

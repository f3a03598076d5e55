"""Layers inside models, saved and loaded."""

import keras
import numpy as np
import pytest

from keras_multimix import CutMix, MixUp, MultiMix
from tests import helpers

LAYERS = [MixUp, MultiMix, CutMix]


def last_row(x, y, seed):
    return np.full(len(x), len(x) - 1)


@pytest.mark.parametrize("layer_class", LAYERS)
def test_config_round_trip(layer_class):
    layer = layer_class(
        0.3,
        2,
        sampling="shared",
        pairing="mirror",
        mix_labels=False,
        num_classes=4,
        keep_batch_size=True,
        seed=5,
        name="mixing",
    )
    config = layer.get_config()
    copy = layer_class.from_config(config)
    assert copy.get_config() == config
    x, y = np.random.rand(6, 4, 4), np.arange(6) % 4
    for got, expected in zip(copy(x, y), layer(x, y), strict=True):
        np.testing.assert_array_equal(got, expected)
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(layer)
    )
    assert type(again) is layer_class and again.get_config() == config


@pytest.mark.parametrize("layer_class", LAYERS)
def test_classes_are_registered_under_the_package(layer_class):
    name = keras.saving.get_registered_name(layer_class)
    assert name == f"keras_multimix>{layer_class.__name__}"


def test_a_callable_pairing_is_saved_by_its_registered_name():
    pairing = keras.saving.register_keras_serializable("tests")(last_row)
    layer = MixUp(pairing=pairing, seed=0)
    copy = MixUp.from_config(layer.get_config())
    assert copy.pairing is pairing


def mixing_model(layer, with_labels=True):
    inputs = keras.Input((4, 4))
    if not with_labels:
        return keras.Model(inputs, layer(inputs))
    labels = keras.Input((), dtype="int32")
    return keras.Model([inputs, labels], layer(inputs, labels))


@pytest.mark.parametrize("layer_class", LAYERS)
def test_functional_model_mixes_in_training_only(rng, layer_class):
    x, y = rng.normal(size=(6, 4, 4)).astype("float32"), np.arange(6) % 3
    layer = layer_class(num_classes=3, seed=0)
    model = mixing_model(layer)
    assert helpers.state(layer)[2] == 0  # building drew nothing
    mixed = model(helpers.tensors([x, y]), training=True)
    wanted = layer(x, y, step=0)
    for got, expected in zip(helpers.in_numpy(mixed), wanted, strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-5)
    assert helpers.state(layer)[2] == 1
    same_x, same_y = model.predict([x, y], verbose=0)
    np.testing.assert_array_equal(same_x, x)
    np.testing.assert_array_equal(same_y, y)
    assert helpers.state(layer)[2] == 1


def test_symbolic_shapes():
    inputs, labels = keras.Input((4, 4), batch_size=6), keras.Input((), 6, "int32")
    mixed, one_hot = MultiMix(num_classes=3)(inputs, labels)
    assert mixed.shape == (30, 4, 4) and one_hot.shape == (30, 3)
    mixed, one_hot = MultiMix(num_classes=3, keep_batch_size=True)((inputs, labels))
    assert mixed.shape == (5, 4, 4) and one_hot.dtype == "float32"
    mixed = MixUp()(keras.Input((2,)))
    assert mixed.shape == (None, 2)


def test_trained_inside_a_model(rng):
    x = rng.normal(size=(10, 4)).astype("float32")
    layer = MixUp(seed=0)
    model = keras.Sequential([keras.Input((4,)), layer, keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(x, x[:, :1], batch_size=4, epochs=2, verbose=0)
    assert helpers.state(layer)[2] == 6
    model.evaluate(x, x[:, :1], verbose=0)
    assert helpers.state(layer)[2] == 6


@pytest.mark.parametrize("layer_class", LAYERS)
def test_a_saved_model_goes_on_in_the_stream(rng, layer_class, tmp_path):
    data = [rng.normal(size=(6, 4, 4)).astype("float32"), np.arange(6) % 3]
    data = helpers.tensors(data)
    model = mixing_model(layer_class(num_classes=3))  # a seed of its own
    for _ in range(3):
        model(data, training=True)
    model.save(tmp_path / "mixing.keras")
    model.save_weights(tmp_path / "mixing.weights.h5")
    loaded = keras.saving.load_model(tmp_path / "mixing.keras")
    other = mixing_model(layer_class(num_classes=3, seed=99))
    other.load_weights(tmp_path / "mixing.weights.h5")
    expected = helpers.in_numpy(model(data, training=True))
    for restored in (loaded, other):
        got = helpers.in_numpy(restored(data, training=True))
        for a, b in zip(got, expected, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)


def test_a_mask_of_the_inputs_does_not_pass():
    inputs = keras.Input((5, 2))
    masked = keras.layers.Masking()(inputs)
    outputs = keras.layers.LSTM(2)(MultiMix()(masked))
    assert keras.Model(inputs, outputs).output_shape == (None, 2)


def test_inference_needs_no_step_where_calls_cannot_be_counted(rng):
    class Holder(keras.Model):
        def __init__(self):
            super().__init__()
            self.mixing = MixUp(seed=0)

        def call(self, x):
            return self.mixing(x)

    model = Holder()
    x = helpers.tensors(rng.normal(size=(4, 3)).astype("float32"))
    for how in helpers.compilations():
        same = helpers.compiled(lambda x: model(x, training=False), how)(x)
        np.testing.assert_array_equal(helpers.in_numpy(same), helpers.in_numpy(x))
    assert helpers.state(model.mixing)[2] == 0

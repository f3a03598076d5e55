"""Files that version 0.1.0 has saved load, and go on where they stopped."""

import json

import keras
import numpy as np
import pytest

from tests.saved import write

CUSTOM = ("input", "hidden")


def recorded(name):
    return dict(np.load(write.FOLDER / f"{name}.npz"))


def assert_draws_next(layer, expected):
    got = write.next_draws(layer)
    for key, value in expected.items():
        np.testing.assert_allclose(got[key], value, atol=1e-6, err_msg=key)


def of(number, arrays):
    start = f"{number}/"
    return {k.removeprefix(start): v for k, v in arrays.items() if k.startswith(start)}


def test_configs_of_every_layer():
    text = (write.FOLDER / "layers.json").read_text(encoding="utf-8")
    expected = recorded("layers")
    pairs = zip(json.loads(text), write.every_layer(), strict=True)
    for number, (config, same) in enumerate(pairs):
        layer = keras.saving.deserialize_keras_object(config)
        assert type(layer) is type(same)
        assert layer.get_config() | {"name": ""} == same.get_config() | {
            "name": ""
        } or (
            "layers" in same.get_config()  # whose own names are counted
        )
        assert_draws_next(layer, of(number, expected))


def test_layers_inside_of_a_model():
    model = keras.saving.load_model(write.FOLDER / "layers_inside.keras")
    mixers = model.layers[2:]
    assert [type(each).__name__ for each in mixers] == [
        "MixUp",
        "MultiMix",
        "CutMix",
        "RandomMix",
    ]
    for number, layer in enumerate(mixers):
        assert_draws_next(layer, of(number, recorded("layers_inside")))


@pytest.mark.parametrize("name", CUSTOM)
def test_a_mixup_model(name):
    expected = recorded(f"mixed_at_{name}")
    model = keras.saving.load_model(write.FOLDER / f"mixed_at_{name}.keras")
    predicted = model.predict(write.batch()[0], verbose=0)
    np.testing.assert_allclose(predicted, expected.pop("predicted"), atol=1e-5)
    before = int(model.optimizer.iterations)
    assert_draws_next(model.mixer, expected)
    history = model.fit(*write.batch(), verbose=0)
    assert int(model.optimizer.iterations) == before + 1
    assert np.isfinite(history.history["loss"]).all()


@pytest.mark.parametrize("name", CUSTOM)
def test_weights_of_a_mixup_model(name):
    expected = recorded(f"mixed_at_{name}")
    model = write.trained(None if name == "input" else ["input", "hidden"])
    model.load_weights(write.FOLDER / f"mixed_at_{name}.weights.h5")
    predicted = model.predict(write.batch()[0], verbose=0)
    np.testing.assert_allclose(predicted, expected.pop("predicted"), atol=1e-5)
    assert_draws_next(model.mixer, expected)


def test_a_mixup_gan():
    model = keras.saving.load_model(write.FOLDER / "gan.keras")
    expected = recorded("gan")["predicted"]
    np.testing.assert_allclose(model.generate(5, seed=1), expected, atol=1e-5)
    history = model.fit(write.batch()[1], batch_size=write.ROWS, verbose=0)
    assert all(np.isfinite(each).all() for each in history.history.values())

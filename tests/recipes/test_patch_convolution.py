"""The convolution of patches is the convolution of Keras."""

import keras
import numpy as np
import pytest

from recipes.networks.patch_convolution import PatchConv2D

CASES = [
    {"kernel_size": 3, "padding": "same"},
    {"kernel_size": 3, "padding": "same", "strides": 2},
    {"kernel_size": (2, 5), "padding": "same", "strides": (3, 2)},
    {"kernel_size": 3, "strides": 2, "activation": "relu"},
    {"kernel_size": (4, 1), "use_bias": False},
    {"kernel_size": 1, "strides": 2, "use_bias": False},
]


@pytest.mark.spread
@pytest.mark.parametrize("size", [(7, 6), (8, 9)])
@pytest.mark.parametrize("options", CASES, ids=str)
def test_outputs_and_training_are_those_of_keras(options, size, rng):
    x = rng.normal(size=(4, *size, 3)).astype("float32")
    plain = keras.Sequential([keras.layers.Conv2D(5, **options)])
    patches = keras.Sequential([PatchConv2D(5, **options)])
    expected = plain.predict(x, verbose=0)
    assert patches.predict(x, verbose=0).shape == expected.shape
    weights = [rng.normal(size=w.shape) for w in plain.get_weights()]
    for model in (plain, patches):
        model.set_weights(weights)
        model.compile("sgd", "mse")
    expected = plain.predict(x, verbose=0)
    np.testing.assert_allclose(patches.predict(x, verbose=0), expected, 1e-4, 1e-5)
    for model in (plain, patches):
        model.fit(x, np.ones_like(expected), epochs=2, batch_size=4, verbose=0)
    for ours, keras_own in zip(patches.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(ours, keras_own, rtol=1e-4, atol=1e-5)


def test_a_saved_model_comes_back(tmp_path, rng):
    x = rng.normal(size=(2, 6, 6, 2)).astype("float32")
    model = keras.Sequential([keras.Input((6, 6, 2)), PatchConv2D(3, 3, name="own")])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(loaded.get_layer("own"), PatchConv2D)
    np.testing.assert_array_equal(
        loaded.predict(x, verbose=0), model.predict(x, verbose=0)
    )


@pytest.mark.parametrize(
    "options",
    [{"data_format": "channels_first"}, {"dilation_rate": 2}, {"groups": 2}],
    ids=str,
)
def test_what_it_does_not_have_is_refused(options):
    with pytest.raises(ValueError, match="Expected channels last.*Received.*Use"):
        PatchConv2D(4, 3, **options)


@pytest.mark.parametrize("shape", [(None, 6, 2), (6, None, 2), (None, None, 2)])
def test_unknown_sizes_are_refused(shape):
    with pytest.raises(ValueError, match="Expected images of known.*Received.*Give"):
        PatchConv2D(3, 3)(keras.Input(shape))

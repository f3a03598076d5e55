"""What `MixupModel` refuses, and that it trains on afterwards."""

import keras
import numpy as np
import pytest

from keras_multimix import CutMix, MixUp, MixupModel
from tests import helpers

X, Y = np.ones((6, 4), "float32"), np.arange(6) % 3


def base():
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])


def compiled(mixer=None, **arguments):
    model = MixupModel(base(), mixer or MixUp(seed=1))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", **{"loss": loss} | arguments)
    return model


class OwnStep(keras.Sequential):
    def train_step(self, *args):
        return super().train_step(*args)


class OwnLoss(keras.Sequential):
    def compute_loss(self, *args, **kwargs):
        return super().compute_loss(*args, **kwargs)


class OwnMetrics(keras.Sequential):
    def compute_metrics(self, *args, **kwargs):
        return super().compute_metrics(*args, **kwargs)


@pytest.mark.parametrize(
    "mixer", [None, "mixup", MixUp, lambda x: x, keras.layers.Dense(3)]
)
def test_mixers(mixer):
    with pytest.raises(ValueError, match="argument `mixer`") as error:
        MixupModel(base(), mixer)
    helpers.assert_three_parts(error)


@pytest.mark.parametrize(
    ("model_class", "method"),
    [
        (OwnStep, "train_step"),
        (OwnLoss, "compute_loss"),
        (OwnMetrics, "compute_metrics"),
    ],
)
def test_base_models_with_a_step_of_their_own(model_class, method):
    with pytest.raises(ValueError, match=method) as error:
        MixupModel(model_class([keras.layers.Dense(3)]), MixUp())
    helpers.assert_three_parts(error)
    assert "pipeline" in str(error.value)


@pytest.mark.parametrize("model", [None, keras.layers.Dense(3), lambda x: x])
def test_base_models_that_are_none(model):
    with pytest.raises(ValueError, match="argument `base_model`") as error:
        MixupModel(model, MixUp())
    helpers.assert_three_parts(error)


def test_a_mixup_model_is_not_wrapped_again():
    with pytest.raises(ValueError, match="train_step"):
        MixupModel(MixupModel(base(), MixUp()), MixUp())


def dataset_without_targets():
    return helpers.dataset(X, batch_size=3).map(lambda x: x)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: {"x": X}, "no targets"),
        (lambda: {"x": dataset_without_targets(), "shuffle": False}, "no targets"),
        (lambda: {"x": X.astype("int32"), "y": Y}, "after the embedding"),
    ],
)
def test_batches(make, message):
    model = compiled(metrics=["accuracy"])
    weights = model.get_weights()
    with pytest.raises(ValueError, match=message) as error:
        model.fit(**make(), verbose=0)
    helpers.assert_three_parts(error)
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    assert helpers.state(model.mixer) == [1, 0, 0]
    assert np.isfinite(model.fit(X, Y, verbose=0).history["loss"]).all()
    assert helpers.state(model.mixer) == [1, 0, 1]


@pytest.mark.skipif(
    helpers.backend() == "tensorflow", reason="there a dataset has one dtype"
)
def test_an_error_in_a_later_batch_keeps_what_was_learned():
    model = compiled()

    def batches():
        yield X, Y
        yield X.astype("int32"), Y

    before = model.get_weights()
    with pytest.raises(ValueError, match="after the embedding"):
        model.fit(batches(), shuffle=False, verbose=0)
    assert helpers.state(model.mixer) == [1, 0, 1]
    assert not np.allclose(before[0], model.get_weights()[0])
    assert np.isfinite(model.fit(X, Y, verbose=0).history["loss"]).all()


def test_rows_without_pixels_for_cut_mix():
    model = compiled(CutMix(seed=1))
    with pytest.raises(ValueError, match="Expected images and masks"):
        model.fit(X, Y, verbose=0)
    assert helpers.state(model.mixer) == [1, 0, 0]


@pytest.mark.parametrize("name", ["alpha", "seed"])
def test_what_would_be_ignored_cannot_be_assigned(name):
    layer = MixUp(0.2, seed=1)
    with pytest.raises(ValueError, match=name) as error:
        setattr(layer, name, 3)
    helpers.assert_three_parts(error)
    assert (layer.alpha, layer.seed) == (0.2, 1)


def test_layers_of_keras_are_told_from_ours():
    base = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    with pytest.raises(ValueError, match="keras_multimix.MixUp.alpha=0.2") as error:
        MixupModel(base, keras.layers.MixUp())
    assert "of keras." in str(error.value)
    helpers.assert_three_parts(error)

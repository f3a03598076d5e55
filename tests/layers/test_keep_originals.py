"""Rows that stay beside what is mixed of them: `keep_originals` and `RegMixup`."""

import keras
import numpy as np
import pytest

from keras_multimix import CutMix, MixUp, MultiMix, RandomMix, RegMixup
from tests import helpers, oracle
from tests.layers.test_label_kinds import ROWS, WAYS
from tests.layers.test_label_weights import run

X = np.random.default_rng(7).normal(size=(ROWS, 4, 5, 2)).astype("float32")
CLASSES = np.arange(ROWS) % 3
SAMPLINGS = ("independent", "stratified", "shared")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_the_first_row_is_the_row_itself_and_the_others_are_as_ever(way, sampling):
    """With K − 1 interpolations and the same seed a layer draws the others."""
    arguments = {"sampling": sampling, "num_classes": 3, "seed": 1}
    with_originals = MultiMix(0.5, 4, keep_originals=True, **arguments)
    x, y = run(with_originals, (X, CLASSES), way)
    x, y = x.reshape(ROWS, 4, *X.shape[1:]), y.reshape(ROWS, 4, 3)
    np.testing.assert_array_equal(x[:, 0], X)
    np.testing.assert_array_equal(y[:, 0], oracle.one_hot(CLASSES, 3))
    drawn = helpers.in_numpy(with_originals.get_random_transformation(X, step=2))
    assert (drawn["coefficients"][:, 0] == 1).all()
    others = drawn["coefficients"][:, 1:]
    np.testing.assert_array_equal(
        others,
        helpers.in_numpy(
            MultiMix(0.5, 3, **arguments).get_random_transformation(X, step=2)
        )["coefficients"],
    )
    expected = oracle.interpolate(X, drawn["partner"], others)
    np.testing.assert_allclose(x[:, 1:].reshape(expected.shape), expected, atol=1e-5)


@pytest.mark.parametrize("way", WAYS)
def test_boxes(way):
    layer = CutMix(1.0, 3, keep_originals=True, num_classes=3, seed=1)
    x, y = run(layer, (X, CLASSES), way)
    np.testing.assert_array_equal(x[::3], X)
    np.testing.assert_array_equal(y[::3], oracle.one_hot(CLASSES, 3))
    drawn = helpers.in_numpy(layer.get_random_transformation(X, step=2))
    expected = oracle.cut_and_paste(X, drawn["partner"], drawn["boxes"])
    np.testing.assert_array_equal(x, expected)
    assert (drawn["boxes"][:, 1:, 2:] > 0).all(axis=-1).any()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("choice", [0, 1, None])
def test_one_of_several_layers(way, choice):
    layers = [
        RegMixup(num_classes=3),
        CutMix(1.0, 2, keep_originals=True, num_classes=3),
    ]
    probabilities = [0.0, 0.0] if choice is None else np.eye(2)[choice].tolist()
    x, y = run(RandomMix(layers, probabilities), (X, CLASSES), way)
    np.testing.assert_array_equal(x[::2], X)
    np.testing.assert_array_equal(y[::2], oracle.one_hot(CLASSES, 3))
    assert (choice is None) == np.array_equal(x[1::2], X)


@pytest.mark.parametrize("way", WAYS)
def test_what_is_not_averaged_is_the_rows_own_too(way):
    lengths, tags = np.arange(ROWS), np.eye(ROWS, dtype="float32")
    layer = RegMixup(mix_labels="union", unmixed=["lengths"], pairing="roll", seed=1)
    x, y = run(layer, ({"clips": X, "lengths": lengths}, tags), way)
    np.testing.assert_array_equal(x["lengths"][::2], lengths)
    np.testing.assert_array_equal(x["lengths"][1::2], [1, 2, 3, 4, 5, 5])
    np.testing.assert_array_equal(y[::2], tags)
    np.testing.assert_array_equal(y[1::2], tags + np.roll(tags, -1, axis=0))


@pytest.mark.parametrize("way", WAYS)
def test_the_first_pairs_alone(way):
    layer = MixUp(1.0, 3, keep_originals=True, keep_batch_size=True, seed=1)
    x = run(layer, (X, X[..., 0]), way)[0]
    assert x.shape == X.shape
    np.testing.assert_array_equal(x[::3], X[:2])


def test_draws_kept_for_later_steps_know_of_it():
    """Two layers of one seed, one after the other, at the steps drawn ahead."""
    layer, copy = MixUp(1.0, 2, seed=1), MixUp(1.0, 2, keep_originals=True, seed=1)
    for step in range(4):
        plain = layer.get_random_transformation(X, step=step)["coefficients"]
        kept = copy.get_random_transformation(X, step=step)["coefficients"]
        assert (np.asarray(kept)[:, 0] == 1).all()
        assert not (np.asarray(plain) == 1).all()


def test_reg_mixup_is_mix_up_with_other_defaults():
    layer = RegMixup(seed=3)
    assert (layer.alpha, layer.num_interpolations) == (10.0, 2)
    assert layer.keep_originals
    same = MixUp(10.0, 2, keep_originals=True, seed=3)
    np.testing.assert_array_equal(layer(X, step=1), same(X, step=1))
    config = keras.saving.serialize_keras_object(RegMixup(5.0, 3, seed=3))
    loaded = keras.saving.deserialize_keras_object(config)
    assert type(loaded) is RegMixup
    np.testing.assert_array_equal(
        loaded(X, step=1), RegMixup(5.0, 3, seed=3)(X, step=1)
    )


def test_a_config_without_it_loads():
    config = MixUp(1.0, 2, seed=1).get_config()
    del config["keep_originals"], config["label_smoothing"]
    assert not MixUp.from_config(config).keep_originals


@pytest.mark.parametrize("layer_class", [MixUp, MultiMix, CutMix, RegMixup])
def test_one_interpolation_is_refused(layer_class):
    with pytest.raises(ValueError, match="num_interpolations=2") as error:
        layer_class(1.0, 1, keep_originals=True)
    helpers.assert_three_parts(error)


def test_layers_have_to_agree():
    with pytest.raises(ValueError, match="keep_originals") as error:
        RandomMix([RegMixup(), CutMix(1.0, 2)])
    helpers.assert_three_parts(error)
    with pytest.raises(ValueError, match="keep_originals"):
        MixUp(1.0, 2, keep_originals="yes")

"""C-Mixup in a batch: labels of all kinds, models, files, and what is refused."""

import keras
import numpy as np
import pytest

from keras_multimix import CutMix, MixUp, MixupModel, RandomMix
from keras_multimix.pairing import SimilarLabels, WithinShards
from tests import helpers
from tests.pairing.gaussian import INPUTS, LABELS, partners

# Batches ------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_dtypes_of_labels(dtype):
    labels, x = np.round(LABELS), INPUTS
    layer = MixUp(pairing=SimilarLabels(1.0), seed=1)
    expected = layer.get_random_transformation((x, labels), step=0)["partner"]
    if dtype == "bfloat16":  # which NumPy has not
        x, labels = helpers.tensors(x), keras.ops.cast(helpers.tensors(labels), dtype)
    else:
        labels = labels.astype(dtype)
    drawn = layer.get_random_transformation((x, labels), step=0)
    np.testing.assert_array_equal(helpers.in_numpy(drawn["partner"]), expected)


def test_the_first_of_several_labels_counts():
    other = np.zeros(8, "float32")
    expected = partners(LABELS, 0.5, [0])[0]
    layer = MixUp(pairing=SimilarLabels(0.5), seed=0)
    assert (expected != partners(other, 0.5, [0])[0]).any()
    for labels in ({"age": LABELS, "kind": other}, [LABELS, other], (LABELS, other)):
        drawn = layer.get_random_transformation((INPUTS, labels), step=0)
        np.testing.assert_array_equal(drawn["partner"], expected)
    whole = {"images": INPUTS, "labels": LABELS, "sample_weights": np.ones(8)}
    drawn = layer.get_random_transformation(whole, step=0)
    np.testing.assert_array_equal(drawn["partner"], expected)


def test_classes_beside_the_quantity():
    layer = MixUp(
        pairing=SimilarLabels(0.5), num_classes={"age": None, "kind": 3}, seed=0
    )
    labels = {"age": LABELS, "kind": np.arange(8) % 3}
    drawn = layer.get_random_transformation((INPUTS, labels), step=0)
    expected = partners(LABELS, 0.5, [0])[0]
    np.testing.assert_array_equal(drawn["partner"], expected)
    mixed = layer(INPUTS, labels, step=0)[1]
    assert mixed["age"].shape == (8,) and mixed["kind"].shape == (8, 3)


@pytest.mark.parametrize("convert", [lambda x: x, helpers.tensors])
@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)])
def test_sizes_of_zero(convert, shape):
    x = np.zeros((shape[0], 4), "float32")
    layer = MixUp(0.4, 2, pairing=SimilarLabels(1.0), seed=1)
    mixed = helpers.in_numpy(layer(*convert((x, np.zeros(shape, "float32"))), step=0))
    assert mixed[0].shape == (2 * shape[0], 4)
    assert mixed[1].shape == (2 * shape[0], *shape[1:])


@pytest.mark.parametrize("layer_class", [MixUp, CutMix])
def test_rows_are_mixed_with_the_partners_drawn(rng, layer_class):
    x = rng.normal(size=(8, 4, 4)).astype("float32")
    arguments = {"pairing": SimilarLabels(0.5), "keep_batch_size": True, "seed": 2}
    layer = layer_class(0.7, 3, **arguments)
    drawn = layer.get_random_transformation((x, LABELS), step=1)
    applied = layer.apply((x, LABELS), drawn)
    for a, b in zip(layer(x, LABELS, step=1), applied, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_one_of_several_layers():
    layers = [MixUp(pairing=SimilarLabels(0.5), seed=1), MixUp(seed=2)]
    mixer = RandomMix(layers, [1.0, 0.0], seed=3)
    drawn = mixer.get_random_transformation((INPUTS, LABELS), step=0)
    expected = layers[0].get_random_transformation((INPUTS, LABELS), step=0)
    np.testing.assert_array_equal(drawn["partner"], expected["partner"])


@pytest.mark.parametrize("mix_at", [None, ["hidden"]])
def test_a_model_trains_on_the_partners_drawn(rng, mix_at):
    x = rng.normal(size=(12, 3)).astype("float32")
    y = rng.normal(size=(12, 1)).astype("float32")
    inputs = keras.Input((3,))
    hidden = keras.layers.Dense(2, name="hidden")(inputs)
    base = keras.Model(inputs, keras.layers.Dense(1)(hidden))
    model = MixupModel(base, MixUp(2.0, pairing=SimilarLabels(0.3), seed=1), mix_at)
    model.compile(keras.optimizers.SGD(0.0), "mse")
    (loss,) = model.fit(x, y, batch_size=12, shuffle=False, verbose=0).history["loss"]
    drawn = MixUp(2.0, pairing=SimilarLabels(0.3), seed=1).get_random_transformation(
        (x, y), step=0
    )
    λ, partner = drawn["coefficients"], drawn["partner"]
    # The network is linear: mixing features is mixing what it predicts.
    predicted = base.predict(x, verbose=0)
    predicted = λ * predicted + (1 - λ) * predicted[partner]
    losses = λ * (predicted - y) ** 2 + (1 - λ) * (predicted - y[partner]) ** 2
    assert loss == pytest.approx(losses.mean(), rel=1e-4)


# Saving -------------------------------------------------------------------------


def test_round_trip(tmp_path):
    pairing = SimilarLabels(bandwidth=1.75)
    layer = MixUp(pairing=pairing, seed=1)
    copy = MixUp.from_config(layer.get_config())
    assert copy.pairing == pairing != SimilarLabels(2)
    assert hash(copy.pairing) == hash(pairing) and pairing != 1.75
    assert repr(pairing) == "SimilarLabels(1.75)"
    inputs = keras.Input((2,)), keras.Input(())
    model = keras.Model(inputs, layer(*inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras").layers[-1]
    assert loaded.pairing == pairing
    drawn = [
        each.get_random_transformation((INPUTS, LABELS)) for each in (layer, loaded)
    ]
    np.testing.assert_array_equal(drawn[0]["partner"], drawn[1]["partner"])


# What is refused ------------------------------------------------------------------


@pytest.mark.parametrize(
    "bandwidth", [0, -1.0, np.nan, np.inf, 10**400, None, "1", True, [1.0], 1j]
)
def test_bandwidths_that_are_none(bandwidth):
    with pytest.raises(ValueError, match="`bandwidth`") as error:
        SimilarLabels(bandwidth)
    helpers.assert_three_parts(error)


@pytest.mark.parametrize("bandwidth", [1, np.float32(0.5), np.int64(2)])
def test_numbers_of_other_kinds(bandwidth):
    assert type(SimilarLabels(bandwidth).bandwidth) is float


CLASSES = np.arange(8) % 3


@pytest.mark.parametrize(
    ("labels", "num_classes", "message"),
    [
        (CLASSES, 3, "same_class"),
        (CLASSES[:, None], 3, "same_class"),
        (CLASSES.astype("float32"), 3, "same_class"),
        (np.eye(3, dtype="float32")[CLASSES], 3, "same_class"),
        ({"a": CLASSES, "b": LABELS}, {"a": 3}, "same_class"),
        (LABELS > 1, None, "same_class"),
        (LABELS.astype("complex64"), None, "same_class"),
        (np.where(CLASSES, LABELS, np.nan), None, "3 that are NaN"),
        (np.where(CLASSES, LABELS, -np.inf), None, "NaN, infinite or larger"),
        (LABELS * np.float32(2e37), None, "NaN, infinite or larger"),
    ],
)
@pytest.mark.parametrize("convert", [lambda x: x, helpers.tensors])
def test_labels_that_are_no_quantities(labels, num_classes, message, convert):
    layer = MixUp(pairing=SimilarLabels(1.0), num_classes=num_classes, seed=1)
    data = convert((INPUTS, labels))
    for call in (layer, layer.get_random_transformation):
        with pytest.raises(ValueError, match=message) as error:
            call(data)
        helpers.assert_three_parts(error)
    assert helpers.state(layer) == [1, 0, 0]


def test_integers_are_classes_or_counts_to_be_cast():
    layer = MixUp(pairing=SimilarLabels(1.0), seed=1)
    with pytest.raises(ValueError, match="cast counts and other quantities") as error:
        layer.get_random_transformation((INPUTS, CLASSES))
    helpers.assert_three_parts(error)
    assert "same_class" in str(error.value)
    model = MixupModel(
        keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)]), layer
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss)
    with pytest.raises(ValueError, match="same_class"):
        model.fit(INPUTS, CLASSES, verbose=0)
    assert helpers.state(layer) == [1, 0, 0]
    drawn = layer.get_random_transformation((INPUTS, CLASSES.astype("float32")))
    assert drawn["partner"].shape == (8,)


@pytest.mark.parametrize("data", [INPUTS, (INPUTS, None), {"images": INPUTS}])
def test_no_labels(data):
    layer = MixUp(pairing=SimilarLabels(1.0), seed=1)
    with pytest.raises(ValueError, match="Received: no labels") as error:
        layer(data)
    helpers.assert_three_parts(error)
    assert helpers.state(layer) == [1, 0, 0]


@pytest.mark.parametrize("convert", [lambda x: x, helpers.tensors])
def test_a_row_without_others_is_its_own_partner(convert):
    layer = MixUp(pairing=SimilarLabels(1.0), seed=1)
    x, y = helpers.in_numpy(layer(*convert((INPUTS[:1], LABELS[:1]))))
    np.testing.assert_allclose(x, INPUTS[:1], rtol=1e-6)
    np.testing.assert_allclose(y, LABELS[:1], rtol=1e-6)


def test_not_within_shards():
    with pytest.raises(ValueError, match="one of 'shuffle', 'roll', 'mirror'") as error:
        WithinShards(SimilarLabels(1.0), 2)
    helpers.assert_three_parts(error)

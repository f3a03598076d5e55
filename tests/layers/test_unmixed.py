"""Inputs and heads that are not averaged: lengths, names, identities."""

import keras
import numpy as np
import pytest

from keras_multimix import CutMix, MixUp, MixupModel, MultiMix, RandomMix
from tests import helpers, oracle
from tests.layers.test_label_kinds import COMPILED

ROWS = 6
WAYS = ["numpy", "tensors", *COMPILED, "dataset"]
X = np.random.default_rng(3).normal(size=(ROWS, 5, 4)).astype("float32")
LENGTHS = np.array([5, 2, 4, 1, 3, 5], "int32")
SPEAKERS = np.array([7, 8, 9, 7, 8, 9], "int32")
PADDED = np.arange(5) < LENGTHS[:, None]
Y = np.random.default_rng(4).uniform(size=(ROWS, 3)).astype("float32")


def batch():
    x = {"x": X, "lengths": LENGTHS, "speaker": SPEAKERS, "mask": PADDED}
    return x, {"label": Y, "row": np.arange(ROWS, dtype="int32")}


RULES = {"lengths": "max", "speaker": "own", "mask": None, "row": None}


def run(layer, data, way):
    if way == "numpy":
        return layer(*data, step=2)
    if way == "tensors":
        return helpers.in_numpy(layer(*helpers.tensors(data), step=2))
    if way == "dataset":
        import tensorflow as tf

        mixed = tf.data.Dataset.from_tensors(data).map(lambda x, y: layer(x, y, step=2))
        return keras.tree.map_structure(lambda leaf: leaf.numpy(), next(iter(mixed)))
    if way == "compile":
        import torch

        torch._dynamo.reset()
    function = helpers.compiled(lambda x, y: layer(x, y, step=2), way)
    return helpers.in_numpy(function(*helpers.tensors(data)))


def expected(layer, own_batch, partners=None):
    x, y = own_batch
    drawn = helpers.in_numpy(layer.get_random_transformation(own_batch, step=2))
    partner, coefficients = drawn["partner"], drawn["coefficients"]
    count = coefficients.shape[1]
    own = np.repeat(np.arange(ROWS), count)
    other = np.repeat(partner, count)
    return {
        "x": oracle.interpolate(x["x"], partner, coefficients),
        "lengths": np.maximum(x["lengths"][own], x["lengths"][other]),
        "speaker": x["speaker"][own],
        "mask": x["mask"][own] | x["mask"][other],
        "label": oracle.interpolate(y["label"], partner, coefficients),
        "row": y["row"][own],
    }


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("layer_class", [MixUp, MultiMix])
def test_each_part_follows_its_rule(way, layer_class):
    layer = layer_class(1.0, 2, unmixed=RULES, seed=1)
    x, y = run(layer, batch(), way)
    assert set(x) == {"x", "lengths", "speaker", "mask"} and set(y) == {"label", "row"}
    for name, want in expected(layer, batch()).items():
        got = (x | y)[name]
        assert str(got.dtype) == str((batch()[0] | batch()[1])[name].dtype)
        np.testing.assert_allclose(got, want, atol=1e-6, err_msg=name)
    again = layer_class.from_config(layer.get_config())
    np.testing.assert_array_equal(run(again, batch(), way)[0]["x"], x["x"])


def test_a_list_takes_the_larger_input_and_the_own_label():
    layer = MixUp(1.0, unmixed=["lengths", "row"], seed=1)
    x, y = batch()
    data = {"x": x["x"], "lengths": x["lengths"]}, y
    got_x, got_y = layer(*data, step=2)
    drawn = layer.get_random_transformation(data, step=2)
    want = np.maximum(LENGTHS, LENGTHS[drawn["partner"]])
    np.testing.assert_array_equal(got_x["lengths"], want)
    np.testing.assert_array_equal(got_y["row"], np.arange(ROWS))


def test_a_batch_that_is_one_dict():
    x, y = batch()
    layer = MixUp(1.0, 2, unmixed=RULES, seed=1)
    got = layer(x | {"labels": y}, step=2)
    assert list(got) == [*x, "labels"]
    for name, want in expected(layer, (x, y)).items():
        np.testing.assert_allclose((got | got["labels"])[name], want, atol=1e-6)


@pytest.mark.parametrize("container", [list, tuple])
def test_inputs_of_a_list_go_by_their_numbers(container):
    layer = MixUp(1.0, unmixed=[1], seed=1)
    got, _ = layer(container([X, LENGTHS]), Y, step=2)
    drawn = layer.get_random_transformation((container([X, LENGTHS]), Y), step=2)
    assert isinstance(got, container)
    mixed = oracle.interpolate(X, drawn["partner"], drawn["coefficients"])
    np.testing.assert_allclose(got[0], mixed, atol=1e-6)
    np.testing.assert_array_equal(
        got[1], np.maximum(LENGTHS, LENGTHS[drawn["partner"]])
    )


def test_partners_of_another_batch():
    layer = MixUp(1.0, unmixed={"lengths": "max", "speaker": "own"}, seed=1)
    one = {"x": X, "lengths": LENGTHS, "speaker": SPEAKERS}
    other = {"x": X[::-1], "lengths": LENGTHS[::-1], "speaker": SPEAKERS[::-1]}
    got, _ = layer.mix_pairs((one, Y), (other, Y[::-1]), step=2)
    np.testing.assert_array_equal(got["lengths"], np.maximum(LENGTHS, LENGTHS[::-1]))
    np.testing.assert_array_equal(got["speaker"], SPEAKERS)


def test_cut_spectrograms_beside_their_lengths():
    layer = RandomMix([CutMix(1.0, unmixed=["lengths"], seed=1)], seed=2)
    data = {"x": X, "lengths": LENGTHS}
    drawn = layer.get_random_transformation((data, Y), step=2)
    got = layer(data, Y, step=2)[0]
    expected = oracle.cut_and_paste(X, drawn["partner"], drawn["boxes"])
    np.testing.assert_array_equal(got["x"], expected)
    want = np.maximum(LENGTHS, LENGTHS[drawn["partner"]])
    np.testing.assert_array_equal(got["lengths"], want)


def test_strings_stay_with_their_rows():
    names = np.array(list("abcdef"))
    got = MixUp(1.0, 2, unmixed={"name": "own"})({"x": X, "name": names}, Y)[0]
    np.testing.assert_array_equal(got["name"], np.repeat(names, 2))


def test_outside_of_training_everything_stays():
    x, y = batch()
    got = MixUp(unmixed=RULES)(x, y, training=False)
    np.testing.assert_equal(got, (x, y))


def test_a_symbolic_batch():
    inputs = {"x": keras.Input((5, 4)), "lengths": keras.Input((), dtype="int32")}
    mixed = MixUp(1.0, 2, unmixed=["lengths"])(inputs, keras.Input((3,)))[0]
    assert tuple(mixed["lengths"].shape) == (None,)
    assert mixed["lengths"].dtype == "int32"


@pytest.mark.parametrize("form", ["dict", "list"])
@pytest.mark.parametrize("count", [1, 3])
def test_in_a_model(form, count):
    """The loss of mixed rows: one head is averaged, one belongs to the row itself."""
    x, lengths = keras.Input((5, 4), name="x"), keras.Input((), name="lengths")
    sums = keras.layers.Lambda(
        lambda both: keras.ops.sum(both[0], axis=(1, 2))[:, None] * both[1][:, None],
        output_shape=(1,),
    )([x, lengths])
    heads = {
        name: keras.layers.Dense(1, name=name, kernel_initializer="ones")(sums)
        for name in ("label", "row")
    }
    inputs = {"x": x, "lengths": lengths} if form == "dict" else [x, lengths]
    base = keras.Model(inputs, heads)
    data = {"x": X, "lengths": LENGTHS} if form == "dict" else [X, LENGTHS]
    names = ["lengths", "row"] if form == "dict" else [1, "row"]
    layer = MixUp(1.0, count, unmixed=names, seed=1)
    model = MixupModel(base, layer)
    model.compile(keras.optimizers.SGD(0.0), "mse")
    y = {"label": Y[:, :1], "row": np.arange(ROWS, dtype="float32")[:, None]}
    history = model.fit(data, y, batch_size=ROWS, shuffle=False, verbose=0).history
    drawn = MixUp(1.0, count, seed=1).get_random_transformation(X, step=0)
    own, other = np.repeat(np.arange(ROWS), count), np.repeat(drawn["partner"], count)
    lam = drawn["coefficients"].ravel()
    mixed = oracle.interpolate(X, drawn["partner"], drawn["coefficients"])
    predicted = mixed.sum(axis=(1, 2)) * np.maximum(LENGTHS[own], LENGTHS[other])
    label, row = y["label"][:, 0], y["row"][:, 0]
    losses = {
        "label_loss": lam * (predicted - label[own]) ** 2
        + (1 - lam) * (predicted - label[other]) ** 2,
        "row_loss": (predicted - row[own]) ** 2,
    }
    for name, values in losses.items():
        np.testing.assert_allclose(history[name], values.mean(), rtol=1e-4)


# What is refused ----------------------------------------------------------------------


@pytest.mark.parametrize("unmixed", [[], {}, "lengths", {"a": "min"}, [1.5], 3])
def test_bad_arguments(unmixed):
    with pytest.raises(ValueError, match="unmixed") as error:
        MixUp(unmixed=unmixed)
    helpers.assert_three_parts(error)


@pytest.mark.parametrize(
    "unmixed", [["length"], [2], {"lengths": None, "other": "own"}]
)
def test_names_that_are_not_there(unmixed):
    layer = MixUp(unmixed=unmixed)
    with pytest.raises(ValueError, match="unmixed") as error:
        layer({"x": X, "lengths": LENGTHS}, Y)
    helpers.assert_three_parts(error)
    assert helpers.state(layer)[2] == 0


def test_lengths_of_other_rows_are_refused():
    with pytest.raises(ValueError, match="as many rows") as error:
        MixUp(unmixed=["lengths"])({"x": X, "lengths": LENGTHS[:2]}, Y)
    helpers.assert_three_parts(error)


def test_lengths_that_are_taken_for_ids_are_told_the_way_out():
    with pytest.raises(ValueError, match='unmixed={"lengths": "max"}') as error:
        MixUp()({"x": X, "lengths": LENGTHS}, Y)
    helpers.assert_three_parts(error)


def test_layers_that_leave_different_parts_out_do_not_go_together():
    with pytest.raises(ValueError, match="unmixed") as error:
        RandomMix([MixUp(unmixed=["lengths"]), CutMix()])
    helpers.assert_three_parts(error)

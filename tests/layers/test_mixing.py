"""MixUp and MultiMix against the oracle: rows, order, pairings, replay."""

import numpy as np
import pytest

from keras_multimix import CutMix, MixUp, MultiMix, RandomMix
from tests import helpers, oracle


@pytest.mark.parametrize(
    "shape", [(6,), (6, 4), (6, 5, 4), (6, 4, 4, 3), (6, 2, 3, 3, 1)]
)
@pytest.mark.parametrize("count", [1, 3])
def test_inputs_labels_and_weights_share_partner_and_coefficients(rng, shape, count):
    x = rng.normal(size=shape).astype("float32")
    y, w = rng.uniform(size=(6, 3)).astype("float32"), rng.uniform(size=6)
    layer = MixUp(0.7, count, seed=2)
    drawn = layer.get_random_transformation((x, y, w), step=4)
    for convert in (lambda data: data, helpers.tensors):
        mixed = helpers.in_numpy(layer(*convert((x, y, w)), step=4))
        draw = drawn["partner"], drawn["coefficients"]
        labels = oracle.interpolate_labels(y, w, *draw)
        inputs, weights = (oracle.interpolate(part, *draw) for part in (x, w))
        for got, expected in zip(mixed, (inputs, labels, weights), strict=True):
            assert got.shape == expected.shape
            np.testing.assert_allclose(got, expected, atol=1e-5)


@pytest.mark.parametrize("sampling", ["independent", "stratified", "shared"])
def test_a_walk_leads_from_the_row_to_its_partner(rng, sampling):
    layer = MultiMix(1.0, 5, sampling=sampling, seed=1)
    drawn = layer.get_random_transformation(rng.normal(size=(8, 2)))
    assert drawn["coefficients"].shape == (8, 5) and drawn["partner"].shape == (8,)
    assert np.all(np.diff(drawn["coefficients"], axis=1) <= 0)
    same = np.all(drawn["coefficients"] == drawn["coefficients"][0])
    assert same == (sampling == "shared")


def test_one_interpolation_equals_mixup(rng):
    x, y = rng.normal(size=(7, 3)), np.arange(7.0)
    for sampling in ("independent", "stratified"):
        ours = MultiMix(0.4, 1, sampling=sampling, seed=6)(x, y, step=2)
        for got, expected in zip(ours, MixUp(0.4, seed=6)(x, y, step=2), strict=True):
            np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(
    ("pairing", "expected"),
    [("roll", [1, 2, 3, 4, 0]), ("mirror", [4, 3, 2, 1, 0])],
)
@pytest.mark.parametrize("layer_class", [MixUp, MultiMix, CutMix])
def test_fixed_pairings(rng, pairing, expected, layer_class):
    layer = layer_class(1.0, pairing=pairing, seed=0)
    drawn = layer.get_random_transformation(rng.normal(size=(5, 6, 6)))
    assert drawn["partner"].tolist() == expected
    if pairing == "mirror":
        weights = drawn["coefficients"]
        np.testing.assert_array_equal(weights, weights[::-1])


def test_each_example_weighs_one_in_a_mirrored_batch(rng):
    x, y = rng.normal(size=(6, 3)), np.eye(6)
    _, mixed = MixUp(1.0, pairing="mirror", seed=0)(x, y)
    np.testing.assert_allclose(mixed.sum(axis=0), np.ones(6), atol=1e-6)
    images = rng.normal(size=(6, 8, 8, 1))
    mixed, _ = CutMix(1.0, pairing="mirror", seed=0)(images, y)
    np.testing.assert_allclose(mixed.sum(axis=0), images.sum(axis=0), atol=1e-6)


def test_shuffle_is_a_permutation_that_changes(rng):
    layer = MixUp(seed=0)
    x = rng.normal(size=(20, 2))
    drawn = [layer.get_random_transformation(x)["partner"].tolist() for _ in range(3)]
    assert all(sorted(partner) == list(range(20)) for partner in drawn)
    assert drawn[0] != drawn[1] != drawn[2]


@pytest.mark.parametrize("one_hot", [False, True])
def test_same_class_pairs_rows_of_one_class(rng, one_hot):
    classes = np.array([0, 1, 0, 2, 1, 0, 1])
    labels = np.eye(3, dtype="float32")[classes] if one_hot else classes
    layer = MixUp(1.0, pairing="same_class", num_classes=3, seed=0)
    x = rng.normal(size=(7, 2)).astype("float32")
    for step in range(20):
        drawn = layer.get_random_transformation((x, labels), step=step)
        partner = np.asarray(drawn["partner"])
        np.testing.assert_array_equal(classes[partner], classes)
        assert partner[3] == 3 and np.all(np.delete(partner != np.arange(7), 3))
    mixed, _ = layer(x, labels)
    np.testing.assert_allclose(mixed[3], x[3], atol=1e-6)  # it has no mate


def test_neighbors_pairs_near_rows(rng):
    x = rng.normal(size=(8, 3)) + np.repeat([[0.0], [100.0]], 4, axis=0)
    layer = MixUp(1.0, pairing="neighbors", seed=0)
    for step in range(10):
        partner = layer.get_random_transformation(x, step=step)["partner"]
        assert np.all((partner < 4) == (np.arange(8) < 4))
        assert np.all(partner != np.arange(8))


def test_a_callable_chooses_the_partners(rng):
    seeds = []

    def last_row(x, y, seed):
        seeds.append(int(seed))
        return np.full(len(x), len(x) - 1)

    x, y = rng.normal(size=(4, 2)), np.arange(4.0)
    layer = MixUp(1.0, pairing=last_row, seed=0)
    drawn = layer.get_random_transformation((x, y))
    layer(x, y)
    assert drawn["partner"].tolist() == [3, 3, 3, 3]
    assert len(set(seeds)) == 2 and min(seeds) >= 0


@pytest.mark.parametrize("layer_class", [MixUp, MultiMix, CutMix])
def test_apply_replays_a_call(rng, layer_class):
    x, y = rng.normal(size=(5, 6, 6)).astype("float32"), np.arange(5) % 3
    layer = layer_class(1.0, num_classes=3, seed=4)
    for convert in (lambda data: data, helpers.tensors):
        data = convert((x, y))
        drawn = layer.get_random_transformation(data, step=7)
        for got, expected in zip(
            helpers.in_numpy(layer.apply(data, drawn)),
            helpers.in_numpy(layer(*data, step=7)),
            strict=True,
        ):
            np.testing.assert_allclose(got, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: {"boxes": d["boxes"].astype("float32")}, "Expected integers"),
        (lambda d: {"boxes": d["boxes"] - 6}, "inside of images"),
        (lambda d: {"boxes": d["boxes"] + [[[3, 0, 0, 0]]]}, "inside of images"),
        (lambda d: {"boxes": d["boxes"] * [[[1, 1, -1, -1]]]}, "inside of images"),
        (lambda d: {"coefficients": 1 - d["coefficients"]}, "share of the pixels"),
        (lambda d: {"coefficients": d["coefficients"] * 0.9}, "share of the pixels"),
    ],
)
def test_apply_refuses_boxes_that_the_images_do_not_have(change, message):
    layer = CutMix(num_interpolations=2, seed=1)
    x = np.arange(6 * 5 * 5, dtype="float32").reshape(6, 5, 5, 1)
    boxes = np.zeros((6, 2, 4), "int32") + np.array([1, 2, 2, 3], "int32")
    share = np.full((6, 2), 1 - 6 / 25, "float32")
    drawn = {
        "partner": np.arange(6)[::-1].copy(),
        "coefficients": share,
        "boxes": boxes,
    }
    assert layer.apply(x, drawn).shape == (12, 5, 5, 1)
    with pytest.raises(ValueError, match=message) as error:
        layer.apply(x, drawn | change(drawn))
    helpers.assert_three_parts(error)
    with pytest.raises(ValueError, match="inside of images|share of the pixels"):
        layer.apply(np.zeros((6, 4, 4, 1), "float32"), drawn)


@pytest.mark.parametrize("per", ["batch", "row"])
def test_apply_refuses_boxes_of_other_images_among_several_layers(per):
    layer = RandomMix([MixUp(), CutMix()], per=per, seed=3)
    x = np.zeros((6, 9, 9, 1), "float32")
    drawn = layer.get_random_transformation(x, step=0)
    drawn = {key: np.array(helpers.in_numpy(each)) for key, each in drawn.items()}
    layer.apply(x, drawn)
    drawn["boxes"][0] = [5, 5, 5, 5]
    with pytest.raises(ValueError, match="inside of images") as error:
        layer.apply(x, drawn)
    helpers.assert_three_parts(error)


def test_apply_takes_a_transformation_of_ones_own(rng):
    x, y = rng.normal(size=(2, 3)), np.eye(2)
    drawn = {"partner": np.array([1, 1]), "coefficients": np.array([[0.25], [0.5]])}
    mixed, labels = MixUp().apply((x, y), drawn)
    np.testing.assert_allclose(mixed, [0.25 * x[0] + 0.75 * x[1], x[1]])
    np.testing.assert_allclose(labels, [[0.25, 0.75], [0, 1]])
    assert MixUp().apply((x, y), None)[0] is x


def test_mix_pairs_takes_the_other_row_from_the_other_batch(rng):
    a, b = rng.normal(size=(2, 4, 3))
    y, z = np.arange(4), np.arange(4)[::-1].copy()
    layer = MultiMix(1.0, 2, num_classes=4, seed=9)
    weights = layer.get_random_transformation((a, y), step=3)["coefficients"]
    mixed, labels = layer.mix_pairs((a, y), (b, z), step=3)
    both = np.concatenate([a, b])
    expected = oracle.interpolate(both, np.arange(4, 8), weights)
    np.testing.assert_allclose(mixed, expected, atol=1e-6)
    one_hot = oracle.one_hot(np.concatenate([y, z]), 4)
    expected = oracle.interpolate(one_hot, np.arange(4, 8), weights)
    np.testing.assert_allclose(labels, expected, atol=1e-6)
    assert layer.mix_pairs((a, y), (b, z), training=False)[0] is a
    with pytest.raises(ValueError, match="shaped like those of `data`"):
        layer.mix_pairs((a, y), (b[:3], z[:3]))


@pytest.mark.parametrize(
    ("rows", "expected"), [(10, 9), (3, 3), (2, 3), (1, 3), (7, 6)]
)
def test_keep_batch_size_takes_the_first_pairs(rng, rows, expected):
    x, y = rng.normal(size=(rows, 2)), np.arange(float(rows))
    layer = MultiMix(1.0, 3, keep_batch_size=True, seed=1)
    drawn = layer.get_random_transformation((x, y), step=0)
    assert drawn["partner"].shape == (rows,) and drawn["coefficients"].shape == (
        rows,
        3,
    )
    mixed, labels = layer(x, y, step=0)
    assert len(mixed) == len(labels) == expected
    pairs = expected // 3
    oracle_rows = oracle.interpolate(x, drawn["partner"], drawn["coefficients"][:pairs])
    np.testing.assert_allclose(mixed, oracle_rows, atol=1e-6)


def test_labels_of_the_heavier_row_with_mix_labels_off(rng):
    x, y, w = rng.normal(size=(9, 2)), np.eye(9), np.arange(9.0)
    layer = MixUp(1.0, mix_labels=False, seed=0)
    drawn = layer.get_random_transformation((x, y, w), step=0)
    mixed, labels, weights = layer(x, y, w, step=0)
    own = drawn["coefficients"][:, 0] >= 0.5
    heavier = np.where(own, np.arange(9), drawn["partner"])
    assert 0 < own.sum() < 9
    np.testing.assert_array_equal(labels.argmax(axis=1), heavier)
    np.testing.assert_array_equal(weights, w[heavier])
    expected = oracle.interpolate(x, drawn["partner"], drawn["coefficients"])
    np.testing.assert_allclose(mixed, expected, atol=1e-6)

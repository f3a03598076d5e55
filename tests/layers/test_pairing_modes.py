"""Pairings that look at the rows, and callables: which partners, how often."""

import threading

import numpy as np
import pytest

from keras_multimix import CutMix, MixUp, MultiMix
from tests import helpers


def partners(layer, data, num_steps):
    return np.stack(
        [
            helpers.in_numpy(layer.get_random_transformation(data, step=step))[
                "partner"
            ]
            for step in range(num_steps)
        ]
    )


def nearest(x, count=3):
    """The nearest other rows of each row, in double precision."""
    flat = np.asarray(x, "float64").reshape(len(x), -1)
    distances = ((flat[:, None] - flat[None]) ** 2).sum(axis=-1)
    np.fill_diagonal(distances, np.inf)
    return np.argsort(distances, axis=1)[:, :count]


def test_every_mate_of_the_class_is_as_likely():
    classes, num_steps = np.array([0, 0, 0, 0, 1, 1]), 3000
    layer = MixUp(pairing="same_class", num_classes=2, seed=0)
    data = (np.zeros((6, 1), "float32"), classes)
    drawn = partners(layer, data, num_steps)
    for row in range(4):
        counts = np.bincount(drawn[:, row], minlength=6)
        mates = [mate for mate in range(4) if mate != row]
        assert counts[row] == counts[4] == counts[5] == 0
        # 1000 expected each, standard deviation 26; five of them.
        assert np.abs(counts[mates] - num_steps / 3).max() < 5 * 26
    np.testing.assert_array_equal(drawn[:, 4], 5)


def test_every_near_row_is_as_likely(rng):
    x, num_steps = rng.normal(size=(9, 4)).astype("float32"), 3000
    drawn = partners(MixUp(pairing="neighbors", seed=0), x, num_steps)
    for row, near in enumerate(nearest(x)):
        counts = np.bincount(drawn[:, row], minlength=9)
        assert counts.sum() == counts[near].sum()
        assert np.abs(counts[near] - num_steps / 3).max() < 5 * 26


@pytest.mark.parametrize("shape", [(12, 5), (12, 4, 4, 3)])
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_neighbors_are_near_in_flattened_space(rng, shape, dtype):
    x = (rng.uniform(size=shape) * 250).astype(dtype)
    x = x.reshape(12, -1).astype("float32") if x.ndim == 2 else x
    for convert in (lambda data: data, helpers.tensors):
        drawn = partners(MixUp(pairing="neighbors", seed=0), convert(x), 10)
        for row, near in enumerate(nearest(x)):
            assert set(drawn[:, row]) <= set(near)


@pytest.mark.parametrize("offset", [100.0, 1000.0])
def test_neighbors_far_from_the_origin(rng, offset):
    x = (rng.normal(size=(32, 10)) * 0.1 + offset).astype("float32")
    drawn = partners(MixUp(pairing="neighbors", seed=0), x, 5)
    wrong = [set(drawn[:, row]) - set(near) for row, near in enumerate(nearest(x))]
    assert not any(wrong)


@pytest.mark.parametrize("rows", [1, 2, 3, 4])
@pytest.mark.parametrize("pairing", ["neighbors", "same_class"])
def test_few_rows(rng, rows, pairing):
    data = (rng.normal(size=(rows, 2)).astype("float32"), np.zeros(rows, int))
    drawn = partners(MixUp(pairing=pairing, num_classes=1, seed=0), data, 8)
    itself = drawn == np.arange(rows)
    assert itself.all() if rows == 1 else not itself.any()


@pytest.mark.parametrize("layer_class", [MixUp, MultiMix, CutMix])
@pytest.mark.parametrize("rows", [6, 7])
def test_mirror_gives_each_example_the_weight_one(layer_class, rows):
    layer = layer_class(0.7, pairing="mirror", seed=1)
    x = np.zeros((rows, 5, 5), "float32")
    _, labels = layer(x, np.eye(rows, dtype="float32"))
    np.testing.assert_allclose(
        labels.sum(axis=0), np.full(rows, layer.num_interpolations), atol=1e-5
    )


def test_a_callable_sees_inputs_labels_and_a_seed(rng):
    x, y = rng.normal(size=(5, 2)).astype("float32"), np.arange(5) % 2
    calls = []

    def by_label(x, y, seed):
        calls.append((x, y, int(seed)))
        return np.argsort(np.asarray(y), kind="stable")

    layer = MixUp(pairing=by_label, num_classes=2, seed=0)
    for step in (0, 0, 1):
        drawn = layer.get_random_transformation((x, y), step=step)
        assert np.asarray(drawn["partner"]).tolist() == [0, 2, 4, 1, 3]
    for seen_x, seen_y, _ in calls:
        np.testing.assert_array_equal(seen_x, x)
        np.testing.assert_array_equal(seen_y, y)
    seeds = [seed for _, _, seed in calls]
    assert seeds[0] == seeds[1] != seeds[2]


def test_a_callable_in_a_dataset(rng):
    import tensorflow as tf

    x, y = rng.normal(size=(8, 2)).astype("float32"), np.arange(8) % 2

    def last_row(x, y, seed):
        rows = tf.shape(x)[0]
        return tf.fill([rows], rows - 1)

    layer = MixUp(pairing=last_row, num_classes=2, seed=0)
    plain = MixUp(
        pairing=lambda x, y, seed: np.full(len(x), len(x) - 1), num_classes=2, seed=0
    )
    dataset = helpers.dataset(x, y, batch_size=5).map(layer)
    for step, (got, rows) in enumerate(
        zip(dataset, (slice(5), slice(5, 8)), strict=True)
    ):
        expected = plain(x[rows], y[rows], step=step)
        for a, b in zip(helpers.in_numpy(got), expected, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("partner", [4, -5])
@pytest.mark.parametrize("convert", [lambda data: data, helpers.tensors])
def test_a_callable_that_names_rows_which_are_not_there(rng, partner, convert):
    x = convert(rng.normal(size=(4, 2)).astype("float32"))
    layer = MixUp(pairing=lambda x, y, seed: np.full(4, partner), seed=0)
    error = None
    try:
        layer(x)
    except Exception as raised:
        error = raised
    assert isinstance(error, ValueError) and "Expected" in str(error)


def test_a_callable_that_is_refused_moves_no_state(rng):
    layer = MixUp(pairing=lambda x, y, seed: np.zeros(3, int), seed=1)
    with pytest.raises(ValueError, match="one row number for each row"):
        layer(rng.normal(size=(4, 2)))
    assert helpers.state(layer) == [1, 0, 0]


@pytest.mark.parametrize("distance", [100.0, 1000.0])
def test_neighbors_in_clusters_far_apart(rng, distance):
    centres = np.repeat([[-distance], [distance]], 16, axis=0)
    x = (rng.normal(size=(32, 10)) * 0.1 + centres).astype("float32")
    drawn = partners(MixUp(pairing="neighbors", seed=0), x, 5)
    wrong = [set(drawn[:, row]) - set(near) for row, near in enumerate(nearest(x))]
    assert not any(wrong)


def test_a_callable_that_fails_in_one_thread_makes_no_other_draw_twice():
    called, go_on = threading.Event(), threading.Event()

    def pairing(x, y, seed):
        if len(x) == 3:
            called.set()
            go_on.wait(timeout=60)
            raise ValueError("the caller's own")
        return np.arange(len(x))

    layer = MixUp(pairing=pairing, seed=1)

    def draw():
        drawn = layer.get_random_transformation(np.zeros((4, 1), "float32"))
        return float(drawn["coefficients"][0, 0])

    def fail():
        with pytest.raises(ValueError, match="the caller's own"):
            layer(np.zeros((3, 1), "float32"))

    failing = threading.Thread(target=fail)
    failing.start()
    assert called.wait(timeout=60)
    drawn = [draw() for _ in range(3)]
    go_on.set()
    failing.join()
    drawn += [draw() for _ in range(3)]
    assert len(set(drawn)) == 6

"""Neighbours over a training set, against a plain search for the nearest rows."""

import keras
import numpy as np
import pytest

from keras_multimix import MixUp, MixupModel
from keras_multimix.pairing import NeighborPairs
from tests import helpers, oracle


def data(rng, rows=40):
    classes = np.arange(rows) % 3
    x = rng.normal(size=(rows, 2, 3)).astype("float32") + classes[:, None, None]
    return x, classes


def new(x, y, batch_size=8, **arguments):
    arguments = {"num_neighbors": 5, "seed": 3, "verbose": False} | arguments
    return NeighborPairs(x, y, batch_size, **arguments)


def nearest(x, allowed, count):
    """The numbers of the nearest allowed rows, for each row."""
    flat = x.reshape(len(x), -1).astype("float64")
    result = []
    for i in range(len(x)):
        distances = ((flat - flat[i]) ** 2).sum(axis=1)
        distances[~allowed[i]] = np.inf
        order = np.argsort(distances, kind="stable")
        result.append({int(j) for j in order[:count] if np.isfinite(distances[j])})
    return result


@pytest.mark.parametrize("same_class", [False, True])
def test_partners_are_among_the_nearest(rng, same_class):
    x, y = data(rng)
    allowed = ~np.eye(len(x), dtype=bool)
    if same_class:
        allowed &= y[:, None] == y[None, :]
    # The rows' numbers as labels say who is who.
    numbered = [x, np.stack([y, np.arange(len(x))], axis=1)]
    pairs = new(numbered[0], {"class": y, "row": numbered[1]}, same_class=same_class)
    expected = nearest(x, allowed, 5)
    seen = [set() for _ in x]
    for _epoch in range(80):
        order = []
        for (rows, labels), (partners, partner_labels) in pairs:
            own, others = labels["row"][:, 1], partner_labels["row"][:, 1]
            np.testing.assert_array_equal(rows, x[own])
            np.testing.assert_array_equal(partners, x[others])
            for i, j in zip(own, others, strict=True):
                seen[i].add(int(j))
            order.extend(own)
        assert sorted(order) == list(range(len(x)))
        pairs.on_epoch_end()
    assert seen == expected  # one of five is missed by 80 draws with p < 1e-7


def test_weights_follow_their_rows(rng):
    x, y = data(rng)
    class_weights = np.array([1.0, 3.0, 0.5], "float32")
    pairs = new(x, y, sample_weight=class_weights[y])
    for own, partners in pairs:
        for _, classes, weights in (own, partners):
            np.testing.assert_array_equal(weights, class_weights[classes])

    inputs = keras.Input((2, 3))
    base = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Flatten()(inputs)))
    model = MixupModel(base, MixUp(1.0, seed=1))

    def loss(y_true, y_pred):  # the class itself: the mean weighs it
        return keras.ops.cast(y_true[:, 0], "float32") + 0 * y_pred[:, 0]

    model.compile("sgd", loss)
    pairs = new(x, y, len(x), sample_weight=class_weights[y])
    (own_x, own, own_w), (_, other, other_w) = pairs[0]
    lam = MixUp(1.0, seed=1).get_random_transformation(own_x, step=0)["coefficients"]
    expected = lam[:, 0] * own_w * own + (1 - lam[:, 0]) * other_w * other
    got = model.train_on_batch(*pairs[0])
    np.testing.assert_allclose(got, expected.mean(), rtol=1e-5)


def test_a_row_alone_in_its_class_is_its_own_partner(rng):
    x, y = data(rng, 9)
    y[4] = 7
    pairs = new(x, y, 9, same_class=True, num_neighbors=200)
    for (rows, classes), (partners, partner_classes) in pairs:
        np.testing.assert_array_equal(classes, partner_classes)
        alone = classes == 7
        np.testing.assert_array_equal(rows[alone], partners[alone])
        assert (rows[~alone] != partners[~alone]).any(axis=(1, 2)).all()


def test_equal_rows_are_neighbours(rng):
    pairs = new(np.ones((6, 2), "float32"), np.arange(6), 6, num_neighbors=2)
    assert pairs.neighbors.shape == (6, 2)
    assert (pairs.neighbors != np.arange(6)[:, None]).all()


def test_one_class_given_as_scores(rng):
    x, y = data(rng, 12)
    scores = oracle.one_hot(y, 3)
    first, second = (new(x, each, same_class=True) for each in (y, scores))
    np.testing.assert_array_equal(first.neighbors, second.neighbors)


def test_epochs_and_seeds_draw_differently_and_repeatably(rng):
    x, y = data(rng)
    first, again, other = new(x, y), new(x, y), new(x, y, seed=4)
    np.testing.assert_array_equal(first[1][0][0], again[1][0][0])
    np.testing.assert_array_equal(first[1][1][0], again[1][1][0])
    assert (first[0][0][0] != other[0][0][0]).any()
    before = first[0][0][0]
    first.on_epoch_end()
    assert (first[0][0][0] != before).any()


def test_batches(rng):
    x, y = data(rng, 10)
    pairs = new(x, y, 4)
    assert len(pairs) == pairs.num_batches == 3
    assert [len(rows) for (rows, _), _ in pairs] == [4, 4, 2]
    with pytest.raises(IndexError):
        pairs[3]
    (one, _), (partner, _) = new(x[:1], y[:1])[0]
    np.testing.assert_array_equal(one, partner)


def test_a_layer_mixes_the_pairs(rng):
    x, y = data(rng)
    pairs, layer = new(x, y), MixUp(0.4, 2, num_classes=3, seed=1)
    (rows, classes), (partners, partner_classes) = pairs[0]
    mixed, mixed_labels = layer.mix_pairs(*pairs[0], step=2)
    drawn = layer.get_random_transformation((rows, classes), step=2)
    stacked = np.concatenate([rows, partners])
    rows_below = np.arange(8) + 8
    np.testing.assert_allclose(
        mixed,
        oracle.interpolate(stacked, rows_below, drawn["coefficients"]),
        atol=1e-5,
    )
    labels = oracle.one_hot(np.concatenate([classes, partner_classes]), 3)
    np.testing.assert_allclose(
        mixed_labels,
        oracle.interpolate(labels, rows_below, drawn["coefficients"]),
        atol=1e-6,
    )


@pytest.mark.parametrize("mix_at", [None, ["input", "hidden"]])
def test_a_model_trains_on_them(rng, mix_at):
    x, y = data(rng)
    base = keras.Sequential(
        [
            keras.Input((2, 3)),
            keras.layers.Flatten(),
            keras.layers.Dense(4, name="hidden"),
            keras.layers.Dense(3),
        ]
    )
    model = MixupModel(base, MixUp(0.4, 2, seed=1), mix_at=mix_at)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.05), loss, metrics=["accuracy"])
    pairs = new(x, y)
    losses = model.fit(pairs, epochs=4, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert model.evaluate(pairs, verbose=0)[0] == pytest.approx(
        model.evaluate(x, y, verbose=0)[0], rel=1e-5
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_neighbors": 0}, "num_neighbors"),
        ({"batch_size": 0}, "batch_size"),
        ({"same_class": 1}, "same_class"),
        ({"seed": -1}, "seed"),
        ({"y": np.zeros(7)}, "as many rows"),
        ({"y": np.zeros((9, 2, 2)), "same_class": True}, "same_class"),
        ({"x": np.zeros((0, 2)), "y": np.zeros(0)}, "one row or more"),
    ],
)
def test_bad_arguments(arguments, message):
    good = {"x": np.zeros((9, 2)), "y": np.zeros(9), "batch_size": 4}
    with pytest.raises(ValueError, match=message) as error:
        NeighborPairs(**good | arguments)
    helpers.assert_three_parts(error)

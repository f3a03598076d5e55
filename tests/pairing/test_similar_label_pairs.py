"""C-Mixup over a training set: the law of the partners, their streams, their cost."""

import pickle
import tracemalloc

import keras
import numpy as np
import pytest

from keras_multimix import MixUp, MixupModel, namespaces, randomness
from keras_multimix.pairing import SimilarLabelPairs
from tests import helpers, oracle
from tests.pairing import gaussian

# Some rows have the same label, some are alone with theirs.
LABELS = np.array([3.0, 0.0, 0.3, 3.0, 0.5, 1.5, 3.0, 1.6, 9.0, 0.3])


def new(y, batch_size=4, bandwidth=0.5, **arguments):
    """Pairs whose inputs are the numbers of the rows."""
    arguments = {"seed": 3} | arguments
    x = np.arange(len(y), dtype="float64")
    return SimilarLabelPairs(x, y, batch_size, bandwidth, **arguments)


def partners_of(pairs):
    """The partner of each row in this epoch, in the order of the rows."""
    batches = [(rows, partners) for (rows, _), (partners, _) in pairs]
    rows, partners = (
        np.concatenate(part).astype(int) for part in zip(*batches, strict=True)
    )
    assert sorted(rows) == list(range(len(rows)))
    return partners[np.argsort(rows)]


def epochs(pairs, count):
    drawn = []
    for _ in range(count):
        drawn.append(partners_of(pairs))
        pairs.on_epoch_end()
    return np.stack(drawn)


# The law ------------------------------------------------------------------------


@pytest.mark.parametrize("bandwidth", [0.4, 1.0, 5.0])
def test_frequencies_are_those_of_the_law(bandwidth):
    drawn = epochs(new(LABELS, 10, bandwidth), 3000)
    # Two for each of 10 rows: all pass with probability 0.998, if the law is right.
    p_values = gaussian.p_values(drawn, gaussian.law(LABELS, bandwidth))
    assert p_values.min() > 1e-4
    # And they would tell a bandwidth that is off by a quarter.
    for wrong in (bandwidth * 0.75, bandwidth * 1.25):
        assert gaussian.p_values(drawn, gaussian.law(LABELS, wrong)).min() < 1e-4
    assert (drawn != np.arange(10)).all()


@pytest.mark.parametrize("shape", [(60,), (60, 1), (60, 3), (60, 2, 2)])
@pytest.mark.parametrize("digits", [0, 9])  # few different labels, and all different
def test_partners_are_those_of_an_oracle(rng, shape, digits):
    y = np.round(rng.normal(size=shape), digits)
    rows = np.arange(60, dtype="int32")
    _, numbers = np.unique(y.reshape(60, -1), axis=0, return_inverse=True)
    # Inversion goes through the rows sorted by label.
    order = np.argsort(numbers.reshape(-1), kind="stable")
    for bandwidth in (0.05, 1.0, 40.0):
        probabilities = gaussian.law(y, bandwidth)[:, order]
        pairs = new(y, 16, bandwidth)
        for epoch, got in enumerate(epochs(pairs, 3)):
            state = np.array([3, 0, epoch], "int32")
            ops = namespaces.numpy_ops
            words = randomness.random_words(state, randomness.NEIGHBORS, rows, ops)
            uniforms = (words.view("uint32") >> 1) / 2.0**31
            place, unsure = gaussian.inverted(probabilities, uniforms, 1e-9)
            assert not unsure.any()
            np.testing.assert_array_equal(got, order[place])


@pytest.mark.parametrize("bandwidth", [1e-2, 1e-20, 1e-200])
@pytest.mark.parametrize("scale", [1.0, 1e-30, 1e30])
def test_the_nearest_row_is_possible_however_far_it_is(bandwidth, scale):
    y = np.array([0, 10, 11, 40, 35, 34.5]) * scale
    drawn = epochs(new(y, 6, bandwidth * scale), 20)
    assert (drawn == [1, 2, 1, 4, 5, 4]).all()


def test_extreme_bandwidths():
    y = np.array([0, 7, 0, 7, 7.0])
    drawn = epochs(new(y, 5, 1e-310), 200)
    assert [set(column) for column in drawn.T] == [{2}, {3, 4}, {0}, {1, 4}, {1, 3}]
    uniform = (1 - np.eye(5)) / 4
    drawn = epochs(new(y, 5, 1e300), 2000)
    assert gaussian.p_values(drawn, uniform).min() > 1e-4


# At epochs 0, 1 and 2 of seed 7, in batches of 4: drawn once.
GOLDEN = [
    [6, 2, 1, 6, 9, 7, 3, 9, 0, 2],
    [3, 9, 9, 0, 9, 7, 3, 5, 0, 2],
    [3, 4, 4, 6, 1, 7, 0, 5, 3, 1],
]


def test_the_partners_of_a_seed_never_change():
    np.testing.assert_array_equal(epochs(new(LABELS, seed=7), 3), GOLDEN)


def test_epochs_seeds_and_batches():
    first, again, other = new(LABELS), new(LABELS), new(LABELS, seed=4)
    drawn = epochs(first, 4)
    assert (drawn != drawn[0]).any(axis=1).tolist() == [False, True, True, True]
    again.epoch = 3  # as after three epochs
    np.testing.assert_array_equal(partners_of(again), drawn[3])
    assert (partners_of(other) != drawn[0]).any()
    # A row's partner does not depend on the rows that it comes with.
    np.testing.assert_array_equal(epochs(new(LABELS, 7), 4), drawn)


def test_rows_that_are_drawn_for_one_by_one(monkeypatch):
    drawn = epochs(new(LABELS, 10), 4)
    module = "keras_multimix.pairing.similar_label_pairs"
    monkeypatch.setattr(f"{module}._NUMBERS_AT_ONCE", 15)
    np.testing.assert_array_equal(epochs(new(LABELS, 10), 4), drawn)


def test_no_matrix_of_all_pairs_is_held(rng):
    y = rng.normal(size=20_000)
    tracemalloc.start()
    try:
        pairs = new(y, 256)
        first = pairs[0]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(first[0][0]) == 256
    assert peak < 16e6  # of the whole matrix 256 rows alone would take 41 MB


# Datasets -----------------------------------------------------------------------


def test_the_parts_of_a_batch(rng):
    x = {"table": rng.normal(size=(10, 3)), "row": np.arange(10.0)}
    y = {"age": LABELS, "other": np.arange(10) % 3}
    pairs = SimilarLabelPairs(x, y, 4, 0.5, seed=3, sample_weight=LABELS + 1)
    assert len(pairs) == pairs.num_batches == 3
    plain = partners_of(new(LABELS))
    for batch, size in zip(pairs, (4, 4, 2), strict=True):
        rows, partners = (half[0]["row"].astype(int) for half in batch)
        assert len(rows) == size
        np.testing.assert_array_equal(partners, plain[rows])  # the first label counts
        for (inputs, labels, weights), numbers in zip(
            batch, (rows, partners), strict=True
        ):
            np.testing.assert_array_equal(inputs["table"], x["table"][numbers])
            np.testing.assert_array_equal(labels["age"], LABELS[numbers])
            np.testing.assert_array_equal(labels["other"], y["other"][numbers])
            np.testing.assert_array_equal(weights, LABELS[numbers] + 1)
    with pytest.raises(IndexError):
        pairs[3]


def test_a_copy_in_a_worker_draws_the_same():
    pairs = new(LABELS, workers=2, use_multiprocessing=True)
    assert pairs.workers == 2 and pairs.use_multiprocessing
    pairs.epoch = 2
    copy = pickle.loads(pickle.dumps(pairs))
    np.testing.assert_array_equal(partners_of(copy), partners_of(pairs))


def test_a_layer_mixes_the_pairs(rng):
    x = rng.normal(size=(10, 3)).astype("float32")
    pairs, layer = SimilarLabelPairs(x, LABELS, 8, 0.5, seed=3), MixUp(2.0, 2, seed=1)
    (rows, labels), (partners, partner_labels) = pairs[0]
    mixed, mixed_labels = layer.mix_pairs(*pairs[0], step=2)
    drawn = layer.get_random_transformation((rows, labels), step=2)["coefficients"]
    below = np.arange(8) + 8
    expected = oracle.interpolate(np.concatenate([rows, partners]), below, drawn)
    np.testing.assert_allclose(mixed, expected, atol=1e-5)
    stacked = np.concatenate([labels, partner_labels])
    expected = oracle.interpolate(stacked, below, drawn)
    np.testing.assert_allclose(mixed_labels, expected, atol=1e-5)


def test_a_model_trains_on_them(rng):
    x = rng.normal(size=(40, 3)).astype("float32")
    y = (x @ [1.0, -2.0, 0.5]).astype("float32")
    inputs = keras.Input((3,))
    base = keras.Model(inputs, keras.layers.Dense(1)(inputs))
    model = MixupModel(base, MixUp(2.0, seed=1))
    model.compile(keras.optimizers.Adam(0.1), "mse")
    pairs = SimilarLabelPairs(x, y, 8, 0.5, seed=3, workers=2)
    losses = model.fit(pairs, epochs=8, shuffle=False, verbose=0).history["loss"]
    assert losses[-1] < losses[0] / 2


# What is refused ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bandwidth": 0}, "bandwidth"),
        ({"bandwidth": None}, "bandwidth"),
        ({"batch_size": 0}, "batch_size"),
        ({"seed": -1}, "seed"),
        ({"y": LABELS[:7]}, "as many rows"),
        ({"y": None}, "no labels"),
        ({"y": np.arange(10)}, "same_class.*cast counts"),
        ({"y": LABELS > 1}, "same_class"),
        ({"y": LABELS + 0j}, "same_class"),
        ({"y": LABELS.astype(str)}, "numbers"),
        ({"y": np.where(LABELS > 8, np.nan, LABELS)}, "1 that are NaN"),
        ({"y": np.full(10, 0.5)}, "bandwidth.*does nothing"),
        ({"y": np.zeros((10, 0))}, "bandwidth.*does nothing"),
        ({"x": np.zeros((1, 2)), "y": LABELS[:1]}, "two different ones or more"),
        ({"x": np.zeros((0, 2)), "y": LABELS[:0]}, "one row or more"),
        ({"sample_weight": np.ones(9)}, "as many rows"),
    ],
)
def test_bad_arguments(arguments, message):
    good = {"x": np.zeros((10, 2)), "y": LABELS, "batch_size": 4, "bandwidth": 1.0}
    keras.utils.set_random_seed(1)
    with pytest.raises(ValueError, match=message) as error:
        SimilarLabelPairs(**good | arguments)
    helpers.assert_three_parts(error)
    # Nor has it drawn a seed.
    seed = SimilarLabelPairs(**good).seed
    keras.utils.set_random_seed(1)
    assert SimilarLabelPairs(**good).seed == seed

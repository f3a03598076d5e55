"""C-Mixup in a batch: the law of the partners, and their streams."""

import keras
import numpy as np
import pytest

from keras_multimix import MixUp, namespaces, randomness
from keras_multimix.pairing import SimilarLabels
from keras_multimix.pairing.gaussian_partners import gaussian_partners, squared_steps
from tests import helpers
from tests.pairing import gaussian
from tests.pairing.gaussian import INPUTS, LABELS, partners

# PyTorch takes ten seconds and more to trace a call.
HOW = [helpers.slow_on("torch", how) for how in helpers.compilations()]


def namespaces_here():
    return [namespaces.numpy_ops, keras.ops, namespaces.tensorflow_ops()]


def words_at(step, num_rows):
    state = np.array([5, 0, step], "int32")
    rows = np.arange(num_rows, dtype="int32")
    ops = namespaces.numpy_ops
    return randomness.random_words(state, randomness.PARTNERS, rows, ops)


# The law ------------------------------------------------------------------------


@pytest.mark.parametrize("bandwidth", [0.4, 1.0, 5.0])
def test_frequencies_are_those_of_the_law(bandwidth):
    drawn = partners(LABELS, bandwidth, range(4000))
    # Two for each of 8 rows: all pass with probability 0.998, if the law is right.
    p_values = gaussian.p_values(drawn, gaussian.law(LABELS, bandwidth))
    assert p_values.min() > 1e-4
    # And they would tell a bandwidth that is off by a quarter.
    for wrong in (bandwidth * 0.75, bandwidth * 1.25):
        assert gaussian.p_values(drawn, gaussian.law(LABELS, wrong)).min() < 1e-4
    assert (drawn != np.arange(8)).all()


def test_equal_labels_make_all_other_rows_equally_likely():
    drawn = partners(np.full(5, 3.7, "float32"), 0.1, range(2000))
    uniform = (1 - np.eye(5)) / 4
    assert gaussian.p_values(drawn, uniform).min() > 1e-4


def test_a_bandwidth_beyond_all_distances_does_so_too():
    drawn = partners(LABELS, 1e300, range(2000))
    uniform = (1 - np.eye(8)) / 7
    assert gaussian.p_values(drawn, uniform).min() > 1e-4


@pytest.mark.parametrize("bandwidth", [1e-2, 1e-5, 1e-10])
@pytest.mark.parametrize("scale", [1.0, 1e-30, 1e30])
def test_the_nearest_row_is_possible_however_far_it_is(bandwidth, scale):
    labels = (np.array([0, 10, 11, 40, 35, 34.5]) * scale).astype("float32")
    nearest = [1, 2, 1, 4, 5, 4]
    drawn = partners(labels, bandwidth * scale, range(20))
    assert (drawn == nearest).all()


def test_a_bandwidth_below_all_distances_draws_equal_labels():
    drawn = partners(np.array([0, 7, 0, 7, 7], "float32"), 1e-300, range(200))
    assert [set(column) for column in drawn.T] == [{2}, {3, 4}, {0}, {1, 4}, {1, 3}]


def test_the_shares_of_equally_far_rows():
    # The two rows at 0 are 1000 bandwidths from the others, which are equally far.
    drawn = partners(np.array([0, 1000, -1000, 3000], "float32"), 1.0, range(2000))
    assert set(drawn[:, 0]) == {1, 2}
    assert abs((drawn[:, 0] == 1).mean() - 0.5) < 5 * 0.0112
    assert (drawn[:, 3] == 1).all()


# The stream ---------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(40,), (40, 1), (40, 2), (40, 7), (40, 4, 5)])
def test_partners_are_those_of_an_oracle(rng, shape):
    labels = rng.normal(size=shape).astype("float32")
    values = labels.reshape(40, -1)
    unsure_rows = 0
    for step, bandwidth in enumerate([0.05, 0.5, 1.0, 2.0, 40.0]):
        words = words_at(step, 40)
        uniforms = (words.view("uint32") >> 2) / 2.0**30
        # A weight is right to 1 part in 20 000, a sum of some of them to as much.
        probabilities = gaussian.law(labels, bandwidth)
        expected, unsure = gaussian.inverted(probabilities, uniforms, 5e-5)
        unsure_rows += unsure.sum()
        for ops in namespaces_here():
            tensors = ops.convert_to_tensor(values), ops.convert_to_tensor(words)
            got = gaussian_partners(tensors[0], bandwidth, tensors[1], 40, ops)
            got = helpers.in_numpy(got)
            assert got.dtype == "int32"
            np.testing.assert_array_equal(got[~unsure], expected[~unsure])
    assert unsure_rows <= 5  # of 200


# At step 0, 1 and 2 of seed 7: drawn once and checked to be equal on three backends.
GOLDEN = {
    1: [
        [10, 11, 5, 0, 0, 0, 10, 6, 1, 6, 0, 8],
        [4, 11, 7, 8, 0, 10, 7, 6, 11, 2, 0, 8],
        [3, 11, 9, 1, 2, 9, 4, 2, 11, 6, 2, 1],
    ],
    3: [
        [6, 11, 3, 4, 3, 2, 8, 10, 6, 1, 1, 10],
        [6, 11, 3, 4, 2, 3, 8, 10, 6, 1, 1, 10],
        [6, 11, 4, 4, 3, 2, 0, 10, 6, 1, 1, 1],
    ],
}


@pytest.mark.parametrize("width", GOLDEN)
@pytest.mark.parametrize("convert", [lambda x: x, helpers.tensors])
def test_the_partners_of_a_seed_never_change(width, convert):
    labels = np.sin(np.arange(12 * width, dtype="float32") ** 2).reshape(12, width)
    labels = np.round(labels, 2).astype("float32")
    data = convert((np.zeros((12, 2), "float32"), labels))
    layer = MixUp(pairing=SimilarLabels(0.3), seed=7)
    for step, expected in enumerate(GOLDEN[width]):
        drawn = helpers.in_numpy(layer.get_random_transformation(data, step=step))
        assert drawn["partner"].tolist() == expected


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("width", [1, 2, 5, 40])
def test_compilers_give_the_same_bits(rng, how, width):
    values = rng.normal(size=(64, width)).astype("float32")

    # Without its `where` TensorFlow's compiler rounds one number in seven otherwise.
    def farther(values, ops=keras.ops):
        steps = squared_steps(values, 0.7, ops)
        return steps - ops.min(steps, axis=1)[:, None]

    got = helpers.in_numpy(helpers.compiled(farther, how)(helpers.tensors(values)))
    np.testing.assert_array_equal(got, farther(values, namespaces.numpy_ops))


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("width", [None, 1, 3, 30])
def test_draws_agree_eager_and_compiled(rng, how, width):
    labels = rng.normal(size=(32,) if width is None else (32, width)).astype("float32")
    data = rng.normal(size=(32, 2)).astype("float32"), labels
    layer = MixUp(0.4, 2, pairing=SimilarLabels(0.5), seed=3)

    def draw(data, step):
        return layer.get_random_transformation(data, step=step)["partner"]

    def mix(data, step):
        return layer(data, step=step)

    compiled = helpers.compiled(draw, how), helpers.compiled(mix, how)
    tensors = helpers.tensors(data)
    for step in range(6):
        number = helpers.tensors(np.array(step, "int32"))
        expected = draw(data, step)
        for function in (draw, compiled[0]):
            got = helpers.in_numpy(function(tensors, number))
            np.testing.assert_array_equal(got, expected)
        got = helpers.in_numpy(compiled[1](tensors, number))
        for a, b in zip(got, mix(data, step), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)
    assert helpers.state(layer)[2] == 0


def test_in_a_dataset_whose_batches_have_no_fixed_size(rng):
    x, y = rng.normal(size=(13, 2)), rng.normal(size=13)
    layer = MixUp(pairing=SimilarLabels(0.5), seed=1)
    batches = list(helpers.dataset(x, y, batch_size=6).map(layer))
    for step, rows in enumerate((slice(6), slice(6, 12))):
        expected = layer(x[rows], y[rows], step=step)
        for a, b in zip(helpers.in_numpy(batches[step]), expected, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)
    # The last row is alone, which nobody knew when the pipeline was made.
    for a, b in zip(helpers.in_numpy(batches[2]), (x[12:], y[12:]), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_the_same_words_as_other_pairings_and_no_more():
    plain, similar = (
        MixUp(0.4, 2, pairing=pairing, seed=1).get_random_transformation(
            (INPUTS, LABELS), step=4
        )
        for pairing in ("shuffle", SimilarLabels(1.0))
    )
    np.testing.assert_array_equal(plain["coefficients"], similar["coefficients"])
    one = partners(LABELS, 1.0, range(50), seed=1)
    other = partners(LABELS, 1.0, range(50), seed=2)
    assert (one != other).any(axis=0).all()


@pytest.mark.parametrize("how", HOW)
def test_labels_that_are_no_numbers_keep_partners_inside_of_the_batch(how):
    labels = LABELS.copy()
    labels[[1, 5]] = np.nan, np.inf
    layer = MixUp(pairing=SimilarLabels(1.0), seed=1)
    draw = helpers.compiled(
        lambda x, y: layer.get_random_transformation((x, y), step=0)["partner"], how
    )
    drawn = helpers.in_numpy(draw(*helpers.tensors((INPUTS, labels))))
    assert ((drawn >= 0) & (drawn < 8) & (drawn != np.arange(8))).all()

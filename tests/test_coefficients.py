import keras
import numpy as np
import pytest
from scipy import stats

from keras_multimix import coefficients, namespaces, randomness


def sample(alpha, num_pairs, num_interpolations, sampling, seed=1, ops=None):
    ops = ops or namespaces.numpy_ops
    state = np.append(randomness.key_words(seed), 0).astype("int32")
    ids = ops.convert_to_tensor(np.arange(num_pairs, dtype="int32"))
    table = coefficients.quantile_table(alpha)
    drawn = coefficients.sample_coefficients(
        ops.convert_to_tensor(state), ids, table, num_interpolations, sampling, ops
    )
    return np.array(keras.ops.convert_to_numpy(drawn))


@pytest.mark.parametrize("alpha", [0.001, 0.01, 0.2, 1.0, 8.0, 100.0])
def test_table_holds_the_quantiles(alpha):
    table = coefficients.quantile_table(alpha)
    assert table.dtype == "float32" and np.all(np.diff(table) >= 0)
    np.testing.assert_allclose(table + table[::-1], 1.0, atol=1e-6)
    knots = np.array([1000, 4096, 7000, 8192, 12000])
    expected = stats.beta(alpha, alpha).ppf(knots / (len(table) - 1))
    np.testing.assert_allclose(table[knots], expected, atol=2e-6)


def test_table_is_built_once_and_cannot_be_written():
    table = coefficients.quantile_table(0.3)
    assert coefficients.quantile_table(0.3) is table
    with pytest.raises(ValueError):
        table[0] = 1.0


@pytest.mark.parametrize("alpha", [0.001, 0.2, 1.0, 100.0])
@pytest.mark.parametrize("sampling", ["independent", "stratified"])
def test_every_coefficient_has_the_law(alpha, sampling):
    drawn = sample(alpha, 40_000, 5, sampling).astype("float64").ravel()
    # Mean ½ and variance 1 / (4 (2α + 1)); five standard errors of n draws.
    variance = 1 / (4 * (2 * alpha + 1))
    assert abs(drawn.mean() - 0.5) < 5 * np.sqrt(variance / len(drawn))
    spread = np.sqrt(((drawn - 0.5) ** 2).var() / len(drawn))
    assert abs(((drawn - 0.5) ** 2).mean() - variance) < 5 * spread + 1e-6


def test_extreme_coefficients_are_not_less_likely_than_a_float_can_draw():
    # Beta(100, 100) is within 0.5 ± 0.2 but once in 10 ** 8 draws.
    drawn = sample(100.0, 200_000, 1, "independent")
    assert drawn.min() > 0.3 and drawn.max() < 0.7


@pytest.mark.parametrize("count", [1, 2, 3, 5, 7, 200])
def test_stratified_coefficients_take_one_of_each_stratum(count):
    alpha = 0.7
    drawn = sample(alpha, 500, count, "stratified")
    probabilities = stats.beta(alpha, alpha).cdf(drawn.astype("float64"))
    strata = np.clip(np.floor(probabilities * count), 0, count - 1)
    expected = np.arange(count - 1, -1, -1)
    # A λ on a stratum's edge may be rounded to its neighbour.
    edges = np.abs(probabilities * count - np.round(probabilities * count)) < 0.02
    assert np.all((strata == expected) | edges)


@pytest.mark.parametrize("sampling", coefficients.SAMPLINGS)
def test_coefficients_fall_along_the_walk(sampling):
    drawn = sample(0.5, 300, 6, sampling)
    assert drawn.shape == (300, 6) and drawn.dtype == "float32"
    assert np.all(np.diff(drawn, axis=1) <= 0)
    assert drawn.min() >= 0 and drawn.max() <= 1
    if sampling == "shared":
        assert np.all(drawn == drawn[0])
    else:
        assert len(np.unique(drawn[:, 0])) > 200


def test_alpha_zero_keeps_every_row():
    np.testing.assert_array_equal(sample(0, 4, 3, "independent"), np.ones((4, 3)))


@pytest.mark.parametrize("alpha", [0.001, 0.2, 1.0, 32.0])
@pytest.mark.parametrize("sampling", coefficients.SAMPLINGS)
@pytest.mark.parametrize("count", [1, 3, 5])
def test_every_namespace_draws_the_same(alpha, sampling, count):
    expected = sample(alpha, 2000, count, sampling)
    for ops in (keras.ops, namespaces.tensorflow_ops()):
        got = sample(alpha, 2000, count, sampling, ops=ops)
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-6)


def test_stratified_means_vary_less_than_independent_ones():
    spread = {
        sampling: sample(1.0, 4000, 5, sampling).mean(axis=1).var()
        for sampling in ("independent", "stratified")
    }
    # For α = 1 the strata leave 1/K² of the variance of a mean of K uniforms.
    assert spread["stratified"] == pytest.approx(1 / (12 * 5**3), rel=0.15)
    assert spread["independent"] == pytest.approx(1 / (12 * 5), rel=0.15)

"""λ ~ Beta(α, α), on every backend, eager and compiled."""

import numpy as np
import pytest
from scipy import stats

from keras_multimix import MixUp, MultiMix
from tests import helpers

NUM_DRAWS = 200_000
# At small α much of the mass lies closer to 0 or 1 than float32 resolves, so the
# distribution functions are compared at thresholds and not at the draws.
THRESHOLDS = np.concatenate(
    [np.geomspace(1e-6, 0.1, 30), np.linspace(0.11, 0.9, 80), [0.99, 0.999]]
)
# A Kolmogorov-Smirnov statistic exceeds 1.95 / sqrt(n) once in a thousand tests.
CRITICAL = 1.95 / np.sqrt(NUM_DRAWS)


def distance(coefficients, alpha):
    observed = np.searchsorted(
        np.sort(coefficients.ravel()), THRESHOLDS.astype("float32"), side="right"
    )
    expected = stats.beta(alpha, alpha).cdf(THRESHOLDS)
    return np.abs(observed / coefficients.size - expected).max()


@pytest.mark.spread
@pytest.mark.parametrize("alpha", [0.001, 0.01, 0.1, 0.2, 0.4, 1, 2, 8, 32, 100])
def test_coefficients_have_the_law_eager_and_compiled(alpha):
    layer = MixUp(alpha, pairing="roll", seed=11)
    rows = helpers.tensors(np.zeros((NUM_DRAWS, 1), "float32"))
    step = helpers.tensors(np.array(0, "int32"))

    def draw(x, step):
        return layer.get_random_transformation(x, step=step)["coefficients"]

    eager = helpers.in_numpy(draw(rows, 0))
    assert eager.shape == (NUM_DRAWS, 1) and eager.dtype == "float32"
    assert distance(eager, alpha) < CRITICAL
    for how in helpers.compilations():
        traced = helpers.in_numpy(helpers.compiled(draw, how)(rows, step))
        np.testing.assert_allclose(traced, eager, rtol=0, atol=1e-6)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 8.0])
def test_each_stratified_coefficient_has_the_law_when_its_rank_is_forgotten(alpha):
    layer = MultiMix(alpha, 5, pairing="roll", seed=3)
    rows = np.zeros((NUM_DRAWS // 5, 1), "float32")
    drawn = layer.get_random_transformation(rows, step=0)["coefficients"]
    assert distance(drawn, alpha) < CRITICAL


def test_steps_together_have_the_law_too():
    layer = MixUp(0.2, seed=5)
    rows = np.zeros((200, 1), "float32")
    drawn = [layer.get_random_transformation(rows)["coefficients"] for _ in range(1000)]
    assert distance(np.concatenate(drawn), 0.2) < CRITICAL


def test_alpha_zero_is_the_identity(rng):
    x, y = rng.normal(size=(5, 3)), np.arange(5.0)
    mixed_x, mixed_y = MixUp(0)(x, y)
    np.testing.assert_array_equal(mixed_x, x)
    np.testing.assert_array_equal(mixed_y, y)
    mixed_x, mixed_y = MultiMix(0, 3)(x, y)
    np.testing.assert_array_equal(mixed_x, np.repeat(x, 3, axis=0))
    np.testing.assert_array_equal(mixed_y, np.repeat(y, 3))

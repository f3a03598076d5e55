"""The measures against numbers worked out by hand."""

import numpy as np
import pytest

from recipes.shared import measures

PROBABILITIES = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.45, 0.55]])
LABELS = np.array([0, 1, 1, 1])


def test_log_probabilities_are_a_stable_log_softmax():
    logits = np.array([[0.0, np.log(3.0)], [1000.0, 1000.0]], dtype="float32")
    expected = np.log([[0.25, 0.75], [0.5, 0.5]])
    np.testing.assert_allclose(
        measures.log_probabilities(logits), expected, rtol=1e-6, atol=1e-7
    )


def test_log_probabilities_do_not_overflow():
    logarithms = measures.log_probabilities(np.array([[0.0, -2000.0]], "float32"))
    np.testing.assert_allclose(logarithms, [[0.0, -2000.0]])


def test_error_rate_is_the_share_of_wrong_rows():
    assert measures.error_rate(PROBABILITIES, LABELS) == 0.25


def test_negative_log_likelihood_is_a_mean_in_nats():
    expected = -(np.log(0.9) + np.log(0.2) + np.log(0.7) + np.log(0.55)) / 4
    value = measures.negative_log_likelihood(np.log(PROBABILITIES), LABELS)
    assert value == pytest.approx(expected, abs=1e-12)


def test_confidence_gap_is_negative_for_the_under_confident():
    # Mean confidence (0.9 + 0.8 + 0.7 + 0.55) / 4 = 0.7375, accuracy 0.75.
    assert measures.confidence_gap(PROBABILITIES, LABELS) == pytest.approx(-0.0125)


def test_measure_names_every_measure():
    result = measures.measure(np.log(PROBABILITIES), LABELS)
    assert set(result) == {"test_error", "nll", "ece", "confidence_gap"}
    assert result["test_error"] == 0.25


def test_a_run_that_diverged_has_an_error_and_nothing_else():
    result = measures.measure(np.full((2, 3), np.nan), np.array([1, 2]))
    assert result["test_error"] == 1.0
    assert all(np.isnan(result[name]) for name in ("nll", "ece", "confidence_gap"))

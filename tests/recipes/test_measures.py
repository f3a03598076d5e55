"""The measures against numbers worked out by hand."""

import numpy as np
import pytest

from recipes import measures

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


def test_calibration_error_with_each_row_in_its_own_bin():
    # Four bins of width 1/15: |0.9 - 1|, |0.8 - 0|, |0.7 - 1|, |0.55 - 1|.
    value = measures.expected_calibration_error(PROBABILITIES, LABELS)
    assert value == pytest.approx((0.1 + 0.8 + 0.3 + 0.45) / 4)


def test_calibration_error_averages_within_a_bin_first():
    # Two bins: 0.9, 0.8, 0.7 and 0.55 share (0.5, 1]; errors cancel inside.
    value = measures.expected_calibration_error(PROBABILITIES, LABELS, num_bins=2)
    assert value == pytest.approx(0.0125)


def test_calibration_error_is_zero_for_certain_and_right_rows():
    assert measures.expected_calibration_error(np.eye(3), np.arange(3)) == 0.0


def test_calibration_error_against_a_loop_over_the_bins():
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet(np.ones(4), size=500)
    labels = generator.integers(0, 4, size=500)
    confidence, expected = probabilities.max(axis=1), 0.0
    correct = probabilities.argmax(axis=1) == labels
    for lower in np.arange(15) / 15:
        inside = (confidence > lower) & (confidence <= lower + 1 / 15)
        if inside.any():
            gap = abs(correct[inside].mean() - confidence[inside].mean())
            expected += inside.mean() * gap
    value = measures.expected_calibration_error(probabilities, labels)
    assert value == pytest.approx(expected, abs=1e-12)


def test_measure_names_every_measure():
    result = measures.measure(np.log(PROBABILITIES), LABELS)
    assert set(result) == {"test_error", "nll", "ece", "confidence_gap"}
    assert result["test_error"] == 0.25

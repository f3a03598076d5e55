"""How good a classifier's logits are: error, likelihood and calibration."""

import numpy as np

from keras_multimix.metrics import ExpectedCalibrationError


def log_probabilities(logits):
    """Log-softmax over the last axis: logits (N, C) -> (N, C) float64, natural log."""
    logits = np.asarray(logits, dtype="float64")
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def error_rate(probabilities, labels):
    """The share of rows, 0 to 1, whose most probable class is not the label.

    Args:
        probabilities: (N, C), or anything with the same order, such as logits.
        labels: (N,) integers.
    """
    return float(np.mean(np.argmax(probabilities, axis=-1) != labels))


def negative_log_likelihood(log_probabilities, labels):
    """The mean of -log p(label) in nats, from (N, C) log-probabilities."""
    rows = np.arange(len(labels))
    return float(-np.mean(np.asarray(log_probabilities)[rows, labels]))


def confidence_gap(probabilities, labels):
    """Mean confidence minus accuracy, -1 to 1; below 0 is under-confident."""
    accuracy = 1.0 - error_rate(probabilities, labels)
    return float(np.mean(np.max(probabilities, axis=-1)) - accuracy)


def reliability(logits, labels):
    """Weight, confidence and accuracy of 15 bins of confidence, for a diagram."""
    calibration = ExpectedCalibrationError()
    calibration.update_state(labels, np.exp(log_probabilities(logits)))
    return calibration.bins()


def measure(logits, labels):
    """All measures of (N, C) logits against (N,) integer labels, as a dict.

    If a run has diverged, its logits are NaN: the error is counted, the rest is NaN.
    """
    logarithms = log_probabilities(logits)
    probabilities = np.exp(logarithms)
    if np.isnan(probabilities).any():
        nothing = dict.fromkeys(("nll", "ece", "confidence_gap"), float("nan"))
        return {"test_error": error_rate(probabilities, labels), **nothing}
    calibration = ExpectedCalibrationError()
    calibration.update_state(labels, probabilities)
    return {
        "test_error": error_rate(probabilities, labels),
        "nll": negative_log_likelihood(logarithms, labels),
        "ece": float(calibration.result()),
        "confidence_gap": confidence_gap(probabilities, labels),
    }

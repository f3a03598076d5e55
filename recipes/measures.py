"""How good a classifier's logits are: error, likelihood and calibration, in NumPy."""

import numpy as np


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


def expected_calibration_error(probabilities, labels, num_bins=15):
    """The mean distance, 0 to 1, between confidence and accuracy in each bin.

    Rows are sorted by confidence (their largest probability) into `num_bins` bins
    of equal width, open below and closed above; each bin weighs as many rows as it
    holds.

    Args:
        probabilities: (N, C), each row summing to 1.
        labels: (N,) integers.
        num_bins: number of bins between 0 and 1.
    """
    probabilities = np.asarray(probabilities)
    confidence = probabilities.max(axis=-1)
    correct = probabilities.argmax(axis=-1) == labels
    bins = np.clip(np.ceil(confidence * num_bins).astype(int) - 1, 0, num_bins - 1)
    # |sum of (confidence - correct)| over a bin is already weighted by its rows.
    gaps = np.bincount(bins, weights=confidence - correct, minlength=num_bins)
    return float(np.abs(gaps).sum() / len(confidence))


def measure(logits, labels):
    """All measures of (N, C) logits against (N,) integer labels, as a dict."""
    logarithms = log_probabilities(logits)
    probabilities = np.exp(logarithms)
    return {
        "test_error": error_rate(probabilities, labels),
        "nll": negative_log_likelihood(logarithms, labels),
        "ece": expected_calibration_error(probabilities, labels),
        "confidence_gap": confidence_gap(probabilities, labels),
    }

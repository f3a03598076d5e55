"""C-Mixup's law in double precision, and the tests of what was drawn by it."""

import numpy as np
from scipy import stats

from keras_multimix import MixUp
from keras_multimix.pairing import SimilarLabels

LABELS = np.array([0.0, 0.3, 0.5, 1.5, 1.6, 3.0, 3.0, 9.0], "float32")
INPUTS = np.zeros((8, 2), "float32")


def law(labels, bandwidth):
    """The probability of each row, `(N, N)`, to be the partner of each."""
    flat = np.asarray(labels, "float64").reshape(len(labels), -1)
    squares = ((flat[:, None] - flat[None]) ** 2).sum(axis=-1)
    np.fill_diagonal(squares, np.inf)
    nearest = squares.min(axis=1, keepdims=True)
    weights = np.exp(-(squares - nearest) / (2 * bandwidth**2))
    return weights / weights.sum(axis=1, keepdims=True)


def inverted(probabilities, uniforms, tolerance):
    """The partners by inversion, and which rows are too near a step to tell."""
    sums = np.cumsum(probabilities, axis=1)
    unsure = (np.abs(sums - uniforms[:, None]) < tolerance).any(axis=1)
    return (sums <= uniforms[:, None]).sum(axis=1), unsure


def p_values(drawn, probabilities):
    """Two p-values for each row's partners, drawn as `(steps, N)`.

    A chi-square test of the partners that are expected five times or more, and how
    likely as many of all others together are, a Poisson number.
    """
    found = []
    for row, expected in enumerate(probabilities * len(drawn)):
        counts = np.bincount(drawn[:, row], minlength=len(expected))
        rare = expected < 5
        found.append(stats.poisson.sf(counts[rare].sum() - 1, expected[rare].sum()))
        counts, expected = counts[~rare], expected[~rare]
        expected = expected * counts.sum() / expected.sum()
        if len(counts) > 1:
            found.append(stats.chisquare(counts, expected).pvalue)
    return np.array(found)


def partners(labels, bandwidth, steps, seed=0):
    """The partners that a layer draws at some steps, `(steps, B)`."""
    layer = MixUp(pairing=SimilarLabels(bandwidth), seed=seed)
    data = np.zeros((len(labels), 1), "float32"), labels
    draws = [layer.get_random_transformation(data, step=step) for step in steps]
    return np.stack([draw["partner"] for draw in draws])

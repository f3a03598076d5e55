"""Training on several replicas in plain NumPy: the averaged gradient, step by step.

A net of one hidden layer, softmax cross-entropy and plain gradient descent. A replica
mixes its own rows by a matrix of coefficients, at the input or after the hidden layer.
"""

import numpy as np

from keras_multimix import MultiMix
from tests import oracle

SEED, RATE, CLASSES = 3, 0.3, 3
ROWS, FEATURES, UNITS = 6, 4, 5  # ROWS of one replica in one step


def data(num_steps, num_replicas):
    """x of shape (steps, replicas, rows, features) and y likewise."""
    rng = np.random.default_rng(5)
    y = rng.integers(CLASSES, size=(num_steps, num_replicas, ROWS))
    x = rng.normal(size=(*y.shape, FEATURES)) + y[..., None]
    return x.astype("float32"), y


def first_weights():
    rng = np.random.default_rng(6)
    shapes = [(FEATURES, UNITS), (UNITS,), (UNITS, CLASSES), (CLASSES,)]
    return [rng.normal(size=shape).astype("float32") * 0.5 for shape in shapes]


def mixer(seed=SEED):
    return MultiMix(0.7, num_interpolations=2, seed=seed)


def coefficients(replica, step):
    """The λ that a replica draws: those of a seed whose second word is its own."""
    seed = SEED + (replica * 123_457 << 32)
    return mixer(seed).get_random_transformation(np.zeros((ROWS, 1)), step=step)


def trained(points, num_replicas):
    """The weights after steps that mix at "input" or "hidden", or are "plain"."""
    weights = [weight.astype("float64") for weight in first_weights()]
    x, y = data(len(points), num_replicas)
    for step, point in enumerate(points):
        gradients = [
            _gradients(
                weights, x[step, each], y[step, each], _matrix(each, step, point), point
            )
            for each in range(num_replicas)
        ]
        mean = [np.mean(parts, axis=0) for parts in zip(*gradients, strict=True)]
        weights = [w - RATE * g for w, g in zip(weights, mean, strict=True)]
    return flat(weights)


def flat(weights):
    return np.concatenate([np.ravel(weight) for weight in weights]).tolist()


def _matrix(replica, step, point):
    """What the rows are multiplied by to be mixed, `(B * K, B)`."""
    if point == "plain":
        return np.eye(ROWS)
    drawn = coefficients(replica, step)
    own, partner = np.eye(ROWS), np.eye(ROWS)[drawn["partner"]]
    shares = drawn["coefficients"].astype("float64")[:, :, None]
    mixed = shares * own[:, None] + (1 - shares) * partner[:, None]
    return mixed.reshape(-1, ROWS)


def _gradients(weights, x, y, matrix, point):
    kernel, bias, last_kernel, last_bias = weights
    below = np.eye(ROWS) if point == "hidden" else matrix
    above = matrix if point == "hidden" else np.eye(len(matrix))
    inputs = below @ x
    before = inputs @ kernel + bias
    hidden = above @ np.maximum(before, 0)
    logits = hidden @ last_kernel + last_bias
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    wrong = odds / odds.sum(axis=1, keepdims=True) - matrix @ oracle.one_hot(y, CLASSES)
    wrong /= len(wrong)
    hidden_gradient = above.T @ (wrong @ last_kernel.T) * (before > 0)
    return [
        inputs.T @ hidden_gradient,
        hidden_gradient.sum(axis=0),
        hidden.T @ wrong,
        wrong.sum(axis=0),
    ]

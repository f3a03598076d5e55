import keras
import numpy as np
import pytest

from keras_multimix.evaluation import interpolation_profile
from tests.evaluation import nets


def oracle(model, x, y, num_pairs, num_points, seed):
    w, b, v, c = (np.float64(each) for each in model.get_weights())
    rng = np.random.default_rng(seed)
    first = rng.integers(0, len(x), num_pairs)
    second = (first + rng.integers(1, len(x), num_pairs)) % len(x)
    misses, norms = [], []
    for λ in np.linspace(0, 1, num_points):
        mixed = λ * x[first] + (1 - λ) * x[second]
        hidden = np.tanh(mixed @ w + b)
        logits = hidden @ v + c
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        target = λ * np.eye(4)[y[first]] + (1 - λ) * np.eye(4)[y[second]]
        slope = ((p - target) @ v.T * (1 - hidden**2)) @ w.T
        norms.append(np.linalg.norm(slope, axis=1).mean())
        found = p.argmax(axis=1)
        misses.append(((found != y[first]) & (found != y[second])).mean())
    return misses, norms


@pytest.mark.parametrize("ending", ["logits", "dense softmax"])
@pytest.mark.parametrize("batch_size", [7, 1000])
def test_misses_and_gradients(ending, batch_size):
    model, (x, y) = nets.dense(ending), nets.rows()
    profile = interpolation_profile(
        model, x, y, 30, 5, seed=3, batch_size=batch_size, verbose=False
    )
    misses, norms = oracle(model, x, y, 30, 5, seed=3)
    assert 0 < max(misses) < 1
    np.testing.assert_allclose(profile["coefficients"], [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(profile["misses"], misses, atol=1e-7)
    np.testing.assert_allclose(profile["gradient_norm"], norms, rtol=1e-4)


def test_images_and_the_forms_of_labels():
    model, (x, y) = nets.conv(), nets.rows((6, 6, 3), 7)
    profiles = [
        interpolation_profile(model, x, labels, 10, 3, seed=1, verbose=False)
        for labels in (y, y[:, None], np.eye(7)[y])
    ]
    for profile in profiles:
        assert profile["gradient_norm"].shape == (3,)
        for key, values in profile.items():
            np.testing.assert_array_equal(values, profiles[0][key])


X, Y = nets.rows()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_pairs": 0}, "argument `num_pairs`"),
        ({"num_points": 1}, "argument `num_points`"),
        ({"seed": "1"}, "argument `seed`"),
        ({"x": X[:1], "y": Y[:1]}, "two rows or more"),
        ({"y": Y + 4}, "whole numbers from 0 to 3"),
    ],
)
def test_bad_input(arguments, message):
    given = {"model": nets.dense(), "x": X, "y": Y, "verbose": False} | arguments
    with pytest.raises(ValueError, match=message):
        interpolation_profile(**given)


def test_gradients_of_a_net_that_is_sure_of_itself():
    """Of (60x, 0) the gradient is 60·(p − t), also where p rounds to 1."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2, use_bias=False)])
    model.set_weights([np.array([[60.0, 0.0]])])
    x, y = np.array([[0.4], [1.2]], "float32"), np.array([0, 0])
    found = interpolation_profile(model, x, y, 1, 2, seed=0, verbose=False)
    expected = 60 / (1 + np.exp(60 * x[:, 0].astype("float64")))
    got = np.sort(found["gradient_norm"])[::-1]
    np.testing.assert_allclose(got, expected, rtol=1e-5)

"""Learning rates over a run, and weight decay as the papers mean it."""

import keras
import numpy as np
import pytest

from recipes.shared import optimizers


def rates(schedule, steps):
    return [float(keras.ops.convert_to_numpy(schedule(step))) for step in steps]


def test_steps_down_at_shares_of_the_run():
    schedule = optimizers.steps_down(0.1, 200, 10, (0.5, 0.75))
    found = rates(schedule, [0, 999, 1001, 1499, 1501])
    np.testing.assert_allclose(found, [0.1, 0.1, 0.01, 0.01, 0.001], rtol=1e-6)


def test_warm_up_rises_in_a_line():
    schedule = optimizers.steps_down(0.4, 90, 10, (1 / 3, 2 / 3), warm_up=(0.1, 5))
    found = rates(schedule, [0, 25, 50, 299, 301])
    np.testing.assert_allclose(found, [0.1, 0.25, 0.4, 0.4, 0.04], rtol=1e-6)
    copy = optimizers.LinearWarmUp.from_config(schedule.get_config())
    np.testing.assert_allclose(rates(copy, [25, 301]), [0.25, 0.04], rtol=1e-6)


def test_drops_are_shares():
    with pytest.raises(ValueError, match="drops=.*To fix it"):
        optimizers.steps_down(0.1, 10, 10, (3,))


def test_decay_goes_through_the_momentum():
    weight = keras.Variable(np.array([1.0, -2.0], "float32"))
    optimizer = optimizers.SGDWithL2(0.1, momentum=0.9, l2=0.01)
    expected, velocity = np.array([1.0, -2.0]), np.zeros(2)
    gradients = np.array([[0.5, 0.5], [0.0, 1.0], [-1.0, 0.0]], "float32")
    for gradient in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [weight])
        velocity = 0.9 * velocity - 0.1 * (gradient + 0.01 * expected)
        expected = expected + velocity
    found = keras.ops.convert_to_numpy(weight.value)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert optimizers.SGDWithL2.from_config(optimizer.get_config()).l2 == 0.01


@pytest.mark.parametrize(
    ("build", "last"),
    [
        (optimizers.sgd(0.1, 1e-4, None), 0.0),
        (optimizers.sgd(0.1, 1e-4, (0.5,)), 0.01),
        (optimizers.adam(0.1), 0.1),
        (optimizers.adam(0.1, (0.5,)), 0.01),
        (optimizers.adam_cosine(0.1), 0.0),
    ],
)
def test_builders_follow_the_length_of_the_run(build, last):
    optimizer = build(4, 5)
    rate = optimizer.learning_rate
    assert float(keras.ops.convert_to_numpy(rate)) == pytest.approx(0.1)
    optimizer.iterations.assign(20)
    rate = keras.ops.convert_to_numpy(optimizer.learning_rate)
    assert float(rate) == pytest.approx(last, abs=1e-6)

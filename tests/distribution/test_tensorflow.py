"""`tf.distribute`: replicas draw apart, and train as one by their averaged gradient."""

import json

import numpy as np
import pytest

from tests import helpers
from tests.distribution import by_hand, processes

pytestmark = pytest.mark.skipif(
    helpers.backend() != "tensorflow", reason="on TensorFlow only"
)

# What the seed of `by_hand` draws where both are named.
DRAWN_POINTS = ["hidden", "input", "hidden", "input"]
RUNS = {
    "input": ["input"] * 3,
    "schedule": ["plain", "input", "input", "plain"],
    "points": DRAWN_POINTS,
    "points and schedule": ["plain", *DRAWN_POINTS[1:3], "plain"],
}


def started(runs, **environment):
    options = json.dumps({"runs": runs})
    return processes.start("tensorflow_worker", options, **environment)


def assert_trained_by_hand(run, points):
    expected = by_hand.trained(points, num_replicas=2)
    assert (
        np.abs(np.subtract(expected, by_hand.flat(by_hand.first_weights()))).max() > 0.1
    )
    for weights in run["weights"]:
        np.testing.assert_allclose(weights, expected, atol=1e-6)
    for state in run["state"]:
        assert state == [by_hand.SEED, 0, len(points)]


def assert_drawn_apart(found):
    """Replicas draw from streams of their own, the same again from the same seed."""
    for call in (0, 1):
        both = zip(*found["drawn"][2 * call : 2 * call + 2], strict=True)
        for replica, (partner, coefficients) in enumerate(both):
            expected = by_hand.coefficients(replica, call)
            assert partner == expected["partner"].tolist()
            np.testing.assert_allclose(
                coefficients, expected["coefficients"], atol=1e-6
            )
    drawn = np.array(found["drawn"][1::2])
    assert len(np.unique(drawn)) == drawn.size


def test_mirrored_replicas_train_by_the_averaged_gradient():
    (found,) = processes.found_by(started([RUNS["input"]]))
    assert len(found["runs"][0]["weights"]) == 2
    assert_trained_by_hand(found["runs"][0], RUNS["input"])
    assert_drawn_apart(found)


@pytest.mark.slow
def test_mirrored_replicas_with_points_and_a_schedule():
    runs = [RUNS[name] for name in ("schedule", "points", "points and schedule")]
    (found,) = processes.found_by(started([*runs, runs[0]]))
    for run, points in zip(found["runs"], [*runs, runs[0]], strict=True):
        assert len(run["weights"]) == 2
        assert_trained_by_hand(run, points)
    assert found["runs"][0] == found["runs"][3]  # the same again


def test_replicas_of_a_gan_train_by_the_averaged_gradient():
    (found,) = processes.found_by(processes.start("tensorflow_gan_worker"))
    assert np.abs(np.subtract(found["one"], found["before"])).max() > 0.1
    np.testing.assert_allclose(found["two"], found["one"], atol=1e-6)
    one, two = found["made"]  # five rows, not as many for each replica
    np.testing.assert_allclose(two, one, atol=1e-6)


@pytest.mark.slow
def test_workers_train_by_the_averaged_gradient():
    hosts = [f"127.0.0.1:{port}" for port in processes.free_ports(2)]
    runs = [RUNS["input"], RUNS["points and schedule"]]
    workers = [
        started(
            runs,
            TF_CONFIG=json.dumps(
                {"cluster": {"worker": hosts}, "task": {"type": "worker", "index": i}}
            ),
        )
        for i in range(2)
    ]
    both = processes.found_by(*workers)
    for found in both:
        for run, points in zip(found["runs"], runs, strict=True):
            assert len(run["weights"]) == 1
            assert_trained_by_hand(run, points)
    first, second = (np.array(found["drawn"][1]) for found in both)
    assert len(np.unique([first, second])) == first.size + second.size

"""`keras.distribution`: the same numbers as on one device, and what moves for them."""

import json

import numpy as np
import pytest

from keras_multimix.models.mixup.train_functions import draw_point
from tests import helpers
from tests.distribution import jax_process_worker, processes

pytestmark = pytest.mark.skipif(helpers.backend() != "jax", reason="on JAX only")

# Rounding differs where sums are split over devices; momentum adds it up for 6 steps.
TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}
ROW = 6 * 6 * 3 * 4  # bytes of an input row
PAIRINGS = ["shuffle", "roll", "mirror"]


def train(*runs):
    worker = processes.start("jax_worker", json.dumps([[*run, {}][:3] for run in runs]))
    (found,) = processes.found_by(worker)
    return found


def assert_same_training(one, other):
    np.testing.assert_allclose(one["weights"], other["weights"], **TOLERANCE)
    for name, values in one["logs"].items():
        np.testing.assert_allclose(values, other["logs"][name], **TOLERANCE)


def moved(found):
    """The kinds and bytes of what a run's one step moves, but for sums."""
    (step,) = found["collectives"]
    return [(kind, size) for kind, _, size in step if kind != "all-reduce"]


def sums(found):
    (step,) = found["collectives"]
    return sorted(size for kind, _, size in step if kind == "all-reduce")


def test_data_parallel_training_is_that_of_one_device():
    one, shuffled, within = train(
        ("one", "shuffle"), ("data", "shuffle"), ("data", "within shuffle")
    )
    assert one["kernel"][0] == 1 and shuffled["kernel"][0] == 8
    assert one["collectives"] == [[]]
    assert_same_training(one, shuffled)
    # A permutation of the whole batch takes every device all 32 rows.
    assert ("all-gather", 32 * ROW) in moved(shuffled)
    assert moved(within) == []
    # Whatever the pairing, the gradients and batch statistics are summed.
    assert sums(within) == sums(shuffled) != []
    assert np.abs(np.subtract(within["weights"], one["weights"])).max() > 1e-3


@pytest.mark.slow
def test_what_each_pairing_moves():
    names = PAIRINGS + [f"within {name}" for name in PAIRINGS]
    found = train(*[(layout, name) for layout in ("one", "data") for name in names])
    ones, many = found[: len(names)], found[len(names) :]
    for one, each in zip(ones, many, strict=True):
        assert_same_training(one, each)
        assert sums(each) == sums(many[0])
    _, roll, mirror, *within = map(moved, many)
    # Of 4 rows on a device, the next row needs one, the mirrored shard all.
    assert sorted(roll) == [("collective-permute", 4), ("collective-permute", ROW)]
    assert sorted(mirror) == [
        ("collective-permute", 4 * 4),
        ("collective-permute", 4 * ROW),
    ]
    assert within == [[], [], []]


@pytest.mark.slow
def test_every_way_to_mix_stays_within_its_shard():
    ways = [
        {"random": True},
        {"mix_at": ["hidden"]},
        {"num_interpolations": 1},
        {"num_interpolations": 5, "sampling": "shared"},
    ]
    runs = [("data", "within roll", way) for way in ways]
    ones = train(*[("one", *run[1:]) for run in runs])
    for one, found in zip(ones, train(*runs), strict=True):
        assert_same_training(one, found)
        assert moved(found) == []


@pytest.mark.slow
def test_points_drawn_by_the_step_are_those_of_one_device():
    points = {"mix_at": ["input", "hidden"]}
    one, many = train(("one", "shuffle", points), ("data", "shuffle", points))
    assert_same_training(one, many)
    drawn = {draw_point(np.array([3, 0, step], "int32"), 2) for step in range(6)}
    assert drawn == {0, 1}  # so both kinds of steps have run
    assert len(one["collectives"]) == len(many["collectives"]) == 2


@pytest.mark.slow
def test_model_parallel_training_is_that_of_one_device():
    one, split = train(("one", "within shuffle"), ("model", "within shuffle"))
    (devices, shape), (_, whole) = split["kernel"], one["kernel"]
    assert devices == 8 and shape == [whole[0], whole[1] // 2]
    assert_same_training(one, split)


def test_two_processes_train_as_one():
    (port,) = processes.free_ports(1)
    both = processes.found_by(
        *[
            processes.start(
                "jax_process_worker", index, port, JAX_DISABLE_MOST_OPTIMIZATIONS="1"
            )
            for index in range(2)
        ]
    )
    assert both[0] == both[1]
    alone = jax_process_worker.train(), jax_process_worker.train_gan()
    assert both[0][0]["state"] == alone[0]["state"] == [3, 0, 6]
    for one, found in zip(alone, both[0], strict=True):
        assert_same_training(one, found)
        for name in {"predictions", "made"} & set(one):
            np.testing.assert_allclose(one[name], found[name], **TOLERANCE)

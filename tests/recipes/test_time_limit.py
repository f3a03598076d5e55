"""Runs that are started only where there is time for them."""

from types import SimpleNamespace

import pytest

from recipes.shared import runner, time_limit
from recipes.shared.runner import Run
from recipes.shared.time_limit import TimeLimit

SECONDS = {"erm": 10, "slow": 40}


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_a_run_is_expected_to_take_as_long_as_the_last_one():
    clock = Clock()
    limit = TimeLimit(1, clock)
    erm, slow = Run("a", "erm", 0), Run("a", "slow", 0)
    clock.now = 59
    assert limit.allows(erm, 100)  # nothing is known yet
    clock.now = 0
    limit.note(erm, 2, 40)
    limit.note(slow, 1, 30)
    # What has not run yet: its epochs, at the slowest so far.
    assert limit.allows(Run("a", "new", 0), 2)
    assert not limit.allows(Run("a", "new", 0), 3)
    clock.now = 20
    assert limit.allows(erm, 2)
    clock.now = 21
    assert not limit.allows(erm, 2)
    limit.note(erm, 2, 39)  # the first one compiled
    assert limit.allows(erm, 2)
    assert not limit.allows(Run("b", "erm", 0), 2)


def test_without_minutes_everything_runs():
    limit = TimeLimit(None, Clock())
    limit.note(Run("a", "erm", 0), 1, 1e9)
    assert limit.allows(Run("a", "erm", 1), 1)


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(runner.time, "perf_counter", clock)
    monkeypatch.setattr(time_limit.TimeLimit.__init__, "__defaults__", (clock,))
    return clock


def run_all(tmp_path, clock, minutes):
    options = SimpleNamespace(
        methods=list(SECONDS),
        seeds=5,
        output=tmp_path,
        backend="jax",
        tensorboard=None,
        minutes=minutes,
    )

    def train(run, on_epoch_end):
        clock.now += SECONDS[run.method]
        return {"metrics": {"test_error": 0.1}}

    reports = []
    records = runner.run_all(
        "toy", options, ["a"], train, lambda method: 1, reports.append
    )
    return [(r["method"], r["seed"]) for r in records], reports


def test_methods_take_turns_and_the_rest_of_the_time_is_filled(tmp_path, clock, capsys):
    done, reports = run_all(tmp_path, clock, 2)
    # 2 × (10 + 40) s; then another 40 do not fit, but 2 × 10 do.
    assert done == [
        ("erm", 0),
        ("slow", 0),
        ("erm", 1),
        ("slow", 1),
        ("erm", 2),
        ("erm", 3),
    ]
    assert clock.now == 120
    assert len(reports) == 1, "what there is is reported"
    assert "6 of 10 runs done" in capsys.readouterr().out
    clock.now = 1000.0
    done, _ = run_all(tmp_path, clock, None)
    assert len(done) == 10


def test_with_time_for_all_nothing_is_said(tmp_path, clock, capsys):
    done, _ = run_all(tmp_path, clock, 100)
    assert len(done) == 10
    assert "would have ended" not in capsys.readouterr().out

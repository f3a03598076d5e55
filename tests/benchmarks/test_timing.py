"""Turns and ratios, with a clock that the tests turn."""

import pytest

from benchmarks.timing import ratio, take_turns


class Clock:
    """Seconds that pass only where a run says so."""

    def __init__(self):
        self.now = 0.0
        self.calls = []

    def __call__(self):
        return self.now

    def taking(self, name, seconds):
        def run():
            self.calls.append(name)
            self.now += seconds

        return run


def test_each_has_its_turn_and_who_begins_alternates():
    clock = Clock()
    runs = {"one": clock.taking("one", 1.0), "two": clock.taking("two", 2.0)}
    seconds = take_turns(runs, 3, clock=clock)
    assert seconds == {"one": [1.0] * 3, "two": [2.0] * 3}
    turns = clock.calls[6:]  # three calls of each come first
    assert turns == ["two", "one", "one", "two", "two", "one"]


def test_a_quick_function_runs_several_times_in_a_turn():
    clock = Clock()
    seconds = take_turns({"quick": clock.taking("quick", 0.25)}, 2, 1.0, clock)
    assert seconds == {"quick": [0.25, 0.25]}
    assert len(clock.calls) == 3 + 2 * 4


def test_ratios_are_of_the_same_round():
    # A machine half as fast in the second round changes no ratio.
    seconds = {"ours": [2.0, 4.0, 2.0], "pass": [1.0, 2.0, 2.0]}
    found = ratio(seconds, "ours", "pass")
    assert (found.median, found.rounds) == (2.0, 3)
    assert found.low == pytest.approx(1.5) and found.high == 2.0
    assert ratio(seconds, "ours", "pass", factor=2).median == 1.0

"""Timing functions against each other on a machine that others use too."""

import math
import statistics
import time
from typing import NamedTuple


class Ratio(NamedTuple):
    """A ratio of two times, over the rounds of one run.

    Attributes:
        median: of the rounds.
        low: their lower quartile.
        high: their upper quartile.
        rounds: how many.
    """

    median: float
    low: float
    high: float
    rounds: int


def take_turns(runs, rounds, at_least=0.02, clock=time.perf_counter):
    """Runs functions in turns and times them.

    Args:
        runs: dict name -> function () that returns when its work is done.
        rounds: how often each has its turn. Who begins alternates: what disturbs a
            round then hurts all alike.
        at_least: seconds of a turn; a quick function runs several times in it.
        clock: function () returning seconds.

    Returns:
        A dict name -> list of seconds per call, one a round.
    """
    repeats = {}
    for name, run in runs.items():
        run()  # compiles
        run()
        start = clock()
        run()
        repeats[name] = max(1, math.ceil(at_least / max(clock() - start, 1e-7)))
    seconds = {name: [] for name in runs}
    names = list(runs)
    for number in range(rounds):
        for name in names if number % 2 else reversed(names):
            start = clock()
            for _ in range(repeats[name]):
                runs[name]()
            seconds[name].append((clock() - start) / repeats[name])
    return seconds


def ratio(seconds, name, reference, factor=1.0):
    """Returns the `Ratio` of the times of `name` to `factor` times the reference's."""
    ratios = [
        one / (factor * other)
        for one, other in zip(seconds[name], seconds[reference], strict=True)
    ]
    low, _, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return Ratio(statistics.median(ratios), low, high, len(ratios))

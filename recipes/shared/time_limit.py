"""Filling a given time with runs, none of which is cut off."""

import time


class TimeLimit:
    """Says whether there is time for another run.

    Args:
        minutes: how long the runs may take together; None allows all.
        clock: function () returning seconds.
    """

    def __init__(self, minutes, clock=time.perf_counter):
        self.end = None if minutes is None else clock() + 60 * minutes
        self.clock = clock
        self.seconds = {}

    def allows(self, run, epochs):
        """Whether a run is expected to end in time.

        A run is expected to take as long as the last run of its data set and method.
        If none of them has run yet, its epochs are expected to take as long as the
        slowest epochs so far. If nothing has run yet, every run is allowed.

        Args:
            run: a `recipes.shared.runner.Run`.
            epochs: how many epochs it has.
        """
        if self.end is None or not self.seconds:
            return True
        slowest = max(self.seconds.values())
        expected = epochs * self.seconds.get(run[:2], slowest)
        return self.clock() + expected <= self.end

    def note(self, run, epochs, seconds):
        """Learns how long a run took."""
        self.seconds[run[:2]] = seconds / epochs

"""Timing on an accelerator, whose work continues after a call has returned."""

import itertools
import math
import statistics
import time

import keras


class Device:
    """The device that the running backend computes on, and its clock.

    Attributes:
        name: as its driver calls it.
        is_gpu: whether it is one.
    """

    def __init__(self):
        backend = keras.backend.backend()
        self.name, self.is_gpu = {"jax": _jax_device, "torch": _torch_device}[backend]()
        self.wait, self.events = _wait, None
        if backend == "torch" and self.is_gpu:
            import torch

            self.wait = lambda result: torch.cuda.synchronize()
            self.events = lambda: torch.cuda.Event(enable_timing=True)
        elif backend == "jax":
            import jax

            self.wait = jax.block_until_ready

    def seconds(self, calls, count):
        """Seconds per call of `count` calls, made without waiting between them.

        By events on the device's own queue on PyTorch, else by the host's clock, which
        then waits for the last of the calls: many of them make that wait small.

        Args:
            calls: functions () -> result, taken in turns.
            count: how many calls.
        """
        turns = itertools.islice(itertools.cycle(calls), count)
        if self.events:
            first, last = self.events(), self.events()
            first.record()
            for call in turns:
                call()
            last.record()
            last.synchronize()
            return first.elapsed_time(last) / 1000 / count
        start = time.perf_counter()
        for call in turns:
            result = call()
        self.wait(result)
        return (time.perf_counter() - start) / count


def take_turns(device, runs, rounds, at_least=0.03):
    """Times functions in turns.

    Args:
        device: a `Device`.
        runs: dict name -> functions () -> result that do the same on different inputs,
            of which a cache cannot hold all.
        rounds: how often each has its turn. Who begins alternates.
        at_least: seconds of a turn.

    Returns:
        A dict name -> seconds per call, a list with one a round.
    """
    counts, found = {}, {name: [] for name in runs}
    for name, calls in runs.items():
        for call in calls[:2]:
            device.wait(call())  # compiles
        once = device.seconds(calls, 3)
        counts[name] = min(1000, max(3, math.ceil(at_least / max(once, 1e-7))))
    for number in range(rounds):
        for name in runs if number % 2 else reversed(runs):
            found[name].append(device.seconds(runs[name], counts[name]))
    return found


def summary(seconds):
    """The median and the quartiles of a list of seconds, as a dict."""
    low, median, high = statistics.quantiles(seconds, n=4, method="inclusive")
    return {"seconds": median, "low": low, "high": high, "rounds": len(seconds)}


def _wait(result):
    return result


def _jax_device():
    import jax

    device = jax.devices()[0]
    return device.device_kind, device.platform == "gpu"


def _torch_device():
    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_name(), True
    return "CPU", False

"""The peak of memory of training with K interpolations, each in its own process.

    python -m benchmarks --backend jax --only memory
    python -m benchmarks.memory jax mixed 5

The second command measures once, and is what the first starts for each row.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from recipes.shared.options import BACKENDS

COUNTS = (5,)  # K
ROWS = 200  # B: enough to outweigh the program


def memory(rounds):
    """The peak of memory with K interpolations of B rows, relative to plain training.

    That trains on K·B rows and on B rows. What a process needs before it trains is
    subtracted from both. A peak is measured once;
    allocators make it vary from run to run.
    """
    import keras

    rows = []
    backend = keras.backend.backend()
    plain = {times: _peak(backend, "plain", times) for times in (1, *COUNTS)}
    for count in COUNTS:
        mixed = _peak(backend, "mixed", count)
        in_parts = _peak(backend, "in_parts", count)
        for value, times, what, limit in (
            (mixed, count, f"K = {count}, against plain at {count} × the rows", 1.0),
            (in_parts, 1, f"K = {count}, one at a time, against plain", 1.0),
            (mixed, 1, f"K = {count}, against plain", None),
        ):
            share = value / plain[times]
            rows.append(
                {
                    "section": "memory",
                    "mode": "fit",
                    "case": f"{plain[times] / 2**20:.0f} MiB",
                    "what": what,
                    **{"median": share, "low": share, "high": share, "rounds": 1},
                    "goal": limit,
                }
            )
    return rows, []


def _peak(backend, way, count):
    command = [sys.executable, "-m", "benchmarks.memory", backend, way, str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def _measure(backend, way, count):
    from recipes.shared.runner import select_backend

    select_backend(backend)
    from benchmarks import steps
    from keras_multimix import MultiMix

    def train(rows):
        steps.BATCH = rows
        run = {
            "mixed": lambda: steps.mixing(MultiMix(1.0, count, seed=0)),
            "in_parts": lambda: steps.in_parts(count),
            "plain": lambda: steps.plain(count * rows),
        }[way]()
        # As many passes of B rows whichever way: allocators grow with each.
        for _ in range(max(COUNTS) if way == "plain" and count == 1 else 1):
            run()

    # The program, the weights and the compiler's own needs come first.
    train(2)
    before = _high_water()
    train(ROWS)
    print(json.dumps(_high_water() - before))


def _high_water():
    """The peak of this process's memory in bytes, as Linux keeps it.

    Not `getrusage`'s: there a process begins with the peak of the one that started it.
    """
    status = Path("/proc/self/status").read_text()
    (line,) = [each for each in status.splitlines() if each.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


def main(arguments=None):
    """The command; it prints bytes."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.memory", description=__doc__.splitlines()[0]
    )
    parser.add_argument("backend", choices=BACKENDS)
    parser.add_argument("way", choices=["plain", "mixed", "in_parts"])
    parser.add_argument("count", type=int, help="K, and how many times B rows")
    options = parser.parse_args(arguments)
    _measure(options.backend, options.way, options.count)


if __name__ == "__main__":
    main()

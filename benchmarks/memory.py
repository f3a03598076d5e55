"""The peak of memory of training with K interpolations, each in its own process."""

import json
import subprocess
import sys
from pathlib import Path

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


if __name__ == "__main__":
    _measure(sys.argv[1], sys.argv[2], int(sys.argv[3]))

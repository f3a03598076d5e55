"""The peak of memory of training with K interpolations, each in its own process."""

import json
import resource
import subprocess
import sys

COUNTS = (2, 5)  # K


def memory(rounds):
    """Peaks of K at B rows against plain training's at K·B rows.

    What a process needs before it trains is taken off both. A peak is measured once:
    it hardly varies.
    """
    import keras

    rows = []
    for count in COUNTS:
        mixed, plain = (
            _peak(keras.backend.backend(), *what) for what in ((1, count), (count, 0))
        )
        value = mixed / plain
        rows.append(
            {
                "section": "memory",
                "mode": "fit",
                "case": f"{plain / 2**20:.0f} MiB",
                "what": f"K = {count}, against plain at {count} × the rows",
                **{"median": value, "low": value, "high": value, "rounds": 1},
                "goal": 1.0,
            }
        )
    return rows, []


def _peak(backend, times, count):
    command = [sys.executable, "-m", "benchmarks.memory", backend]
    done = subprocess.run(
        [*command, str(times), str(count)], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def _measure(backend, times, count):
    from recipes.runner import select_backend

    select_backend(backend)
    from benchmarks import steps
    from keras_multimix import MultiMix

    steps.BATCH *= 4  # so that rows outweigh the program
    # The program, the weights and the compiler's own needs come first.
    steps.training(steps.network(), 2)()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if count:
        run = steps.mixing(MultiMix(1.0, count, seed=0))
    else:
        run = steps.plain(times * steps.BATCH)
    for _ in range(2):
        run()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps((peak - before) * 1024))


if __name__ == "__main__":
    _measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))

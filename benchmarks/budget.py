"""How many epochs of the preset `gpu` fit into some minutes on a device.

    python -m benchmarks.budget runs/benchmarks/device_jax.json --minutes 7 --seeds 3

Reads what `python -m benchmarks.device` measured of a step, and prints one number.
"""

import argparse
import json
from pathlib import Path

from recipes.shared.options import integer_from, number_from

STEPS_PER_EPOCH = 100
# Of the methods of the preset: rows of a step, in batches.
BATCHES_A_STEP = (1, 1, 1, 2, 2)
# Building, compiling and measuring; guessed, on the safe side.
SECONDS_TO_START = 60
SECONDS_A_RUN = 5
SHARE = 0.93  # of the time that is counted on
FEWEST, MOST = 15, 40


def epochs_that_fit(rows, minutes, seeds):
    """The number of epochs, from `FEWEST` to `MOST`.

    Args:
        rows: of device_jax.json.
        minutes: for all runs together.
        seeds: of each of the five methods.
    """
    own = [row for row in rows if row["section"] == "steps"]
    slowest = {}
    batch = min(row["images"] for row in own)
    for row in own:
        count = row["images"] // batch
        slowest[count] = max(slowest.get(count, 0), row["seconds"])
    step = sum(slowest.get(count, count * slowest[1]) for count in BATCHES_A_STEP)
    left = SHARE * 60 * minutes - SECONDS_TO_START
    left -= SECONDS_A_RUN * len(BATCHES_A_STEP) * seeds
    fitting = int(left / (seeds * STEPS_PER_EPOCH * step))
    return min(MOST, max(FEWEST, fitting))


def main(arguments=None):
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("results", type=Path, help="device_jax.json")
    add("--minutes", type=number_from(0), default=7)
    add("--seeds", type=integer_from(1), default=3)
    options = parser.parse_args(arguments)
    rows = json.loads(options.results.read_text(encoding="utf-8"))["rows"]
    print(epochs_that_fit(rows, options.minutes, options.seeds))


if __name__ == "__main__":
    main()

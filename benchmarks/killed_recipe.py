"""A recipe of quick runs, to be killed and started again.

    python -m benchmarks.killed_recipe FOLDER --runs 12 --seconds 0.02

Every run adds a line to FOLDER/runs.txt when it ends, so that it can be counted from
outside. The tests and `benchmarks.reliability` kill it at any time.
"""

import argparse
import time
from pathlib import Path
from types import SimpleNamespace

from recipes.shared import runner
from recipes.shared.options import integer_from, number_from


def parse_options(arguments=None):
    """Parses the command line; `None` takes the process's own."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.killed_recipe", description=__doc__.splitlines()[0]
    )
    add = parser.add_argument
    add("folder", type=Path, metavar="FOLDER", help="where results.json is")
    add("--runs", type=integer_from(1), default=12, help="how many there are")
    add("--seconds", type=number_from(0), default=0.02, help="a run takes")
    return parser.parse_args(arguments)


def main(arguments=None):
    """The command; returns the records."""
    options = parse_options(arguments)

    def train(run, on_epoch_end):
        time.sleep(options.seconds)
        on_epoch_end(None)
        with (options.folder / "runs.txt").open("a") as file:
            file.write(f"{run.seed}\n")
        return {"metrics": {"test_error": run.seed / 100}, "curve": [0.0] * 500}

    return runner.run_all(
        "killed_recipe",
        SimpleNamespace(
            methods=["erm"],
            seeds=options.runs,
            output=options.folder,
            backend="jax",
            tensorboard=None,
        ),
        ["none"],
        train,
        lambda method: 1,
        lambda records: None,
    )


if __name__ == "__main__":
    main()

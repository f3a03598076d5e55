"""Measuring a network under corruptions: compiled against called eagerly.

    KERAS_BACKEND=jax python -m benchmarks.evaluation

Prints the ratio of the times of whole calls, compiling included, median and quartiles
over the rounds of one run. PyTorch compiles nothing; there only the gradient's records
are saved.
"""

import argparse
from functools import partial

import keras
import numpy as np

from benchmarks.timing import ratio, take_turns
from keras_multimix.evaluation import corruption_errors
from recipes.datasets.corruptions import Corruptions
from recipes.networks import small_resnet

_SHAPE, _IMAGES = (28, 28, 1), 1000


def main(arguments=None):
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.evaluation", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--rounds", type=int, default=5, help="turns of each")
    options = parser.parse_args(arguments)
    model = small_resnet.build(_SHAPE, 10)
    generator = np.random.default_rng(0)
    x = generator.random((_IMAGES, *_SHAPE), dtype="float32")
    y = generator.integers(0, 10, len(x))
    measure = partial(
        corruption_errors, model, x, y, Corruptions(), batch_size=100, verbose=False
    )

    def run(eagerly):
        model.run_eagerly = eagerly
        measure()

    runs = {"compiled": partial(run, False), "eager": partial(run, True)}
    found = ratio(take_turns(runs, options.rounds), "compiled", "eager")
    print(
        f"{keras.backend.backend()}: compiled takes {found.median:.2f} "
        f"({found.low:.2f} to {found.high:.2f}) of the time of eager calls"
    )


if __name__ == "__main__":
    main()

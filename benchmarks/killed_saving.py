"""Saves a model again and again, to be killed while it writes.

    python -m benchmarks.killed_saving FILE --backend jax
    python -m benchmarks.killed_saving FILE --plain     # Keras alone, to compare

All weights of save number n are n, so that a file tells whether it is whole. Prints a
line when the first save is done.
"""

import argparse
import itertools
import os

from recipes.shared.options import BACKENDS, one_of
from recipes.shared.runner import select_backend

WIDTH = 512


def new_model():
    """A model whose file takes a while to write."""
    import keras

    from keras_multimix import MixUp, MixupModel

    layers = [keras.layers.Dense(WIDTH) for _ in range(8)]
    return MixupModel(keras.Sequential([keras.Input((WIDTH,)), *layers]), MixUp(seed=1))


def parse_options(arguments=None):
    """Parses the command line; `None` takes the process's own."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.killed_saving", description=__doc__.splitlines()[0]
    )
    parser.add_argument("file", metavar="FILE", help="ends in .weights.h5 or .keras")
    parser.add_argument(
        "--backend",
        type=one_of(BACKENDS),
        default=os.environ.get("KERAS_BACKEND", "jax"),
        metavar="BACKEND",
        help=f"what Keras runs on: {', '.join(BACKENDS)}",
    )
    parser.add_argument("--plain", action="store_true", help="saves the base model")
    return parser.parse_args(arguments)


def main(arguments=None):
    """The command; it never ends by itself."""
    options = parse_options(arguments)
    select_backend(options.backend)
    model = new_model()
    saved = model.base_model if options.plain else model
    save = saved.save if options.file.endswith(".keras") else saved.save_weights
    for number in itertools.count(1):
        for weight in model.base_model.trainable_variables:
            weight.assign(weight * 0 + number)
        save(options.file)
        if number == 1:
            print("saved", flush=True)


if __name__ == "__main__":
    main()

"""A training step of `small_resnet`: convolutions of patches against those of Keras.

    KERAS_BACKEND=jax python -m benchmarks.convolutions

Prints the ratio of their times, median and quartiles over the rounds of one run.
"""

import argparse

import keras
import numpy as np

from benchmarks.timing import ratio, take_turns
from recipes.networks import small_resnet
from recipes.networks.patch_convolution import PatchConv2D

_SHAPE, _BATCH, _STEPS = (28, 28, 1), 128, 10


def main(arguments=None):
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.convolutions", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--rounds", type=int, default=10, help="turns of each")
    options = parser.parse_args(arguments)
    layers = {"patches": PatchConv2D, "keras": keras.layers.Conv2D}
    runs = {name: _epoch(layer) for name, layer in layers.items()}
    found = ratio(take_turns(runs, options.rounds), "patches", "keras")
    print(
        f"{keras.backend.backend()}: patches take {found.median:.2f} "
        f"({found.low:.2f} to {found.high:.2f}) of the time of Keras' convolutions"
    )


def _epoch(layer):
    model = small_resnet.build(_SHAPE, 10, layer=layer)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss)
    generator = np.random.default_rng(0)
    x = generator.random((_BATCH * _STEPS, *_SHAPE), dtype="float32")
    y = generator.integers(0, 10, len(x))
    return lambda: model.fit(x, y, batch_size=_BATCH, verbose=0)


if __name__ == "__main__":
    main()

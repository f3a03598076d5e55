"""MixupGAN against a loop written by hand for the same networks.

    python -m benchmarks.gan --backend jax

Prints iterations per second of `MixupGAN.fit` and of a loop in the bare backend, which
take turns, and the ratio of their times: median and quartiles of the rounds.
"""

import argparse
import json
import statistics
from pathlib import Path

from benchmarks.timing import ratio, take_turns
from recipes.shared.options import BACKENDS, integer_from, one_of
from recipes.shared.results import write_whole
from recipes.shared.runner import select_backend

ALPHA = 0.2
INNER = 5  # steps of the discriminator
RATE = 1e-3


def parse_options(arguments=None):
    """Parses the command line; `None` takes the process's own."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gan", description=__doc__.splitlines()[0]
    )
    add, integer = parser.add_argument, integer_from
    add("--backend", type=one_of(BACKENDS), default="jax", metavar="BACKEND")
    add("--width", type=integer(1), default=512, help="units of 3 hidden layers")
    add("--batch-size", type=integer(1), default=128, help="rows in a step")
    add("--iterations", type=integer(1), default=100, help="of a round")
    add("--rounds", type=integer(2), default=9, help="of each, taking turns")
    add("--output", type=Path, default=Path("runs", "benchmarks"), help="folder")
    return parser.parse_args(arguments)


def library(batches, width):
    """A function that trains a MixupGAN on the first n batches."""
    import keras

    from keras_multimix import MixupGAN
    from recipes.networks import gan

    class First(keras.utils.PyDataset):
        def __init__(self, count):
            super().__init__()
            self.count = count

        def __len__(self):
            return self.count

        def __getitem__(self, index):
            return (batches[index],)

    model = MixupGAN(*gan.perceptrons(width), ALPHA, INNER, seed=0)
    model.compile(*(keras.optimizers.Adam(RATE) for _ in range(2)))
    return lambda count: model.fit(First(count), shuffle=False, verbose=0)


def main(arguments=None):
    """The command; returns what it writes as JSON."""
    options = parse_options(arguments)
    select_backend(options.backend)
    import numpy as np

    from benchmarks import bare_gans
    from recipes.datasets.points import ring

    generator = np.random.default_rng(0)
    mixture = ring()
    batches = [
        mixture.sample(options.batch_size, generator) for _ in range(options.iterations)
    ]
    steps = {"by hand": bare_gans.BARE[options.backend]}
    if options.backend != "jax":  # whose compiler makes one program of either
        steps["by hand with Keras' layers and Adam"] = bare_gans.keras_step

    def loop(make):
        step = make(options.width, ALPHA, INNER, RATE)

        def run():
            for batch in batches:
                loss = step(batch)
            float(loss)  # waits for the device

        return run

    ours = library(batches, options.width)
    runs = {"MixupGAN": lambda: ours(options.iterations)}
    runs |= {name: loop(make) for name, make in steps.items()}
    seconds = take_turns(runs, options.rounds)
    return report(seconds, options)


def report(seconds, options):
    """Prints the figures and writes them as JSON."""
    others = [name for name in seconds if name != "MixupGAN"]
    ratios = {name: ratio(seconds, "MixupGAN", name) for name in others}
    found = {
        "benchmark": "gan",
        "backend": options.backend,
        "width": options.width,
        "batch_size": options.batch_size,
        "iterations_per_second": {
            name: options.iterations / statistics.median(each)
            for name, each in seconds.items()
        },
        "time_ratio": {name: each._asdict() for name, each in ratios.items()},
    }
    rates = found["iterations_per_second"]
    print(f"{options.backend}: MixupGAN {rates['MixupGAN']:.1f} iterations/s")
    for name, each in ratios.items():
        print(
            f"  {name} {rates[name]:.1f}; time ratio {each.median:.2f} "
            f"(quartiles {each.low:.2f} to {each.high:.2f}, {each.rounds} rounds)"
        )
    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / f"gan_{options.backend}.json"
    write_whole(path, json.dumps(found, indent=1) + "\n")
    return found


if __name__ == "__main__":
    main()

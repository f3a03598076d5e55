"""Images per second of the data alone, of the training step alone, and of both.

    python -m benchmarks.feeding --backend jax
    python -m benchmarks.feeding --backend jax --mixed-precision bfloat16 --width 64

Made-up images of CIFAR's size go the ways that `recipes.cifar` feeds a network: cropped
and flipped on the host, in the thread that trains or in others beside it (`--workers`),
or on the device (`--on-device`). Where both together are as fast as the step alone, the
device never waits for data.
"""

import argparse
import json
from pathlib import Path

from benchmarks.timing import ratio, take_turns
from recipes.shared import precision
from recipes.shared.options import BACKENDS, integer_from, one_of
from recipes.shared.results import write_whole
from recipes.shared.runner import select_backend

SHAPE, CLASSES = (32, 32, 3), 10
STEP = "step alone"


def parse_options(arguments=None):
    """Parses the command line; `None` takes the process's own."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.feeding", description=__doc__.splitlines()[0]
    )
    add, integer = parser.add_argument, integer_from
    add("--backend", type=one_of(BACKENDS), default="jax", metavar="BACKEND")
    add("--width", type=integer(1), default=8, help="of the ResNet-9's first stage")
    add("--batch-size", type=integer(1), default=250, help="images in a step")
    add("--steps", type=integer(1), default=8, help="of an epoch")
    add("--rounds", type=integer(2), default=7, help="of each, taking turns")
    add("--workers", type=integer(1), default=2, help="threads beside the training's")
    precision.add_option(parser)
    add("--output", type=Path, default=Path("runs", "benchmarks"), help="folder")
    return parser.parse_args(arguments)


def feeders(images, labels, options):
    """A dict name -> a `PyDataset` of the same batches, fed in another way."""
    from recipes.datasets.ahead import Ahead
    from recipes.datasets.batches import Augmented, ShuffledRows, crop_and_flip
    from recipes.datasets.device_batches import DeviceRows

    def on_host():
        rows = ShuffledRows(images, labels, options.batch_size)
        return Augmented(rows, crop_and_flip)

    return {
        "host": on_host(),
        f"host, {options.workers} workers": Ahead(on_host(), options.workers),
        "device": DeviceRows(images, labels, options.batch_size),
    }


def same_batch(images, labels, options):
    """A `PyDataset` of one batch again and again, which the device holds already."""
    import keras

    batch = tuple(
        keras.ops.convert_to_tensor(part[: options.batch_size])
        for part in (images, labels)
    )

    class SameBatch(keras.utils.PyDataset):
        def __len__(self):
            return options.steps

        def __getitem__(self, index):
            return batch

    return SameBatch()


def build_model(options):
    """A ResNet-9 that mixup trains."""
    import keras

    from keras_multimix import MixUp, MixupModel
    from recipes.networks import resnet9

    with precision.computing_in(options.mixed_precision):
        network = resnet9.build(SHAPE, CLASSES, options.width, 0.0)
        model = MixupModel(network, MixUp(1.0, seed=0))
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(1e-3), loss)
    return model


def wait_for(batch):
    """Returns when the images of a batch are there."""
    import keras

    keras.ops.convert_to_numpy(keras.ops.sum(batch[0][:1]))


def main(arguments=None):
    """The command; returns what it writes as JSON."""
    options = parse_options(arguments)
    select_backend(options.backend)
    import numpy as np

    count = options.batch_size * options.steps
    generator = np.random.default_rng(0)
    images = generator.random((count, *SHAPE), dtype="float32")
    labels = generator.integers(0, CLASSES, count).astype("int32")
    model = build_model(options)
    every = feeders(images, labels, options)

    def alone(feeder):
        def run():
            for number in range(len(feeder)):
                wait_for(feeder[number])

        return run

    def training(feeder):
        return lambda: model.fit(feeder, shuffle=False, verbose=0)

    runs = {STEP: training(same_batch(images, labels, options))}
    for name, feeder in every.items():
        if "workers" not in name:
            runs[f"{name}: data alone"] = alone(feeder)
        runs[f"{name}: both"] = training(feeder)
    seconds = take_turns(runs, options.rounds, at_least=0.0)
    return report(seconds, count, options)


def report(seconds, count, options):
    """Prints the figures and writes them as JSON."""
    found = {
        "benchmark": "feeding",
        "backend": options.backend,
        "width": options.width,
        "batch_size": options.batch_size,
        "mixed_precision": options.mixed_precision,
        "images_per_second": {
            name: count / sorted(each)[len(each) // 2] for name, each in seconds.items()
        },
        "time_to_step": {
            name: ratio(seconds, name, STEP)._asdict() for name in seconds
        },
    }
    print(f"{options.backend}, ResNet-9 of width {options.width}: images per second")
    for name, rate in found["images_per_second"].items():
        each = found["time_to_step"][name]
        print(
            f"  {name:<24} {rate:>9.0f}   time relative to the step "
            f"{each['median']:.2f} ({each['low']:.2f} to {each['high']:.2f})"
        )
    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / f"feeding_{options.backend}.json"
    write_whole(path, json.dumps(found, indent=1) + "\n")
    return found


if __name__ == "__main__":
    main()

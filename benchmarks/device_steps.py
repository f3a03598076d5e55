"""What a training step with mixing takes on a device, next to a plain one."""

import statistics

import keras
import numpy as np

from benchmarks.device_timing import summary, take_turns
from keras_multimix import CutMix, MixUp, MixupModel, MultiMix
from recipes import cifar
from recipes.datasets.device_batches import DeviceRows
from recipes.datasets.split import Split
from recipes.parts import image_runs
from recipes.shared import precision

BATCH, STEPS = 500, 40  # the preset's batch; steps of a turn
WIDTH = 64


def steps(device, rounds):
    """Yields tables, each against a plain step of as many rows: lists of dicts."""
    largest = largest_logit(*((BATCH, WIDTH) if device.is_gpu else (10, 2)))
    print(f"largest logit of an untrained network: {largest:.3g}, should be below 1")
    yield _table(device, rounds, 1)
    yield _table(device, rounds, 2)


def largest_logit(batch, width):
    """Of the preset's network, untrained, compiled: far below 1 where all is right.

    Compiled by jaxlib 0.11.2 for a CPU, convolutions in bfloat16 gave NaN or 1e35 where
    the same operations one by one, and jaxlib 0.10.2, gave 0.03.
    """
    options = cifar.parse_options(["--preset", "gpu", "--width", str(width)])
    images = np.random.default_rng(0).random((batch, 32, 32, 3), dtype="float32")
    labels = np.zeros(batch, "int32")
    with precision.computing_in(options.mixed_precision):
        net = cifar.build_network(Split(images, labels, images, labels, 10), options)
    return float(np.abs(net.predict_on_batch(images)).max())


def steps_of_5(device, rounds):
    """The same for K = 5, whose rows are too many for a small device."""
    yield _table(device, rounds, 5)


def _table(device, rounds, count):
    is_small = not device.is_gpu
    batch, num_steps, width = (10, 2, 2) if is_small else (BATCH, STEPS, WIDTH)
    mixers = {f"MultiMix, K = {count}": MultiMix(1.0, count, seed=0)}
    if count == 1:
        mixers = {"MixUp": MixUp(1.0, seed=0), "CutMix": CutMix(1.0, seed=0)}
    plain = f"plain, {count * batch} rows"
    runs = {plain: training(None, count * batch, num_steps, width)}
    for name, mixer in mixers.items():
        runs[name] = training(mixer, batch, num_steps, width)
    if count == 2:
        fresh = f"MixUp, {count * batch} rows"
        runs[fresh] = training(MixUp(1.0, seed=0), count * batch, num_steps, width)
    calls = {name: [run] for name, run in runs.items()}
    seconds = take_turns(device, calls, rounds, at_least=0)
    table = []
    for name, found in seconds.items():
        pairs = zip(found, seconds[plain], strict=True)
        row = {
            "case": f"ResNet-9, width {width}",
            "what": name,
            "images": count * batch,
        }
        row |= summary([each / num_steps for each in found])
        row |= {"ratio": statistics.median(one / other for one, other in pairs)}
        table.append(row | {"reference": plain})
    return table


def training(mixer, batch, num_steps, width):
    """A function that trains the preset's network for some steps.

    Args:
        mixer: a mixing layer; None trains plainly.
        batch: rows of a batch.
        num_steps: how many steps.
        width: of the network.
    """
    options = cifar.parse_options(["--preset", "gpu", "--width", str(width)])
    generator = np.random.default_rng(0)
    images = generator.random((batch * num_steps, 32, 32, 3), dtype="float32")
    labels = generator.integers(0, 10, len(images)).astype("int32")
    keras.utils.set_random_seed(0)
    with precision.computing_in(options.mixed_precision):
        net = cifar.build_network(Split(images, labels, images, labels, 10), options)
        model = net if mixer is None else MixupModel(net, mixer)
        model.compile(
            image_runs.build_optimizer(options)(options.epochs, 100),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
    batches = DeviceRows(images, labels, batch)
    return lambda: model.fit(batches, verbose=0, shuffle=False)

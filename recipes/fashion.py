"""mixup and its variants on Fashion-MNIST: the official split, in minutes a run.

    python -m recipes.fashion --data-dir DIR                            # a few images
    python -m recipes.fashion --data-dir DIR --preset full              # all of them
    python -m recipes.fashion --data-dir DIR --preset keras_example     # keras.io's
    python -m recipes.fashion --data-dir DIR --preset wrong_labels --corrupt 0.8
    python -m recipes.fashion --data-dir DIR --preset full --ablation --seeds 3

`--backend jax` is the fastest on a CPU: an epoch of the residual network on all images
takes about 12 seconds of one core. What to expect: without `--augment` plain training
fits nearly all training images; of 5 000 and 20 000 it then has more errors than every
method that mixes.
What is measured, and how it was planned, stands in recipes/plan.md.
"""

import functools
import sys

from recipes.parts import image_runs
from recipes.parts.ablation import ABLATION
from recipes.parts.fashion_presets import PRESETS
from recipes.parts.image_options import (
    add_image_options,
    check_image_options,
    fill_in_for_labels,
)
from recipes.shared import commands, compile_cache, devices
from recipes.shared.experiment import run_experiment
from recipes.shared.methods import IMAGE_METHODS, Method, add_options, summaries
from recipes.shared.options import option_parser, parse

DESCRIPTION = """\
Trains networks on Fashion-MNIST, 60 000 images to train and 10 000 to test, with plain
training, mixup, multi-mix, RegMixup and CutMix, each with the controls for equal
compute; on wrong labels, with dropout too; and measures calibration before and after
temperature scaling, behaviour between training samples, and robustness to adversarial
examples. Writes results.json, results.csv and figures."""

TWO_DATASETS = "mixup_two_datasets"
FASHION_METHODS = {
    **IMAGE_METHODS,
    TWO_DATASETS: Method("mixup of two datasets, the same rows in two orders", "MixUp"),
    "dropout": Method("plain training with dropout", dropout=True),
    "mixup_dropout": Method("mixup with dropout", "MixUp", dropout=True),
    **ABLATION,
}
CORRUPT_METHODS = ("erm", "dropout", "mixup", "mixup_dropout")
NETWORKS = ("small_resnet", "keras_example", "mlp")
OPTIMIZERS = ("sgd", "adam")


def parse_options(arguments=None):
    """Parses the command line; `None` takes the process's own."""
    parser = option_parser(
        "fashion",
        DESCRIPTION,
        summaries(FASHION_METHODS),
        default_methods=(),
        presets=PRESETS,
    )
    add = parser.add_argument
    add("--ablation", action="store_true", help="all of the ablation, by rank")
    add("--network", choices=NETWORKS, default="small_resnet", help="what is trained")
    add("--optimizer", choices=OPTIMIZERS, default="sgd", help="sgd: with momentum 0.9")
    add(
        "--augment",
        action="store_true",
        default=None,
        help="crop and flip the training images at random",
    )
    add_image_options(parser, width=16, padding=2)
    add_options(parser, batch_size=128, alpha=None, learning_rate=0.1, optimizer="SGD")
    devices.add_options(parser)
    options = parse(parser, arguments, PRESETS)
    check_image_options(parser, options)
    fill_in_for_labels(options)
    if options.optimizer == "adam" and options.schedule == "one_cycle":
        parser.error(
            "Expected a schedule of Adam. Received: --schedule one_cycle, which is "
            "SGD's. Use, for example, --schedule cosine."
        )
    if not options.methods or options.ablation:
        options.methods = list(CORRUPT_METHODS)
        if options.ablation:
            options.methods = ["erm", "mixup", *ABLATION]
    return options


def build_network(split, options, dropout=0.0):
    """A network for images in [0, 1]; the outputs are logits."""
    from recipes.datasets import fashion
    from recipes.networks import keras_example, mlp, small_resnet

    shape, num_classes = split.input_shape, split.num_classes
    if options.network == "keras_example":
        return keras_example.build(shape, num_classes)
    if options.network == "mlp":
        net = mlp.build(shape, num_classes, options.width, dropout)
    else:
        net = small_resnet.build(shape, num_classes, options.width, dropout)
    return image_runs.of_pixels(net, shape, fashion.MEAN, fashion.VARIANCE)


@functools.lru_cache(maxsize=1)
def _load_split(*args, **kwargs):
    """The last one stays in memory: every method trains on it."""
    from recipes.datasets import fashion

    return fashion.load_split(*args, **kwargs)


def load_data(options, seed):
    """The images, and the training labels to learn: the true ones or corrupted ones.

    Images held out come on top of `--train-size`.
    """
    from recipes.datasets.split import with_held_out

    size = options.train_size
    split = _load_split(
        options.data_dir,
        train_size=size and with_held_out(size, options.validation_size),
        test_size=options.test_size,
        # Of all images there is one split: no need to read them for each seed.
        seed=seed if size or options.test_size else 0,
    )
    return image_runs.labelled(split, options, seed)


def load_split(run, options):
    """The rows of a run as it learns them."""
    return image_runs.learned(*load_data(options, run.seed))


def build_optimizer(options):
    """A function (epochs, steps_per_epoch) -> optimizer, as the options say."""
    from recipes.shared.optimizers import adam, adam_cosine

    if options.optimizer == "sgd":
        return image_runs.build_optimizer(options)
    if options.schedule == "cosine":
        return adam_cosine(options.learning_rate)
    return adam(options.learning_rate, image_runs.SCHEDULES[options.schedule])


def fit(split, labels, run, options, on_epoch_end):
    """Trains one network; returns it and its record."""
    from recipes.datasets.batches import two_datasets

    return image_runs.fit(
        functools.partial(build_network, split, options),
        split,
        labels,
        FASHION_METHODS[run.method],
        run,
        options,
        on_epoch_end,
        optimizer=build_optimizer(options),
        augment=bool(options.augment),
        make_batches=two_datasets if run.method == TWO_DATASETS else None,
    )


def train(run, options, on_epoch_end):
    """One run; returns its record."""
    return image_runs.train(run, options, on_epoch_end, sys.modules[__name__])


def main(arguments=None):
    """The command; returns the records in results.json."""
    options = parse_options(arguments)
    devices.start(options)
    compile_cache.keep(options)
    return run_experiment(
        "fashion",
        options,
        ["fashion_mnist"],
        FASHION_METHODS,
        train,
        image_runs.report_and_draw,
    )


if __name__ == "__main__":
    commands.run(main)

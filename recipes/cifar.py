"""mixup and its variants on CIFAR-10 and CIFAR-100.

    python -m recipes.cifar --data-dir DIR                            # the methods
    python -m recipes.cifar --data-dir DIR --corrupt 0.5              # wrong labels
    python -m recipes.cifar --data-dir DIR --attack fgsm ifgsm        # robustness
    python -m recipes.cifar --data-dir DIR --ablation --seeds 1       # what to mix
    python -m recipes.cifar --data-dir DIR --preset paper             # needs a GPU
    python -m recipes.cifar --data-dir DIR --preset gpu --minutes 9 --seeds 20

`--backend tensorflow` is the fastest on a CPU. The preset `quick`, a narrow net on 2000
small images, takes two to five minutes a run on one core. What to expect of it: mixup
errs as often as plain training or more, with a lower likelihood loss and a far better
calibration; multi-mix errs less than mixup, as many fresh pairs still less.
"""

import functools
import sys

from recipes.parts import image_runs
from recipes.parts.ablation import ABLATION
from recipes.parts.cifar_presets import PRESETS
from recipes.parts.image_options import (
    add_image_options,
    check_image_options,
    fill_in_for_labels,
)
from recipes.shared import commands, compile_cache, devices
from recipes.shared.experiment import run_experiment
from recipes.shared.methods import IMAGE_METHODS, Method, add_options, summaries
from recipes.shared.options import (
    add_tfds_option,
    integer_from,
    option_parser,
    parse,
)

DESCRIPTION = """\
Trains residual networks on CIFAR with plain training, mixup, multi-mix, CutMix and
manifold mixup, each with the control for equal compute; on wrong labels, with dropout
too; and measures calibration, behaviour between training samples, and robustness to
adversarial examples. Writes results.json, results.csv and figures."""

# Where PuzzleMix's public code mixes, as Verma et al. do (ICML 2019, arXiv 1806.05236).
_MANIFOLD = ("input", "stage_1", "stage_2")
CIFAR_METHODS = {
    **IMAGE_METHODS,
    "manifold": Method(
        "mixup at the input or after the first or second stage, α = 2",
        "MixUp",
        {"alpha": 2.0},
        mix_at=_MANIFOLD,
    ),
    "multi_manifold": Method(
        "the same with K interpolations per pair",
        "MultiMix",
        {"alpha": 2.0},
        interpolates=True,
        mix_at=_MANIFOLD,
    ),
    "dropout": Method("plain training with dropout in the blocks", dropout=True),
    "mixup_dropout": Method("mixup with dropout", "MixUp", dropout=True),
    **ABLATION,
}
DEFAULT_METHODS = ("erm", "mixup", "multimix", "mixup_matched")
CORRUPT_METHODS = ("erm", "dropout", "mixup", "mixup_dropout")
NETWORKS = ("preact_resnet", "wide_resnet", "densenet", "resnet9", "small_resnet")


def parse_options(arguments=None):
    """Parses the command line; `None` takes the process's own."""
    parser = option_parser(
        "cifar",
        DESCRIPTION,
        summaries(CIFAR_METHODS),
        default_methods=(),
        presets=PRESETS,
    )
    add, integer = parser.add_argument, integer_from
    add("--dataset", choices=("cifar10", "cifar100"), default="cifar10", help="images")
    add("--ablation", action="store_true", help="all of the ablation, by rank")
    add("--network", choices=NETWORKS, default="preact_resnet", help="what is trained")
    add("--blocks-per-stage", type=integer(1), default=2, help="of the ResNet")
    add("--image-size", choices=(8, 16, 32), type=int, default=32, help="in pixels")
    add_image_options(parser, width=64, padding=4)
    add_tfds_option(parser)
    add_options(parser, batch_size=128, alpha=None, learning_rate=0.1, optimizer="SGD")
    devices.add_options(parser)
    options = parse(parser, arguments, PRESETS)
    check_image_options(parser, options)
    fill_in_for_labels(options)
    if options.schedule == "steps" and options.network == "wide_resnet":
        options.schedule = "steps_of_wide_resnet"
    if not options.methods:
        options.methods = list(CORRUPT_METHODS if options.corrupt else DEFAULT_METHODS)
        if options.ablation:
            options.methods = ["erm", "mixup", *ABLATION]
    return options


def build_network(split, options, dropout=0.0):
    """A network for images in [0, 1]; the outputs are logits."""
    from recipes.datasets import cifar
    from recipes.networks import (
        densenet,
        preact_resnet,
        resnet9,
        small_resnet,
        wide_resnet,
    )

    if options.network == "preact_resnet":
        sizes = {"width": options.width, "blocks_per_stage": options.blocks_per_stage}
        net = preact_resnet.build(
            split.input_shape, split.num_classes, dropout=dropout, **sizes
        )
    elif options.network in ("resnet9", "small_resnet"):
        network = resnet9 if options.network == "resnet9" else small_resnet
        net = network.build(
            split.input_shape, split.num_classes, options.width, dropout
        )
    elif options.network == "wide_resnet":
        net = wide_resnet.build(split.input_shape, split.num_classes, dropout=dropout)
    else:
        net = densenet.build(split.input_shape, split.num_classes)
    return image_runs.of_pixels(net, split.input_shape, cifar.MEAN, cifar.VARIANCE)


@functools.lru_cache(maxsize=1)
def _load_split(*args, **kwargs):
    """The last one stays in memory: every method trains on it."""
    from recipes.datasets import cifar

    return cifar.load_split(*args, **kwargs)


def load_data(options, seed):
    """The images, and the training labels to learn: the true ones or corrupted ones."""
    split = _load_split(
        options.dataset,
        options.data_dir,
        train_size=options.train_size,
        test_size=options.test_size,
        size=options.image_size,
        # Of all images there is one split: no need to read them for each seed.
        seed=seed if options.train_size or options.test_size else 0,
        tensorflow_datasets=options.tfds,
    )
    return image_runs.labelled(split, options, seed)


def load_split(run, options):
    """The rows of a run as it learns them."""
    return image_runs.learned(*load_data(options, run.seed))


def fit(split, labels, run, options, on_epoch_end):
    """Trains one network; returns it and its record."""
    return image_runs.fit(
        functools.partial(build_network, split, options),
        split,
        labels,
        CIFAR_METHODS[run.method],
        run,
        options,
        on_epoch_end,
        optimizer=image_runs.build_optimizer(options),
        num_points=12 if options.preset == "quick" else options.epochs,
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
        "cifar",
        options,
        [options.dataset],
        CIFAR_METHODS,
        train,
        image_runs.report_and_draw,
    )


if __name__ == "__main__":
    commands.run(main)

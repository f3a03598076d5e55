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
from pathlib import Path

from recipes.parts.ablation import ABLATION
from recipes.parts.cifar_presets import PRESETS
from recipes.shared import devices, precision
from recipes.shared.experiment import run_experiment, setting_of
from recipes.shared.methods import IMAGE_METHODS, Method, add_options, summaries
from recipes.shared.options import (
    add_tfds_option,
    integer_from,
    number_from,
    one_of,
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
NETWORKS = ("preact_resnet", "wide_resnet", "densenet", "resnet9")
# Epochs at which the learning rate falls, as shares of the run.
SCHEDULES = {
    "cosine": None,
    "one_cycle": None,
    "steps": (1 / 2, 3 / 4),
    "steps_of_wide_resnet": (0.3, 0.6, 0.9),
    "steps_of_puzzlemix": (1 / 3, 2 / 3),
}


def parse_options(arguments=None):
    """Parses the command line; `None` takes the process's own."""
    parser = option_parser(
        "cifar",
        DESCRIPTION,
        summaries(CIFAR_METHODS),
        default_methods=(),
        presets=PRESETS,
    )
    add, integer, number = parser.add_argument, integer_from, number_from
    add("--dataset", choices=("cifar10", "cifar100"), default="cifar10", help="images")
    add("--corrupt", type=number(0), help="share of wrong training labels, 0 to 1")
    add(
        "--attack",
        nargs="+",
        type=one_of(("fgsm", "ifgsm")),
        metavar="ATTACK",
        help="fgsm, ifgsm: white box, and black box against another plain net",
    )
    add("--epsilon", type=number(0), default=4, help="of attacks, out of 255")
    add("--ablation", action="store_true", help="all of the ablation, by rank")
    add("--network", choices=NETWORKS, default="preact_resnet", help="what is trained")
    add("--width", type=integer(1), default=64, help="of the ResNet's first stage")
    add("--blocks-per-stage", type=integer(1), default=2, help="of the ResNet")
    add("--image-size", choices=(8, 16, 32), type=int, default=32, help="in pixels")
    add("--padding", type=integer(0), default=4, help="pixels around random crops")
    add("--train-size", type=integer(20), help="training images; all by default")
    add("--test-size", type=integer(20), help="test images; all by default")
    add("--dropout", type=number(0), help="rate; by default as the labels need")
    add("--weight-decay", type=number(0), default=1e-4, help="on all weights")
    add("--no-profile", action="store_true", default=None, help="between samples")
    add("--points", type=integer(1), help="how often to measure on the way")
    add("--last", type=integer(1), help="last epochs to measure, each; 10 by default")
    add(
        "--on-device",
        action="store_true",
        default=None,
        help="keep the training images on the device, and crop and flip them there",
    )
    add(
        "--compilation-cache",
        type=Path,
        metavar="DIR",
        help="where JAX keeps compiled programs, for runs to come",
    )
    precision.add_option(parser)
    add("--schedule", choices=tuple(SCHEDULES), default="cosine", help="learning rate")
    add_tfds_option(parser)
    add_options(parser, batch_size=128, alpha=None, learning_rate=0.1, optimizer="SGD")
    devices.add_options(parser)
    options = parse(parser, arguments, PRESETS)
    _fill_in(options)
    return options


def _fill_in(options):
    """Settings that follow from others, as the mixup paper chose them."""
    corrupt, few = options.corrupt, (options.corrupt or 0) <= 0.2
    if options.schedule == "steps" and options.network == "wide_resnet":
        options.schedule = "steps_of_wide_resnet"
    if options.alpha is None:
        options.alpha = (8.0 if few else 32.0) if corrupt else 1.0
    if options.dropout is None:
        options.dropout = 0.7 if few else 0.8
    if not options.methods:
        options.methods = list(CORRUPT_METHODS if corrupt else DEFAULT_METHODS)
        if options.ablation:
            options.methods = ["erm", "mixup", *ABLATION]


def build_network(split, options, dropout=0.0):
    """A network for images in [0, 1]; the outputs are logits."""
    import keras

    from recipes.datasets import cifar
    from recipes.networks import densenet, preact_resnet, resnet9, wide_resnet

    if options.network == "preact_resnet":
        sizes = {"width": options.width, "blocks_per_stage": options.blocks_per_stage}
        net = preact_resnet.build(
            split.input_shape, split.num_classes, dropout=dropout, **sizes
        )
    elif options.network == "resnet9":
        net = resnet9.build(
            split.input_shape, split.num_classes, options.width, dropout
        )
    elif options.network == "wide_resnet":
        net = wide_resnet.build(split.input_shape, split.num_classes, dropout=dropout)
    else:
        net = densenet.build(split.input_shape, split.num_classes)
    inputs = keras.Input(split.input_shape)
    normalized = keras.layers.Normalization(mean=cifar.MEAN, variance=cifar.VARIANCE)
    # With mixed precision the logits are float32 again.
    as_float32 = keras.layers.Activation("linear", dtype="float32")
    return keras.Model(inputs, as_float32(net(normalized(inputs))))


@functools.lru_cache(maxsize=1)
def _load_split(*args, **kwargs):
    """The last one stays in memory: every method trains on it."""
    from recipes.datasets import cifar

    return cifar.load_split(*args, **kwargs)


def load_data(options, seed):
    """The images, and the training labels to learn: the true ones or corrupted ones."""
    from keras_multimix.evaluation import corrupt_labels

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
    if not options.corrupt:
        return split, split.train_labels
    return split, corrupt_labels(
        split.train_labels, options.corrupt, split.num_classes, seed
    )[0]


def fit(split, labels, run, options, on_epoch_end):
    """Trains one network; returns it and its record."""
    import dataclasses

    import keras

    from recipes.datasets.batches import crop_and_flip
    from recipes.datasets.device_batches import DeviceRows
    from recipes.shared.training import train_classifier

    method = CIFAR_METHODS[run.method]
    keras.utils.set_random_seed(run.seed)
    rate = options.dropout * method.dropout
    padding, is_long = options.padding, options.preset != "quick"
    with precision.computing_in(options.mixed_precision), devices.scope():
        network = build_network(split, options, rate)
        measured = train_classifier(
            network,
            dataclasses.replace(split, train_labels=labels),
            method,
            options,
            run,
            on_epoch_end,
            optimizer=build_optimizer(options),
            augment=functools.partial(crop_and_flip, padding=padding),
            make_batches=functools.partial(DeviceRows, padding=padding)
            if options.on_device
            else None,
            num_points=options.points or (options.epochs if is_long else 12),
            last=options.last or 10,
        )
    return devices.on_one(network), measured


def build_optimizer(options):
    """A function (epochs, steps_per_epoch) -> SGD with the schedule of the options."""
    from recipes.shared.one_cycle import sgd_one_cycle
    from recipes.shared.optimizers import sgd

    rate, decay = options.learning_rate, options.weight_decay
    if options.schedule == "one_cycle":
        return sgd_one_cycle(rate, decay)
    return sgd(rate, decay, SCHEDULES[options.schedule])


def train(run, options, on_epoch_end):
    """One run; returns its record."""
    from recipes.parts import robustness

    split, labels = load_data(options, run.seed)
    network, measured = fit(split, labels, run, options, on_epoch_end)
    metrics = measured["metrics"]
    metrics |= robustness.train_errors(network, split, labels, bool(options.corrupt))
    if not options.no_profile:
        measured["profile"] = robustness.profile(network, split, run.seed)
        metrics |= robustness.profile_means(measured["profile"])
    if options.attack:

        def train_source():
            source = run._replace(method="erm", seed=run.seed + robustness.OTHER_SEED)
            return fit(split, labels, source, options, lambda: None)[0]

        path = options.output / "sources" / f"{run.dataset}_{run.seed}.weights.h5"
        source = robustness.source_network(
            path, train_source, lambda: build_network(split, options)
        )
        metrics |= robustness.attack_errors(
            network, source, split, options.attack, options.epsilon / 255
        )
    return measured


def main(arguments=None):
    """The command; returns the records in results.json."""
    options = parse_options(arguments)
    devices.start(options)
    if options.compilation_cache and options.backend == "jax":
        from recipes.shared import compile_cache

        compile_cache.keep(options.compilation_cache)
    return run_experiment(
        "cifar", options, [options.dataset], CIFAR_METHODS, train, report_and_draw
    )


def report_and_draw(records, options):
    """Prints the tables and draws the figures."""
    from recipes.shared.columns import (
        CORRUPT_COLUMNS,
        LAST_COLUMNS,
        MORE_COLUMNS,
        known_columns,
    )
    from recipes.shared.report import print_report

    title = setting_of(options, options.network)
    if options.corrupt:
        title += f", {100 * options.corrupt:g} % of the labels replaced"
    print_report(
        records,
        title,
        options.output,
        columns=CORRUPT_COLUMNS if options.corrupt else LAST_COLUMNS,
        more_columns=known_columns(records, MORE_COLUMNS),
        reference="erm",
        by_rank=options.ablation,
    )


if __name__ == "__main__":
    main()

"""mixup and its variants on ImageNet, or on any folder of images.

    python -m recipes.imagenet --data-dir DIR                       # a small folder
    python -m recipes.imagenet --data-dir DIR --preset paper        # needs GPUs
    python -m recipes.imagenet --dataset imagenet2012 --preset paper --epochs 200

DIR holds train/<class>/*.jpg and val/<class>/*.jpg. This recipe has not been run on
ImageNet yet, so there is no number to expect. Keras' ResNets differ a little from the
paper's: the first convolution of a block strides, and all have biases.
A step of multi-mix and of its control has K times the rows, which memory has to hold.
"""

import math

from recipes.shared import (
    commands,
    compile_cache,
    devices,
    feeding,
    precision,
    processes,
)
from recipes.shared.experiment import run_experiment, setting_of
from recipes.shared.methods import IMAGE_METHODS, add_options, epochs_of, summaries
from recipes.shared.options import integer_from, number_from, option_parser, parse

DESCRIPTION = """\
Trains a ResNet-50 or ResNet-101 on ImageNet or a folder of images with plain training,
mixup, multi-mix with the control for equal compute, and CutMix. Images are streamed
from disk by tf.data. Writes results.json, results.csv and figures."""

DEFAULT_METHODS = ("erm", "mixup", "multimix", "mixup_matched", "cutmix")
NETWORKS = ("resnet50", "resnet101")
PRESETS = {
    "quick": (
        "for some hundred images: 64 × 64, batch 32, 15 epochs, K = 2",
        {
            "image_size": 64,
            "batch_size": 32,
            "epochs": 15,
            "learning_rate": 0.0125,
            "warm_up": 1,
            "num_interpolations": 2,
            "seeds": 1,
        },
    ),
    "paper": (
        "mixup's: 224 × 224, batch 1024, 90 epochs, lr 0.1 to 0.4, bfloat16",
        {"mixed_precision": "bfloat16", "seeds": 1, "checkpoint_every": "10min"},
    ),
}
# Epochs at which the learning rate falls, as shares of a run of 200 and of any other.
_DROPS_OF_200 = (60 / 200, 120 / 200, 180 / 200)
_DROPS = (30 / 90, 60 / 90, 80 / 90)


def parse_options(arguments=None):
    """Parses the command line; `None` takes the process's own."""
    parser = option_parser(
        "imagenet",
        DESCRIPTION,
        summaries(IMAGE_METHODS),
        default_methods=DEFAULT_METHODS,
        epochs=90,
        presets=PRESETS,
    )
    add, integer = parser.add_argument, integer_from
    add(
        "--dataset",
        choices=("folder", "imagenet2012"),
        default="folder",
        help="DATA_DIR/train and DATA_DIR/val, or TensorFlow Datasets' in DATA_DIR",
    )
    add("--network", choices=NETWORKS, default="resnet50", help="what is trained")
    add("--image-size", type=integer(32), default=224, help="in pixels")
    add("--weight-decay", type=number_from(0), default=1e-4, help="on all weights")
    add(
        "--warm-up",
        type=integer(0),
        default=5,
        help="epochs in which the learning rate rises from a quarter",
    )
    precision.add_option(parser)
    add_options(
        parser,
        batch_size=1024,
        learning_rate=0.4,
        optimizer="SGD, the highest",
        validation_size=None,
    )
    feeding.add_options(parser)
    devices.add_options(parser)
    options = parse(parser, arguments, PRESETS)
    feeding.check_options(parser, options)
    return options


def learning_rates(options, epochs, steps_per_epoch):
    """The schedule of a run: a linear rise, then three falls to a tenth."""
    from recipes.shared.optimizers import steps_down

    # By the epochs asked for: a control that trains longer keeps the shape.
    drops = _DROPS_OF_200 if options.epochs == 200 else _DROPS
    rate, rise = options.learning_rate, options.warm_up
    return steps_down(rate, epochs, steps_per_epoch, drops, warm_up=(rate / 4, rise))


def steps_of(images, options):
    """The steps of an epoch, the same for every method.

    The control for equal compute has larger batches instead.

    Args:
        images: a `recipes.datasets.image_folders.Images`.
        options: with `batch_size`.
    """
    return math.ceil(images.train.size / options.batch_size)


def load_data(options):
    """The images, as a `recipes.datasets.image_folders.Images`."""
    from recipes.datasets import image_folders

    if options.dataset == "folder":
        return image_folders.from_folders(options.data_dir)
    return image_folders.from_tfds(options.data_dir)


def train(run, images, options, on_epoch_end):
    """One run; returns its record."""
    import keras

    with precision.computing_in(options.mixed_precision), devices.scope():
        keras.utils.set_random_seed(run.seed)
        return _fit(run, images, options, on_epoch_end)


def _fit(run, images, options, on_epoch_end):
    import keras

    from keras_multimix import MixupModel
    from recipes.datasets import image_streams
    from recipes.networks import resnet
    from recipes.parts.streamed_curve import StreamedCurve
    from recipes.shared.methods import build_mixer
    from recipes.shared.optimizers import SGDWithL2
    from recipes.shared.resuming import Resuming
    from recipes.shared.saved_models import ModelSaver

    method = IMAGE_METHODS[run.method]
    epochs = epochs_of(method, options)
    steps_per_epoch = steps_of(images, options)
    copies = options.num_interpolations if method.more_rows else 1
    size, batch_size = options.image_size, options.batch_size * copies
    network = resnet.build(options.network, (size, size, 3), images.num_classes)
    model = MixupModel(network, build_mixer(method, options, run.seed))
    rates = learning_rates(options, epochs, steps_per_epoch)
    model.compile(
        SGDWithL2(rates, momentum=0.9, l2=options.weight_decay),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        steps_per_execution=feeding.steps_per_execution(options),
    )
    devices.connect(model)
    test = image_streams.test_batches(images.test, size, batch_size=250)
    curve = StreamedCurve(network, test, epochs, on_epoch_end)
    callbacks = [curve]
    if options.tensorboard and processes.is_first():
        folder = options.output / "tensorboard" / "-".join(map(str, run))
        callbacks.append(keras.callbacks.TensorBoard(folder, write_graph=False))
    saver = ModelSaver(network, options, run, curve)
    counts = {"train": images.train.size, "test": images.test.size}
    resuming = Resuming(options, run, counts, {"curve": curve, "models": saver})

    def data():
        steps = range(resuming.epoch * steps_per_epoch, epochs * steps_per_epoch)
        return {
            "x": image_streams.train_batches(
                images.train,
                size,
                batch_size,
                run.seed,
                steps,
                devices.share(),
                options.workers,
            ),
            "steps_per_epoch": steps_per_epoch,
            # Keras warns of the default: the stream is shuffled itself.
            "shuffle": False,
        }

    resuming.fit(model, data, epochs, [*callbacks, saver])
    measured = curve.measured()
    saver.save_last(measured["metrics"])
    return {**measured, "before": resuming.before}


def measure_again(network, options):
    """The measures of a net on the test images, as those of a run."""
    from recipes.datasets import image_streams
    from recipes.parts.streamed_curve import StreamedCurve

    part = load_data(options).test
    test = image_streams.test_batches(part, options.image_size, batch_size=250)
    curve = StreamedCurve(network, test, 1, None)
    return curve.measures(*curve.predictions())


def main(arguments=None):
    """The command; returns the records in results.json."""
    options = parse_options(arguments)
    devices.start(options)
    compile_cache.keep(options)
    images = load_data(options)
    feeding.check_steps(options, steps_of(images, options))
    dataset = options.dataset
    if dataset == "folder":
        # Its name, so that results of two folders are told apart.
        dataset = options.data_dir.resolve().name or dataset

    def train_run(run, options, on_epoch_end):
        return train(run, images, options, on_epoch_end)

    return run_experiment(
        "imagenet", options, [dataset], IMAGE_METHODS, train_run, report_and_draw
    )


def report_and_draw(records, options):
    """Prints the tables and draws the figures."""
    from recipes.shared.columns import COLUMNS, Column
    from recipes.shared.report import print_report

    title = setting_of(options, options.network)
    print_report(
        records,
        title,
        options.output,
        columns=(*COLUMNS, Column("top5_error", "top-5 error %", 100, 2)),
        reference="erm",
    )


if __name__ == "__main__":
    commands.run(main)

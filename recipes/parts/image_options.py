"""Options that the recipes for images share: labels, attacks, measuring, learning."""

from recipes.shared import feeding, precision
from recipes.shared.options import below_one, integer_from, number_from, one_of

# Epochs at which the learning rate falls, as shares of the run.
SCHEDULES = {
    "cosine": None,
    "one_cycle": None,
    "constant": (),
    "steps": (1 / 2, 3 / 4),
    "steps_of_wide_resnet": (0.3, 0.6, 0.9),
    "steps_of_puzzlemix": (1 / 3, 2 / 3),
}
MEASURED_ON = ("test", "validation")


def add_image_options(parser, *, width, padding):
    """Adds them to a parser.

    Args:
        parser: what `option_parser` gave.
        width: default channels of the network's first stage.
        padding: default pixels around random crops.
    """
    add, integer, number = parser.add_argument, integer_from, number_from
    add("--corrupt", type=number(0), help="share of wrong training labels, 0 to 1")
    add_measure_options(parser)
    add("--width", type=integer(1), default=width, help="of the network's first stage")
    add("--padding", type=integer(0), default=padding, help="around random crops")
    add("--train-size", type=integer(20), help="training images; all by default")
    add("--test-size", type=integer(20), help="test images; all by default")
    add("--dropout", type=below_one, help="rate; by default as the labels need")
    add("--weight-decay", type=number(0), default=1e-4, help="on all weights")
    add("--no-profile", action="store_true", default=None, help="between samples")
    add("--points", type=integer(1), help="how often to measure on the way")
    add("--last", type=integer(1), help="last epochs to measure, each; 10 by default")
    add(
        "--measure-on",
        choices=MEASURED_ON,
        default=None,
        help="validation leaves the test images alone and measures on the held-out "
        "training images, to choose a setting by",
    )
    add(
        "--on-device",
        action="store_true",
        default=None,
        help="keep the training images on the device, and crop and flip them there",
    )
    feeding.add_options(parser)
    precision.add_option(parser)
    add("--schedule", choices=tuple(SCHEDULES), default="cosine", help="learning rate")


def add_measure_options(parser):
    """Adds those that say what to measure of a trained network beside test errors."""
    add, integer, number = parser.add_argument, integer_from, number_from
    add(
        "--attack",
        nargs="+",
        type=one_of(("fgsm", "ifgsm", "noise")),
        metavar="ATTACK",
        help="fgsm, ifgsm: white box, and black box against another plain net; "
        "noise: as large a change at random, to see what a gradient is worth",
    )
    add(
        "--epsilon",
        nargs="+",
        type=number(0),
        default=4,
        help="of attacks, out of 255; one or several",
    )
    add("--attack-size", type=integer(1), help="images attacked; all by default")
    add(
        "--corruptions",
        action="store_true",
        default=None,
        help="measure on noisy, blurred, foggy, pale, coarse and JPEG test images too",
    )


def check_epsilon(options):
    """Makes a list with one ε a number, as records of earlier runs have it."""
    if isinstance(options.epsilon, list) and len(options.epsilon) == 1:
        options.epsilon = options.epsilon[0]


def check_image_options(parser, options):
    """Refuses options that do not go together, and brings them into one form."""
    if options.measure_on == "validation" and not options.validation_size:
        parser.error(
            "Expected training images held out to measure on. Received: "
            "--measure-on validation without --validation-size. Add, for example, "
            "--validation-size 5000."
        )
    feeding.check_options(parser, options)
    if options.measure_on == "test":
        options.measure_on = None
    check_epsilon(options)


def fill_in_for_labels(options, *, alpha=1.0):
    """Sets α and dropout where they were not given, as the mixup paper chose them."""
    corrupt, few = options.corrupt, (options.corrupt or 0) <= 0.2
    if options.alpha is None:
        options.alpha = (8.0 if few else 32.0) if corrupt else alpha
    if options.dropout is None:
        options.dropout = 0.7 if few else 0.8

"""Whether less variance of the gradient means fewer errors.

    python -m recipes.pairings --dataset digits --seeds 10

Takes about ten minutes on two busy CPU cores for `digits`.

The same small net is trained with mixup on partners of several kinds, at the same cost,
and with several interpolations of each pair. `recipes.variance` measures the variance
of the gradient that each of them has. What to expect: differences between the kinds of
partners are smaller than those between seeds.
"""

from recipes.parts import small_conv_runs
from recipes.shared import commands, devices
from recipes.shared.experiment import run_experiment, setting_of
from recipes.shared.methods import IMAGE_METHODS, add_options, summaries
from recipes.shared.options import integer_from, option_parser, parse

DESCRIPTION = """\
Trains a small convolutional net on small images with mixup: partners from a shuffled
batch, from the next row, and mirrored pairs at one coefficient; and with 2 and K
interpolations of each pair. Ends with a table, mean and standard deviation over the
seeds and a paired t-test against `mixup`, and writes results.json,
learning_curves.png and reliability.png."""

DEFAULT_METHODS = (
    "erm",
    "mixup",
    "mixup_roll",
    "mixup_mirror",
    "multimix_2",
    "multimix_independent",
    "multimix",
    "mixup_matched",
)
DATASETS = ("digits", "cifar10", "cifar100")
_EPOCHS = {"digits": 60, "cifar10": 30, "cifar100": 30}


def parse_options(arguments=None):
    """Parses the command line; `None` takes the process's own."""
    parser = option_parser(
        "pairings",
        DESCRIPTION,
        summaries(IMAGE_METHODS),
        default_methods=DEFAULT_METHODS,
        seeds=10,
    )
    add = parser.add_argument
    add("--dataset", choices=DATASETS, default="digits", help="images to train on")
    add(
        "--train-size",
        type=integer_from(20),
        default=None,
        help="training images, by default as the data need",
    )
    add_options(parser)
    devices.add_options(parser)
    options = parse(parser, arguments)
    options.epochs = options.epochs or _EPOCHS[options.dataset]
    return options


def load_split(run, options):
    """The rows of a run."""
    from recipes.datasets import small_images
    from recipes.datasets.split import hold_out

    split = small_images.load_split(
        run.dataset, options.data_dir, run.seed, options.train_size
    )
    return hold_out(split, options.validation_size, run.seed)


def train(run, options, on_epoch_end):
    """One run; returns its record."""
    return small_conv_runs.train(load_split(run, options), run, options, on_epoch_end)


def main(arguments=None):
    """The command; returns the records in results.json."""
    options = parse_options(arguments)
    devices.start(options)
    return run_experiment(
        "pairings", options, [options.dataset], IMAGE_METHODS, train, report_and_draw
    )


def report_and_draw(records, options):
    """Prints the tables and draws the figures."""
    from recipes.shared.report import print_report

    print_report(records, setting_of(options), options.output, reference="mixup")


if __name__ == "__main__":
    commands.run(main)

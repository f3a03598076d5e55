"""mixup on tables: the six UCI sets of the mixup paper, and scikit-learn's.

    python -m recipes.tabular --data-dir DIR

Two hidden layers of 128 units, 10 epochs, batches of 16, Adam as Keras sets it: the
paper's setting. It does not state α, nor how it split the data and encoded them; here
several α are tried, a third of the rows are test rows, and numbers are standardised by
the training rows. What to expect: differences are small, and where a method gains,
longer plain training gains too.
"""

from recipes.shared import commands, devices
from recipes.shared.experiment import run_experiment
from recipes.shared.methods import METHODS, add_options, summaries
from recipes.shared.options import add_tfds_option, one_of, option_parser, parse
from recipes.shared.runner import Run

DESCRIPTION = """\
Trains a multilayer perceptron on tables and compares plain training, mixup at several
α and multi-mix with the two controls for equal compute. Ends with a table for each data
set and a paired t-test against plain training over the seeds, and writes results.json,
results.csv and figures."""

PAPER = ("abalone", "arcene", "arrhythmia", "htru2", "iris", "phishing")
SHIPPED = ("iris", "wine", "breast_cancer", "digits")
DEFAULT_METHODS = (
    "erm",
    "mixup_alpha_0.1",
    "mixup",
    "mixup_alpha_0.4",
    "mixup_alpha_1",
    "multimix",
    "mixup_matched",
    "erm_long",
)
PRESETS = {
    "quick": (
        "scikit-learn's four tables, no download, 5 seeds",
        {"dataset": list(SHIPPED), "seeds": 5},
    ),
    "paper": ("the paper's six tables, 20 seeds", {"dataset": PAPER, "seeds": 20}),
}


def parse_options(arguments=None):
    """Parses the command line; `None` takes the process's own."""
    parser = option_parser(
        "tabular",
        DESCRIPTION,
        summaries(),
        default_methods=DEFAULT_METHODS,
        epochs=10,
        presets=PRESETS,
    )
    names = tuple(dict.fromkeys(PAPER + SHIPPED))
    parser.add_argument(
        "--dataset",
        nargs="+",
        metavar="NAME",
        type=one_of(names),
        help=f"tables to train on: {', '.join(names)}",
    )
    add_tfds_option(parser)
    add_options(parser, batch_size=16, learning_rate=1e-3)
    devices.add_options(parser)
    return parse(parser, arguments, PRESETS)


def load_split(run, options):
    """The rows of a run."""
    from recipes.datasets import tables
    from recipes.datasets.split import hold_out

    split = tables.load_split(
        run.dataset, options.data_dir, run.seed, tensorflow_datasets=options.tfds
    )
    return hold_out(split, options.validation_size, run.seed)


def train(run, options, on_epoch_end):
    """One run; returns its record."""
    import keras

    from recipes.networks import mlp
    from recipes.shared.optimizers import adam
    from recipes.shared.training import train_classifier

    split = load_split(run, options)
    keras.utils.set_random_seed(run.seed)
    with devices.scope():
        return train_classifier(
            mlp.build(split.input_shape, split.num_classes),
            split,
            METHODS[run.method],
            options,
            run,
            on_epoch_end,
            optimizer=adam(options.learning_rate),
            num_points=10,
        )


def main(arguments=None):
    """The command; returns the records in results.json."""
    options = parse_options(arguments)
    devices.start(options)
    for name in options.dataset:
        # What is missing is reported now, not after the runs on another table.
        load_split(Run(name, "erm", 0), options)
    return run_experiment(
        "tabular", options, options.dataset, METHODS, train, report_and_draw
    )


def report_and_draw(records, options):
    """Prints the tables and draws the figures."""
    from recipes.shared.report import print_report

    title = (
        f"{options.epochs} epochs, batch {options.batch_size}, "
        f"α = {options.alpha:g}, K = {options.num_interpolations}, {options.backend}"
    )
    print_report(records, title, options.output, reference="erm")


if __name__ == "__main__":
    commands.run(main)

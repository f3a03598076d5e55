"""mixup for regression: any partner, or partners whose label is near (C-Mixup).

    python -m recipes.regression                               # scikit-learn's diabetes
    python -m recipes.regression --dataset diabetes abalone --data-dir DIR
    python -m recipes.regression --preset paper --data-dir DIR

α and the bandwidth of each method are chosen on validation rows, then 20 seeds are
trained and tested. About five seconds a run on one core (`--backend jax`).

The bandwidth is in the unit of the standardised target. C-Mixup's code leaves targets
as they are: its 1.75 dB for Airfoil is a quarter of their deviation, hence 0.25 here.

The preset "paper" has what that code sets (Yao et al., NeurIPS 2022, 2210.05775): data,
two hidden layers of 128, Adam at 0.01, batches of 16, 100 epochs, and about the same
split. The code differs in this: leaky ReLU, inputs between 0 and 1, one λ a batch,
mixing after the first layer, and it keeps the epoch with the lowest validation error.
Here the last epoch counts.
"""

import sys

from recipes.parts import regression_runs
from recipes.parts.regression_runs import METHODS
from recipes.shared import commands
from recipes.shared.methods import summaries
from recipes.shared.options import (
    integer_from,
    number_from,
    one_of,
    option_parser,
    parse,
)
from recipes.shared.runner import run_all, select_backend

DESCRIPTION = """\
Trains small networks on tables whose target is a number, plainly, with mixup, with
C-Mixup and with multi-mix, each with the control for equal compute, and compares root
mean squared errors on test rows, paired by seed."""

DATASETS = ("diabetes", "abalone", "airfoil", "wine_quality", "yacht")
PRESETS = {
    "quick": ("scikit-learn's diabetes, no download", {}),
    "paper": (
        "Airfoil Self-Noise at the learning rate of C-Mixup's code, more settings",
        {
            "dataset": ["airfoil"],
            "learning_rate": 1e-2,
            "alphas": [0.2, 0.5, 1.0, 2.0],
            "bandwidths": [0.1, 0.25, 0.5, 1.0],
        },
    ),
}


def parse_options(arguments=None):
    """Parses the command line; `None` takes the process's own."""
    parser = option_parser(
        "regression",
        DESCRIPTION,
        summaries(METHODS),
        default_methods=tuple(METHODS),
        seeds=20,
        epochs=100,
        presets=PRESETS,
    )
    add, number = parser.add_argument, number_from
    add(
        "--dataset",
        nargs="+",
        metavar="NAME",
        type=one_of(DATASETS),
        default=["diabetes"],
        help=f"tables to train on: {', '.join(DATASETS)}",
    )
    add(
        "--alphas", nargs="+", type=number(0), default=[0.5, 2.0], help="to choose from"
    )
    add(
        "--bandwidths",
        nargs="+",
        type=number(1e-6),
        default=[0.1, 0.3, 1.0],
        help="σ to choose from, in standard deviations of the target",
    )
    add("--tuning-seeds", type=integer_from(1), default=3, help="for the choice")
    add("--batch-size", type=integer_from(2), default=16, help="rows in a step")
    add("--learning-rate", type=number(0), default=1e-3, help="of Adam")
    add("--num-interpolations", type=integer_from(1), default=5, help="K")
    return parse(parser, arguments, PRESETS)


def main(arguments=None):
    """The command; returns the records in results.json."""
    options = parse_options(arguments)
    select_backend(options.backend)
    from recipes.datasets import numbers

    def load_split(dataset, seed):
        return numbers.load_split(dataset, options.data_dir, seed)

    for dataset in options.dataset:
        # A file that is missing is reported now, not after the runs on another table.
        numbers.load(dataset, options.data_dir)
    try:
        chosen = {
            name: regression_runs.choose(name, options.methods, options, load_split)
            for name in options.dataset
        }
    except KeyboardInterrupt:
        print("\nInterrupted while choosing. The same command continues from there.")
        sys.exit(130)

    def train(run, on_epoch_end):
        setting = chosen[run.dataset][run.method]
        split = load_split(run.dataset, run.seed)
        validation, test = regression_runs.train(
            split, run.method, setting, options, run.seed, on_epoch_end
        )
        names = ("rmse", "validation_rmse", "alpha", "bandwidth")
        return {"metrics": dict(zip(names, (test, validation, *setting), strict=True))}

    return run_all(
        "regression",
        options,
        options.dataset,
        train=train,
        epochs_of=lambda method: regression_runs.epochs_of(method, options),
        report=lambda records: report(records, options),
    )


def report(records, options):
    """Prints the tables."""
    from recipes.shared.columns import REGRESSION_COLUMNS
    from recipes.shared.result_tables import console, results_table
    from recipes.shared.statistics import by_dataset, by_method, p_value

    out = console()
    title = f"{options.epochs} epochs, batch {options.batch_size}, {options.backend}"
    for dataset, own in by_dataset(records).items():
        out.print(results_table(own, f"{dataset}: {title}", REGRESSION_COLUMNS))
        methods = by_method(own)
        for name in methods if "erm" in methods else ():
            p = p_value(methods[name], methods["erm"], "rmse")
            if p:
                out.print(f"{name} against erm: p {p} (two-sided paired t-test)")
    out.print(f"Files: {options.output / 'results.json'}")


if __name__ == "__main__":
    commands.run(main)

"""mixup for regression: any partner, or partners whose label is near (C-Mixup).

    python -m recipes.regression                               # scikit-learn's diabetes
    python -m recipes.regression --dataset diabetes abalone --data-dir DIR
    python -m recipes.regression --dataset airfoil --data-dir DIR

α and the bandwidth of each method are chosen on validation rows, then 20 seeds are
trained and tested. About five seconds a run on one core (`--backend jax`).
"""

from recipes.parts import regression_runs
from recipes.parts.regression_runs import METHODS
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

DATASETS = ("diabetes", "abalone", "airfoil", "wine_quality")


def parse_options(arguments=None):
    """Parses the command line; `None` takes the process's own."""
    parser = option_parser(
        "regression",
        DESCRIPTION,
        summaries(METHODS),
        default_methods=tuple(METHODS),
        seeds=20,
        epochs=100,
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
    return parse(parser, arguments)


def main(arguments=None):
    """The command; returns the records in results.json."""
    options = parse_options(arguments)
    select_backend(options.backend)
    from recipes.datasets import numbers

    def load_split(dataset, seed):
        return numbers.load_split(dataset, options.data_dir, seed)

    chosen = {
        dataset: regression_runs.choose(dataset, options.methods, options, load_split)
        for dataset in options.dataset
    }

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
    main()

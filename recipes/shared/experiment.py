"""An experiment: methods that are trained on the same data, and reported together."""

from recipes.shared.methods import epochs_of
from recipes.shared.runner import run_all


def run_experiment(recipe, options, datasets, methods, train, report):
    """Trains the methods that the options name, with every seed, and reports them.

    Args:
        recipe: name of the recipe.
        options: what `parse_options` of the recipe gave.
        datasets: names of the data sets.
        methods: dict of method name -> `recipes.shared.methods.Method`.
        train: function (run, options, on_epoch_end) -> the record of one run; see
            `recipes.shared.runner.run_all`.
        report: function (records, options) that prints tables and draws figures.

    Returns:
        The list in results.json.
    """
    return run_all(
        recipe,
        options,
        datasets,
        train=lambda run, on_epoch_end: train(run, options, on_epoch_end),
        epochs_of=lambda method: epochs_of(methods[method], options),
        report=lambda records: report(records, options),
    )


def setting_of(options, *first):
    """The setting of an experiment in one line, for the titles of its tables.

    Args:
        options: with `epochs`, `alpha`, `num_interpolations` and `backend`.
        *first: what else the line says, before these.
    """
    return ", ".join(
        [
            *first,
            f"{options.epochs} epochs",
            f"α = {options.alpha:g}",
            f"K = {options.num_interpolations}",
            options.backend,
        ]
    )

"""What the GAN recipe prints and draws."""

import numpy as np

from recipes.datasets.points import MIXTURES
from recipes.parts import gan_samples
from recipes.shared.columns import GAN_COLUMNS, known_columns
from recipes.shared.result_tables import console, measures_table
from recipes.shared.runner import Run
from recipes.shared.statistics import by_dataset, by_method


def print_report(records, title, options):
    """Prints a table for each data set and draws the samples of the first seed.

    Args:
        records: the list in results.json.
        title: of the tables.
        options: of the recipe.
    """
    out = console()
    files = [options.output / "results.json", options.output / "results.csv"]
    for dataset, own in by_dataset(records).items():
        columns = known_columns(own, GAN_COLUMNS)
        out.print(measures_table(own, f"{dataset}: {title}", columns))
        path = options.output / f"samples_{gan_samples.file_name(dataset)}.png"
        _draw(own, options.output).savefig(path, dpi=100)
        files.append(path)
    out.print(
        "modes covered: those with a generated point within 3 standard deviations; "
        "evenly: the exponential of the entropy of such points over the modes; "
        f"good samples: their share of {gan_samples.NUM_JUDGED}."
    )
    out.print("Files:", ", ".join(map(str, files)), soft_wrap=True)


def _draw(records, folder):
    """One row of pictures for each method, one column for each snapshot."""
    from matplotlib.figure import Figure

    first = {name: rows[0] for name, rows in by_method(records).items()}
    samples = {
        name: gan_samples.load(folder, Run(row["dataset"], name, row["seed"]))
        for name, row in first.items()
    }
    iterations = sorted(next(iter(samples.values())))
    shape = len(first), len(iterations)
    figure = Figure((2.1 * shape[1], 2.2 * shape[0]), layout="constrained")
    panels = figure.subplots(*shape, squeeze=False)
    mixture = MIXTURES.get(records[0]["dataset"].split(",")[0])
    for panel, iteration in zip(panels[0], iterations, strict=True):
        panel.set_title(f"{iteration} iterations", fontsize=10)
    for line, (name, taken) in zip(panels, samples.items(), strict=True):
        line[0].set_ylabel(name)
        for panel, iteration in zip(line, iterations, strict=True):
            panel.set(xticks=[], yticks=[])
            if mixture is None:
                panel.imshow(_tiled(taken[iteration]), cmap="gray", vmin=-1, vmax=1)
            else:
                _scatter(panel, mixture(), taken[iteration])
    return figure


def _scatter(panel, mixture, points):
    limit = 1.4 * np.abs(mixture.modes).max()
    panel.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
    panel.scatter(*mixture.modes.T, s=45, color="0.85", linewidths=0)
    panel.scatter(*points.T, s=2, alpha=0.5, linewidths=0)


def _tiled(images, side=6):
    """(side², h, w, 1) images as one picture."""
    images = images[: side * side, :, :, 0]
    height, width = images.shape[1:]
    return (
        images.reshape(side, side, height, width)
        .transpose(0, 2, 1, 3)
        .reshape(side * height, side * width)
    )

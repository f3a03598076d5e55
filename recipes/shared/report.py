"""What a recipe prints at its end: the table, and remarks computed from it."""

from itertools import groupby

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.stats import ttest_rel

# name in the records, heading, factor, decimals
COLUMNS = (
    ("test_error", "test error %", 100, 2),
    ("nll", "NLL", 1, 3),
    ("ece", "ECE %", 100, 1),
)
# The test error as the median over the last epochs, as the mixup paper reports it.
LAST_COLUMNS = (("last_error", "test error %", 100, 2), *COLUMNS[1:])
CORRUPT_COLUMNS = (
    ("last_error", "last error %", 100, 2),
    ("best_error", "best error %", 100, 2),
    *COLUMNS[1:],
)
MORE_COLUMNS = (
    ("train_error", "train error %", 100, 2),
    ("train_error_corrupted", "on the labels learned %", 100, 2),
    ("profile_misses", "between samples: misses %", 100, 2),
    ("profile_gradient", "and gradient", 1, 3),
    ("fgsm_error", "FGSM error %", 100, 1),
    ("ifgsm_error", "I-FGSM error %", 100, 1),
    ("fgsm_black_box_error", "black box: FGSM %", 100, 1),
    ("ifgsm_black_box_error", "I-FGSM %", 100, 1),
)
# Points have all, images the last three.
GAN_COLUMNS = (
    ("modes", "modes covered", 1, 1),
    ("even_modes", "evenly", 1, 1),
    ("good_share", "good samples %", 100, 1),
    ("discriminator_loss", "d loss", 1, 3),
    ("generator_loss", "g loss", 1, 3),
    ("seconds", "s/run", 1, 0),
)


def by_method(records):
    """A dict method -> its records sorted by seed, in the order of appearance."""
    order = list(dict.fromkeys(record["method"] for record in records))
    records = sorted(records, key=lambda r: (order.index(r["method"]), r["seed"]))
    return {name: list(rows) for name, rows in groupby(records, lambda r: r["method"])}


def ranked(records, metric):
    """The records, methods with the lowest mean of a metric first."""
    means = {
        name: values(rows, metric).mean() for name, rows in by_method(records).items()
    }
    return sorted(records, key=lambda record: means[record["method"]])


def values(records, metric):
    """The (number of records,) values of one metric."""
    return np.array([record["metrics"][metric] for record in records])


def mean_and_std(numbers, decimals):
    """For example "5.12 ± 0.78"; the sample's deviation, left out for one number."""
    mean = f"{np.mean(numbers):.{decimals}f}"
    if len(numbers) < 2:
        return mean
    return f"{mean} ± {np.std(numbers, ddof=1):.{decimals}f}"


def cells(records, columns):
    """One method's text under each of `columns`: mean ± std over its records."""
    return [
        mean_and_std(factor * values(records, metric), decimals)
        for metric, _, factor, decimals in columns
    ]


def known_columns(records, columns):
    """Those of `columns` that the records have."""
    return [each for each in columns if each[0] in records[0]["metrics"]]


def paired(records, reference, metric="test_error"):
    """The values of a metric on the seeds that both have, ours and the reference's."""
    theirs = {r["seed"]: r["metrics"][metric] for r in reference}
    both = [record for record in records if record["seed"] in theirs]
    return values(both, metric), np.array([theirs[record["seed"]] for record in both])


def seeds_below(records, reference, metric="test_error"):
    """On how many of the seeds both have `records` are below: for example "3 of 3"."""
    ours, base = paired(records, reference, metric)
    return f"{int((ours < base).sum())} of {len(ours)}"


def p_value(records, reference, metric="test_error"):
    """Of a two-sided paired t-test, as text; none where there is nothing to test."""
    ours, base = paired(records, reference, metric)
    if len(ours) < 2 or np.ptp(ours - base) < 1e-9:
        return ""
    p = ttest_rel(ours, base).pvalue
    return "< .001" if p < 0.001 else f"{p:.3f}".removeprefix("0")


def results_table(records, title, columns=COLUMNS):
    """A `rich` table: one row a method, mean ± std over its seeds.

    The seconds are a median: the first run of a process pays for the start-up.
    """
    methods = by_method(records)
    table = Table(title=title)
    table.add_column("method", no_wrap=True)
    table.add_column("seeds", justify="right", no_wrap=True)
    for _, heading, _, _ in columns:
        table.add_column(heading, justify="right", no_wrap=True)
    if "erm" in methods:
        table.add_column("beats erm", justify="right")
    table.add_column("s/run", justify="right", no_wrap=True)
    for name, rows in methods.items():
        row = cells(rows, columns)
        if "erm" in methods:
            better = seeds_below(rows, methods["erm"], columns[0][0])
            row.append("" if name == "erm" else better)
        table.add_row(
            name, str(len(rows)), *row, f"{np.median(values(rows, 'seconds')):.1f}"
        )
    return table


def measures_table(records, title, columns):
    """A `rich` table of further measures: one row a method, mean ± std."""
    table = Table(title=title)
    table.add_column("method", no_wrap=True)
    table.add_column("seeds", justify="right", no_wrap=True)
    for _, heading, _, _ in columns:
        table.add_column(heading, justify="right")
    for name, rows in by_method(records).items():
        table.add_row(name, str(len(rows)), *cells(rows, columns))
    return table


def print_report(
    records,
    title,
    folder,
    *,
    columns=COLUMNS,
    more_columns=(),
    reference=None,
    by_rank=False,
    figures=(),
):
    """Prints the tables, a remark on confidence and where the files are.

    Args:
        records: the list in results.json.
        title: of the tables; the name of the data set stands before it.
        folder: where figures are drawn.
        columns: of the table, as `COLUMNS`.
        more_columns: of a second table.
        reference: name of a method to test the others against, paired by seed.
        by_rank: the lowest test error first, not the order of the runs.
        figures: paths of what the recipe has drawn itself.
    """
    from recipes.shared import drawing

    out = console()
    datasets = list(dict.fromkeys(record["dataset"] for record in records))
    files = [folder / "results.json", folder / "results.csv", *figures]
    for dataset in datasets:
        own = [record for record in records if record["dataset"] == dataset]
        if by_rank:
            own = ranked(own, columns[0][0])
        out.print(results_table(own, f"{dataset}: {title}", columns))
        if more_columns:
            out.print(measures_table(own, dataset, more_columns))
        if reference:
            print_paired_tests(own, reference, columns[0][0])
        out.print(confidence_remark(own), "\n")
        target = folder / dataset if len(datasets) > 1 else folder
        target.mkdir(exist_ok=True)
        files += drawing.save_all(own, target)
    if len({record["seed"] for record in records}) > 1:
        out.print("beats erm: on how many seeds the test error is below erm's.")
    out.print("Files:", ", ".join(str(path) for path in files), soft_wrap=True)


def console():
    """Where tables are printed."""
    console = Console()
    # Where nobody watches, rich would fold the table to 80 columns.
    return console if console.is_terminal else Console(width=110)


def print_paired_tests(records, reference, metric="test_error"):
    """Prints how a metric of each method differs from a reference, paired by seed.

    Args:
        records: the list in results.json.
        reference: name of the method to compare with.
        metric: a share, printed in points.
    """
    methods = by_method(records)
    if reference not in methods or len(methods[reference]) < 2:
        return
    table = Table(title=f"{metric} minus that of {reference}, paired by seed")
    for heading in ("method", "points", "lower on", "t-test p"):
        table.add_column(heading, justify="left" if heading == "method" else "right")
    for name, rows in methods.items():
        if name == reference:
            continue
        ours, base = paired(rows, methods[reference], metric)
        if not len(ours):
            continue
        table.add_row(
            name,
            mean_and_std(100 * (ours - base), 2),
            seeds_below(rows, methods[reference], metric),
            p_value(rows, methods[reference], metric),
        )
    out = console()
    out.print(table)
    out.print("p: of a two-sided paired t-test, not corrected for the many tests.")


def confidence_remark(records):
    """One sentence on over- and under-confidence, from the records alone."""
    gaps = {
        name: 100 * values(rows, "confidence_gap").mean()
        for name, rows in by_method(records).items()
    }
    listed = ", ".join(f"{name} {gap:+.1f}" for name, gap in gaps.items())
    # One point is about what chance makes of 1 500 test images.
    timid = [name for name, gap in gaps.items() if gap < -1]
    bold = [name for name, gap in gaps.items() if gap > 1]
    remark = f"Mean confidence minus accuracy, in points: {listed}."
    if timid:
        remark += f" Under-confident: {', '.join(timid)}."
    if bold:
        remark += f" Over-confident: {', '.join(bold)}."
    return remark

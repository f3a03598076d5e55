"""What a recipe prints and draws at its end, computed from the records."""

from recipes.shared import drawing
from recipes.shared.columns import COLUMNS, SCALED_COLUMNS, known_columns
from recipes.shared.result_tables import (
    console,
    measures_table,
    paired_tests_table,
    results_table,
)
from recipes.shared.statistics import by_dataset, by_method, ranked, values

_MOST_COLUMNS = 5  # of a table: more numbers would not fit in 100 characters


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
        more_columns: of further tables, a few in each.
        reference: name of a method to test the others against, paired by seed.
        by_rank: the lowest test error first, not the order of the runs.
        figures: paths of what the recipe has drawn itself.
    """
    out = console()
    datasets = by_dataset(records)
    files = [folder / "results.json", folder / "results.csv", *figures]
    for dataset, own in datasets.items():
        if by_rank:
            own = ranked(own, columns[0].metric)
        print_tables(own, f"{dataset}: {title}", columns, more_columns)
        scaled = known_columns(own, SCALED_COLUMNS)
        if scaled:
            title_of_scaled = f"{dataset}: logits over T, found on validation rows"
            out.print(measures_table(own, title_of_scaled, scaled))
        if reference:
            print_paired_tests(own, reference, columns[0].metric)
        out.print(confidence_remark(own), "\n")
        target = folder / dataset if len(datasets) > 1 else folder
        target.mkdir(exist_ok=True)
        files += drawing.save_all(own, target)
    if len({record["seed"] for record in records}) > 1:
        out.print("beats erm: on how many seeds the test error is below erm's.")
    out.print("Files:", ", ".join(str(path) for path in files), soft_wrap=True)


def print_tables(records, title, columns, more_columns):
    """Prints the table of results and those of further measures, a few in each.

    Args:
        records: of one data set, from results.json.
        title: of the first table.
        columns: of the first table.
        more_columns: of the others.
    """
    out = console()
    out.print(results_table(records, title, columns))
    for start in range(0, len(more_columns), _MOST_COLUMNS):
        part = more_columns[start : start + _MOST_COLUMNS]
        out.print(measures_table(records, records[0]["dataset"], part))


def print_paired_tests(records, reference, metric="test_error"):
    """Prints how a metric of each method differs from a reference, paired by seed.

    Nothing is printed where the reference has fewer than two runs.

    Args:
        records: the list in results.json.
        reference: name of the method to compare with.
        metric: a share, printed in points.
    """
    if len(by_method(records).get(reference, ())) < 2:
        return
    out = console()
    out.print(paired_tests_table(records, reference, metric))
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

"""Tables of results for a README.

    python -m recipes.markdown runs/cifar/results.json --columns last_error nll ece

Prints a Markdown table for each data set: mean ± standard deviation over the seeds, on
how many seeds the first column is below plain training's, and the p of a paired t-test.

    python -m recipes.markdown runs/gan/results.json --reference gan
    python -m recipes.markdown recipes/measured/cifar10_gpu.csv
"""

import argparse
from pathlib import Path

from recipes.shared import commands
from recipes.shared.columns import (
    ALL_COLUMNS,
    COLUMNS,
    GAN_COLUMNS,
    REGRESSION_COLUMNS,
    SCALED_COLUMNS,
    known_columns,
    with_parts,
)
from recipes.shared.results import read_measured
from recipes.shared.statistics import (
    by_dataset,
    by_method,
    p_value,
    ranked,
    seeds_below,
)

_USUAL = (*COLUMNS, *SCALED_COLUMNS, *REGRESSION_COLUMNS, *GAN_COLUMNS)


def table(records, columns, reference="erm"):
    """The lines of a Markdown table of the records of one data set.

    Args:
        records: as in results.json.
        columns: names of metrics; the first one is compared.
        reference: method to compare with; None compares nothing.
    """
    methods = by_method(records)
    known = methods.get(reference, [])
    shown = {column.metric: column for column in with_parts(records, ALL_COLUMNS)}
    shown = [shown[name] for name in columns]
    heads = ["method", "seeds", *(column.heading for column in shown)]
    if known:
        heads += [f"below {reference}", "p"]
    lines = [heads]
    for method, rows in methods.items():
        cells = [
            f"`{method}`",
            str(len(rows)),
            *(column.text(rows) for column in shown),
        ]
        if known and method != reference:
            cells.append(seeds_below(rows, known, columns[0]))
            cells.append(p_value(rows, known, columns[0]))
        elif known:
            cells += ["", ""]
        lines.append(cells)
    return markdown_lines(lines)


def markdown_lines(rows):
    """Rows of cells, the heads first, as the lines of a Markdown table."""
    rows = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return ["| " + " | ".join(cells) + " |" for cells in rows]


def main(arguments=None):
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="a results.json or results.csv")
    add = parser.add_argument
    add("--columns", nargs="+", metavar="METRIC")
    add("--reference", metavar="METHOD", help="to compare with, or none; erm, if there")
    add("--ranked", action="store_true", help="the lowest first column first")
    options = parser.parse_args(arguments)
    for dataset, own in by_dataset(read_measured(options.results)).items():
        known = [column.metric for column in with_parts(own, ALL_COLUMNS)]
        usual = known_columns(own, _USUAL)
        columns = options.columns or [column.metric for column in usual]
        missing = set(columns) - set(known)
        if missing:
            measured = ", ".join(known)
            parser.error(
                f"Expected --columns from {measured}, which these runs measured. "
                f"Received: {', '.join(sorted(missing))}. Leave --columns out, or "
                "choose from these."
            )
        methods = by_method(own)
        if options.reference not in (None, "none", *methods):
            parser.error(
                f"Expected --reference from {', '.join(methods)}, the methods of "
                f"{dataset}, or none. Received: {options.reference}. Choose from these."
            )
        if options.ranked:
            own = ranked(own, columns[0])
        print(f"\n{dataset}:\n")
        print("\n".join(table(own, columns, options.reference or "erm")))


if __name__ == "__main__":
    commands.run(main)

"""Tables of results for a README.

    python -m recipes.markdown runs/cifar/results.json --columns last_error nll ece

Prints a Markdown table for each data set: mean ± standard deviation over the seeds, on
how many seeds the first column is below plain training's, and the p of a paired t-test.

    python -m recipes.markdown runs/gan/results.json --reference gan
"""

import argparse
import json
from pathlib import Path

from recipes.shared import report
from recipes.shared.results import with_nan

_KNOWN = {
    each[0]: each
    for each in (
        *report.COLUMNS,
        *report.CORRUPT_COLUMNS,
        *report.MORE_COLUMNS,
        *report.GAN_COLUMNS,
        ("seconds", "s/run", 1, 1),
    )
}


def table(records, columns, reference="erm"):
    """The lines of a Markdown table of the records of one data set.

    Args:
        records: as in results.json.
        columns: names of metrics; the first one is compared.
        reference: method to compare with; None compares nothing.
    """
    methods = report.by_method(records)
    known = methods.get(reference, [])
    shown = [_KNOWN[name] for name in columns]
    heads = ["method", "seeds", *(heading for _, heading, _, _ in shown)]
    if known:
        heads += [f"below {reference}", "p"]
    lines = [heads, ["---"] * len(heads)]
    for method, rows in methods.items():
        cells = [f"`{method}`", str(len(rows)), *report.cells(rows, shown)]
        if known and method != reference:
            cells.append(report.seeds_below(rows, known, columns[0]))
            cells.append(report.p_value(rows, known, columns[0]))
        elif known:
            cells += ["", ""]
        lines.append(cells)
    return ["| " + " | ".join(cells) + " |" for cells in lines]


def main(arguments=None):
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="a results.json")
    add = parser.add_argument
    add("--columns", nargs="+", choices=_KNOWN, metavar="METRIC")
    add("--reference", default="erm", metavar="METHOD", help="to compare with")
    options = parser.parse_args(arguments)
    records = with_nan(json.loads(options.results.read_text(encoding="utf-8")))
    for dataset in dict.fromkeys(record["dataset"] for record in records):
        own = [record for record in records if record["dataset"] == dataset]
        known = report.known_columns(own, _KNOWN.values())
        usual = (*report.COLUMNS, *report.GAN_COLUMNS)
        usual = [each[0] for each in report.known_columns(own, usual)]
        columns = options.columns or usual
        missing = set(columns) - {name for name, *_ in known}
        if missing:
            measured = ", ".join(name for name, *_ in known)
            parser.error(
                f"expected --columns from {measured}, which these runs measured; "
                f"received {', '.join(sorted(missing))}"
            )
        print(f"\n{dataset}:\n")
        print("\n".join(table(own, columns, options.reference)))


if __name__ == "__main__":
    main()

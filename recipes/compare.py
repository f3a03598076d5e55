"""The tests of recipes/plan.md, each family with Holm's correction.

    python -m recipes.compare
    python -m recipes.compare --family corruptions --measured recipes/measured

Prints a Markdown table for each family whose records are there: how many seeds both
methods have, the mean of the paired differences with its 95 % confidence interval, the
p of a two-sided paired t-test, and that p corrected for the tests of the family.
"""

import argparse
from pathlib import Path

from recipes.parts.families import families
from recipes.shared import commands

_MEASURED = Path(__file__).parent / "measured"


def table(comparisons, folder):
    """The lines of a Markdown table of one family.

    Args:
        comparisons: a list of `recipes.parts.families.Comparison`.
        folder: with the records, FILE.csv each.

    Returns:
        A list of lines, and one of the files that are missing, in which case there are
        no lines: a correction for fewer tests would not be the planned one.
    """
    from recipes.shared.columns import ALL_COLUMNS, with_parts
    from recipes.shared.results import read_measured
    from recipes.shared.statistics import (
        by_method,
        holm,
        mean_difference,
        p_text,
        paired,
    )

    names = {name for c in comparisons for name in (c.file, c.reference_file or c.file)}
    paths = {name: folder / f"{name}.csv" for name in sorted(names)}
    missing = [path.name for path in paths.values() if not path.exists()]
    if missing:
        return [], missing
    records = {name: read_measured(path) for name, path in paths.items()}
    found = []
    for each in comparisons:
        rows = by_method(records[each.file]).get(each.method, [])
        others = by_method(records[each.reference_file or each.file])
        others = others.get(each.reference, [])
        ours, base = paired(rows, others, each.metric) if rows and others else ([], [])
        if not len(ours):
            return [], [f"{each.method} and {each.reference} in {each.file}"]
        columns = with_parts(rows, ALL_COLUMNS)
        column = next(c for c in columns if c.metric == each.metric)
        found.append((each, column, len(ours), *mean_difference(ours, base)))
    corrected = holm([row[-1] for row in found])
    heads = ["records", "method", "against", "measure", "seeds", "difference"]
    heads += ["95 % interval", "p", "p, Holm"]
    lines = [heads, ["---"] * len(heads)]
    for (each, column, count, mean, low, high, p), holms in zip(
        found, corrected, strict=True
    ):
        numbers = [
            f"{column.factor * n:+.{column.decimals}f}" for n in (mean, low, high)
        ]
        lines.append(
            [
                f"`{each.file}`",
                f"`{each.method}`",
                f"`{each.reference}`",
                column.heading,
                str(count),
                numbers[0],
                f"{numbers[1]} to {numbers[2]}" if count > 1 else "",
                p_text(p),
                p_text(holms),
            ]
        )
    return ["| " + " | ".join(cells) + " |" for cells in lines], []


def main(arguments=None):
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m recipes.compare", description=__doc__.splitlines()[0]
    )
    add = parser.add_argument
    add("--measured", type=Path, default=_MEASURED, help="folder with the records")
    add("--family", nargs="+", choices=tuple(families()), metavar="NAME")
    add("--alpha", choices=("0.2", "1"), default="1", help="multi-mix's, as chosen")
    options = parser.parse_args(arguments)
    every = families(options.alpha)
    for name in options.family or every:
        lines, missing = table(every[name], options.measured)
        print(f"\n{name}: {len(every[name])} tests\n")
        print("\n".join(lines or [f"not measured yet: {', '.join(missing)}"]))


if __name__ == "__main__":
    commands.run(main)

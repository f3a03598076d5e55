"""The tests of recipes/plan.md, each family with Holm's correction.

    python -m recipes.compare
    python -m recipes.compare --family corruptions --measured recipes/measured
    python -m recipes.compare --claims       # the table of recipes/findings.md

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
        A list of lines, and one of what is missing, in which case there are no lines.
    """
    from recipes.parts.comparisons import results
    from recipes.shared.statistics import p_text

    found, missing = results(comparisons, folder)
    if missing:
        return [], missing
    heads = ["records", "method", "against", "measure", "seeds", "difference"]
    lines = [[*heads, "95 % interval", "p", "p, Holm"]]
    for result in found:
        each = result.comparison
        names = [f"`{name}`" for name in (each.file, each.method, each.reference)]
        numbers = [result.column.heading, str(result.count), *result.texts()]
        lines.append([*names, *numbers, p_text(result.p), p_text(result.holm)])
    return markdown_lines(lines), []


def claims(folder, alpha):
    """The lines of a Markdown table: each claim of the papers and what was found.

    Args:
        folder: with the records.
        alpha: multi-mix's, as chosen.
    """
    from recipes.parts.claims import CLAIMS, verdict
    from recipes.parts.comparisons import results
    from recipes.shared.statistics import p_text

    every = families(alpha)
    found = {name: results(every[name], folder)[0] for name in every}
    lines = [["claim", "setting", "difference", "95 % interval", "p, Holm", "verdict"]]
    before = ""
    for claim in CLAIMS:
        text, before = "" if claim.text == before else claim.text, claim.text
        (place,) = [
            number
            for number, each in enumerate(every[claim.family])
            if claim.is_about(each)
        ]
        if not found[claim.family]:
            lines.append([text, claim.setting, "", "", "", "not measured yet"])
            continue
        result = found[claim.family][place]
        difference, interval = result.texts()
        difference = f"{difference} ({result.column.heading})"
        cells = [text, claim.setting, difference, interval, p_text(result.holm)]
        lines.append([*cells, verdict(claim, result)])
    return markdown_lines(lines)


def markdown_lines(rows):
    """Rows of cells, the heads first, as the lines of a Markdown table."""
    rows = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return ["| " + " | ".join(cells) + " |" for cells in rows]


def main(arguments=None):
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m recipes.compare", description=__doc__.splitlines()[0]
    )
    add = parser.add_argument
    add("--measured", type=Path, default=_MEASURED, help="folder with the records")
    add("--family", nargs="+", choices=tuple(families()), metavar="NAME")
    add("--alpha", choices=("0.2", "1"), default="1", help="multi-mix's, as chosen")
    add("--claims", action="store_true", help="the papers' claims instead, a line each")
    options = parser.parse_args(arguments)
    if options.claims:
        print("\n".join(claims(options.measured, options.alpha)))
        return
    every = families(options.alpha)
    for name in options.family or every:
        lines, missing = table(every[name], options.measured)
        print(f"\n{name}: {len(every[name])} tests\n")
        print("\n".join(lines or [f"not measured yet: {', '.join(missing)}"]))


if __name__ == "__main__":
    commands.run(main)

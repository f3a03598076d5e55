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
    from recipes.markdown import markdown_lines
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


def claims_table(folder, alpha):
    """The lines of a Markdown table: each claim of the papers and what was found.

    Args:
        folder: with the records.
        alpha: multi-mix's, as chosen.
    """
    from recipes.markdown import markdown_lines
    from recipes.parts.claims import claims, verdict
    from recipes.parts.comparisons import results
    from recipes.shared.statistics import p_text

    every, found = families(alpha), {}
    lines = [["claim", "setting", "difference", "95 % interval", "p, Holm", "verdict"]]
    before = ""
    for claim in claims(alpha):
        tests = every[claim.family]
        if claim.family not in found:
            found[claim.family], _ = results(tests, folder)
        cells = ["" if claim.text == before else claim.text, claim.setting]
        before = claim.text
        if found[claim.family]:
            result = found[claim.family][tests.index(claim.comparison)]
            difference, interval = result.texts()
            cells += [f"{difference} ({result.column.heading})", interval]
            cells += [p_text(result.holm), verdict(claim, result)]
        else:
            cells += ["", "", "", "not measured yet"]
        lines.append(cells)
    return markdown_lines(lines)


def main(arguments=None):
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m recipes.compare", description=__doc__.splitlines()[0]
    )
    add = parser.add_argument
    add("--measured", type=Path, default=_MEASURED, help="folder with the records")
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--family", nargs="+", choices=tuple(families()), metavar="NAME")
    shown.add_argument(
        "--claims", action="store_true", help="the papers' claims, a line each"
    )
    add("--alpha", choices=("0.2", "1"), default="1", help="multi-mix's, as chosen")
    options = parser.parse_args(arguments)
    if options.claims:
        print("\n".join(claims_table(options.measured, options.alpha)))
        return
    every = families(options.alpha)
    for name in options.family or every:
        lines, missing = table(every[name], options.measured)
        print(f"\n{name}: {len(every[name])} tests\n")
        print("\n".join(lines or [f"not measured yet: {', '.join(missing)}"]))


if __name__ == "__main__":
    commands.run(main)

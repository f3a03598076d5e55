"""The backends side by side, as a Markdown table.

    python -m benchmarks.compare

Reads what `python -m benchmarks` has written, by default for the README.
"""

import argparse
import json
from pathlib import Path

from benchmarks import report

MEASURED = Path(__file__).parent / "measured"


def parse_options(arguments=None):
    """Parses the command line; `None` takes the process's own."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.compare", description="Prints a Markdown table."
    )
    parser.add_argument(
        "files",
        nargs="*",
        type=Path,
        default=sorted(MEASURED.glob("speed_*.json")),
        help="speed_BACKEND.json of each backend",
    )
    return parser.parse_args(arguments)


def table(found):
    """Returns a Markdown table: a line for each thing measured, a column for each mode.

    Args:
        found: what `python -m benchmarks` wrote, a list of one dict a backend.
    """
    columns, lines = [], {}
    for each in found:
        for row in each["rows"]:
            # A training step is the same in each backend, whatever `fit` compiles.
            one_mode = row["mode"] in ("fit", "python")
            names = [
                name
                for name in _modes(each)
                if one_mode or name.endswith(" " + row["mode"])
            ]
            columns += [name for name in names if name not in columns]
            place = (row["section"], _what(row), row["goal"])
            for name in names[:1]:
                lines.setdefault(place, {})[name] = _ratio(row)
    heading = ["", "goal", *columns]
    text = [_line(heading), _line(["---"] * len(heading))]
    section = None
    for (of, what, goal), cells in lines.items():
        if of != section:
            section = of
            text.append(_line([f"**{report.TITLES[of]}**"] + [""] * (len(heading) - 1)))
        limit = "" if goal is None else f"≤ {goal:g}"
        text.append(_line([what, limit, *(cells.get(name, "") for name in columns)]))
    return "\n".join(text)


def _modes(each):
    modes = dict.fromkeys(row["mode"] for row in each["rows"])
    named = [mode for mode in modes if mode not in ("fit", "python")]
    return [f"{each['backend']} {mode}" for mode in named] or [each["backend"]]


def _what(row):
    if row["section"] in ("mixing", "interpolations"):
        return f"{row['what']}, {row['case']}"
    return row["what"]


def _ratio(row):
    text = f"{row['median']:.2f}"
    if row["rounds"] > 1:
        text += f" ({row['low']:.2f} to {row['high']:.2f})"
    return text


def _line(cells):
    return "| " + " | ".join(cells) + " |"


def main(arguments=None):
    """The command."""
    options = parse_options(arguments)
    print(table([json.loads(path.read_text("utf-8")) for path in options.files]))


if __name__ == "__main__":
    main()

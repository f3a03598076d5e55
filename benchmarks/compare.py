"""The backends side by side, as a Markdown table.

    python -m benchmarks.compare

Reads what `python -m benchmarks` has written, by default for `docs/benchmarks.md`.
"""

import argparse
import json
from pathlib import Path

from benchmarks import SECTIONS, report

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
    parser.add_argument(
        "--figures", action="store_true", help="draw a PNG beside each file"
    )
    options = parser.parse_args(arguments)
    if not options.files:
        parser.error(
            "Expected files that `python -m benchmarks` wrote. Received: none. Run it "
            "first, or name the files."
        )
    return options


def table(found):
    """Returns a Markdown table: a line for each thing measured, a column for each mode.

    Args:
        found: what `python -m benchmarks` wrote, a list of one dict a backend.
    """
    lines = {}  # (section, what) -> {column: row}
    for each in found:
        for row in each["rows"]:
            cells = lines.setdefault((row["section"], _what(row)), {})
            cells[_column(each["backend"], row)] = row
    columns = list(dict.fromkeys(name for cells in lines.values() for name in cells))
    parts = []
    for section in SECTIONS:
        chosen = {what: cells for (of, what), cells in lines.items() if of == section}
        # Training is the same whatever `fit` compiles: those tables have fewer columns.
        used = [name for name in columns if any(name in c for c in chosen.values())]
        if chosen:
            parts.append(_part(section, chosen, used))
    return "\n\n".join(parts)


def _part(section, chosen, columns):
    heading = [report.TITLES[section], *columns]
    text = [_line(heading), _line(["---"] * len(heading))]
    for what, cells in chosen.items():
        rows = [cells.get(name) for name in columns]
        text.append(_line([what, *(_cell(row) if row else "" for row in rows)]))
    return "\n".join(text)


def _column(backend, row):
    one_mode = row["mode"] in ("fit", "python")
    return backend if one_mode else f"{backend} {row['mode']}"


def _what(row):
    if row["section"] in ("mixing", "interpolations"):
        return f"{row['what']}, {row['case']}"
    return row["what"]


def _cell(row):
    text = f"{row['median']:.2f}"
    if row["rounds"] > 1:
        text += f" ({row['low']:.2f} to {row['high']:.2f})"
    if row["goal"] is None:
        return text
    sign = "≤" if report.meets_goal(row) else ">"
    return f"{text} {sign} {row['goal']:g}"


def _line(cells):
    return "| " + " | ".join(cells) + " |"


def main(arguments=None):
    """The command."""
    options = parse_options(arguments)
    found = [json.loads(path.read_text("utf-8")) for path in options.files]
    print(table(found))
    for path, each in zip(options.files, found, strict=True):
        figure = report.draw(each["rows"], each["backend"]) if options.figures else None
        if figure is not None:
            figure.savefig(path.with_suffix(".png"), dpi=100)


if __name__ == "__main__":
    main()

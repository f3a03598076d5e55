"""All benchmarks of a backend.

    python -m benchmarks --backend jax

Everything is a ratio within one run: what is compared takes turns. Prints tables,
writes speed_BACKEND.json and .png. With `--only` the sections that the file has from
before stay. `python -m benchmarks.compare` puts the backends side by side.
"""

import argparse
import json
import os
from pathlib import Path

from benchmarks import SECTIONS
from recipes.shared.options import BACKENDS, integer_from, one_of
from recipes.shared.results import write_whole
from recipes.shared.runner import select_backend


def parse_options(arguments=None):
    """Parses the command line; `None` takes the process's own."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measures what mixing costs."
    )
    add, integer = parser.add_argument, integer_from
    add("--backend", type=one_of(BACKENDS), default="jax", metavar="BACKEND")
    add(
        "--only",
        nargs="+",
        type=one_of(SECTIONS),
        default=list(SECTIONS),
        metavar="SECTION",
        help=f"which of {', '.join(SECTIONS)}",
    )
    add("--rounds", type=integer(2), default=11, help="turns of each")
    add("--output", type=Path, default=Path("runs", "benchmarks"), help="folder")
    return parser.parse_args(arguments)


def main(arguments=None):
    """The command; returns what it writes as JSON."""
    options = parse_options(arguments)
    select_backend(options.backend)
    from benchmarks import report

    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / f"speed_{options.backend}.json"
    found = {"rows": [], "notes": {}}
    if path.exists():
        found |= json.loads(path.read_text(encoding="utf-8"))
    found |= {"backend": options.backend, "cores": os.cpu_count()}
    for section in options.only:
        rows, notes = SECTIONS[section]()(options.rounds)
        others = [row for row in found["rows"] if row["section"] != section]
        found["rows"] = sorted(others + rows, key=_place)
        found["notes"][section] = sorted(set(notes))
        report.print_rows(rows, notes, options.backend)
        write_whole(path, json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    figure = report.draw(found["rows"], options.backend)
    files = [path]
    if figure is not None:
        files.append(path.with_suffix(".png"))
        figure.savefig(files[-1], dpi=100)
    print("Files:", ", ".join(map(str, files)))
    return found


def _place(row):
    return list(SECTIONS).index(row["section"])


if __name__ == "__main__":
    main()

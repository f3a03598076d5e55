"""The figures of the findings, drawn from the committed records.

    python -m recipes.figures
    python -m recipes.figures --output recipes/figures --measured recipes/measured

If the records of a figure are missing, a line says so and it is left out.
"""

import argparse
from pathlib import Path

from recipes.shared import commands

_HERE = Path(__file__).parent


def main(arguments=None):
    """The command; returns the paths of the figures that it drew."""
    parser = argparse.ArgumentParser(
        prog="python -m recipes.figures", description=__doc__.splitlines()[0]
    )
    add = parser.add_argument
    add("--measured", type=Path, default=_HERE / "measured", help="folder of records")
    add("--output", type=Path, default=_HERE / "figures", help="folder for the PNGs")
    options = parser.parse_args(arguments)
    from recipes.parts.evidence_figures import FIGURES

    options.output.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, draw in FIGURES.items():
        figure = draw(options.measured)
        path = options.output / f"{name}.png"
        if figure is None:
            print(f"{path}: not drawn, records are missing in {options.measured}")
            continue
        figure.savefig(path, dpi=120)
        paths.append(path)
        print(path)
    return paths


if __name__ == "__main__":
    commands.run(main)

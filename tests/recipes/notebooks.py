"""Reads the notebooks, for their tests."""

import json
import pathlib
import re

FOLDER = pathlib.Path(__file__).parents[2] / "recipes" / "notebooks"
NAMES = ("cifar", "gan", "quickstart", "speech", "tabular")
# Lines for IPython: `%cd …`, `!git …`.
MAGIC = re.compile(r"^(\s*)[%!].*$", re.MULTILINE)


def path_of(name):
    return FOLDER / f"{name}.ipynb"


def read(name):
    return json.loads(path_of(name).read_text(encoding="utf-8"))


def code_cells(name):
    return [cell for cell in read(name)["cells"] if cell["cell_type"] == "code"]


def source(cell):
    return "".join(cell["source"])


def without_magic(cell):
    """The Python of a cell."""
    return MAGIC.sub(r"\1pass", source(cell))


def is_parameters(cell):
    return cell["metadata"].get("tags") == ["parameters"]

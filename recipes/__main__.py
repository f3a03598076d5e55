"""Lists the recipes, a line each.

    python -m recipes

Reads their docstrings and imports none of them: neither Keras nor a backend is loaded.
"""

import argparse
import ast
from pathlib import Path

_FOLDER = Path(__file__).parent


def summaries(folder):
    """The first line of the docstring of every command in a folder.

    Args:
        folder: with the modules; those whose names begin with an underscore are none.

    Returns:
        A dict of module name -> line, by the names.
    """
    found = {}
    for path in sorted(folder.glob("[a-z]*.py")):
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        found[path.stem] = docstring.splitlines()[0]
    return found


def main(arguments=None):
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m recipes", description=__doc__.splitlines()[0]
    )
    parser.parse_args(arguments)
    lines = summaries(_FOLDER)
    width = max(map(len, lines))
    print("Run one like `python -m recipes.digits`; --help says what it takes.\n")
    print("\n".join(f"  {name:<{width}}  {line}" for name, line in lines.items()))


if __name__ == "__main__":
    main()

"""The modules of `recipes` itself are commands, and load nothing heavy for `--help`."""

import importlib
import pathlib
import subprocess
import sys

import pytest

FOLDER = pathlib.Path(__file__).parents[2] / "recipes"
COMMANDS = sorted(path.stem for path in FOLDER.glob("[a-z]*.py"))
HEAVY = ("keras", "tensorflow", "jax", "torch", "matplotlib", "sklearn")
PROGRAM = f"""
import importlib, sys
for name in sys.argv[1:]:
    assert callable(importlib.import_module("recipes." + name).main), name
    loaded = [heavy for heavy in {HEAVY} if heavy in sys.modules]
    assert not loaded, (name, loaded)
"""


def test_every_module_is_a_command_that_loads_no_backend():
    assert "digits" in COMMANDS
    program = [sys.executable, "-c", PROGRAM, *COMMANDS]
    ended = subprocess.run(program, cwd=FOLDER.parent, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_help(name, capsys):
    with pytest.raises(SystemExit) as stop:
        importlib.import_module(f"recipes.{name}").main(["--help"])
    assert stop.value.code == 0
    assert "usage:" in capsys.readouterr().out

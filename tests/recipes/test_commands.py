"""The modules of `recipes` itself are commands, and load nothing heavy for `--help`.

They are listed by `python -m recipes`, and say in one line what went wrong.
"""

import ast
import importlib
import pathlib
import subprocess
import sys

import pytest

from keras_multimix import MixUp
from recipes.shared import commands

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


def run(*arguments):
    """A process that runs a module, and what it has printed."""
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=FOLDER.parent,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


def test_they_are_listed_with_a_line_each():
    command = importlib.import_module("recipes.__main__")
    lines = command.summaries(FOLDER)
    assert list(lines) == COMMANDS
    assert all(line.endswith(".") for line in lines.values())
    ended = run("recipes")
    assert (ended.returncode, ended.stderr) == (0, "")
    listed = ended.stdout.splitlines()
    assert all(len(line) <= 100 for line in listed)
    rows = [line.split() for line in listed]
    assert all([name, *line.split()] in rows for name, line in lines.items())


@pytest.mark.parametrize("name", COMMANDS)
def test_each_runs_through_the_one_place_that_handles_errors(name):
    module = ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))
    assert ast.unparse(module.body[-1]) == (
        "if __name__ == '__main__':\n    commands.run(main)"
    )


def test_an_expected_error_is_one_line_and_status_2(tmp_path):
    ended = run("recipes.markdown", str(tmp_path / "no.json"))
    assert ended.returncode == 2 and ended.stdout == ""
    assert ended.stderr == (
        "python -m recipes.markdown: error: Expected a path that can be read or "
        f"written. Received: {tmp_path / 'no.json'}: No such file or directory. "
        "Name another one, see --help.\n"
    )


def test_from_python_the_exception_comes(tmp_path):
    with pytest.raises(FileNotFoundError):
        importlib.import_module("recipes.markdown").main([str(tmp_path / "no.json")])


def of_the_package():
    MixUp(alpha=-1)


def of_a_recipe():
    importlib.import_module("recipes.datasets.digits").load_split(5, 0)


def of_a_missing_package():
    importlib.import_module("no_such_package.part")


@pytest.mark.parametrize("main", [of_the_package, of_a_recipe, of_a_missing_package])
def test_what_is_refused_ends_with_its_own_words(main, capsys):
    with pytest.raises(SystemExit) as stop:
        commands.run(main)
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "Expected " in line and "Received: " in line


def of_python():
    int("many")


def of_another_library():
    scope = {"__name__": "keras.layers"}
    text = "Expected a float. Received: rate=-1"
    exec(f"def build(): raise ValueError({text!r})", scope)
    scope["build"]()


def of_our_own_modules():
    importlib.import_module("recipes.no_such_module")


def without_a_file():
    raise OSError("no space left")


def of_another_kind():
    raise TypeError("Expected a float. Received: None.")


@pytest.mark.parametrize(
    "main",
    [
        of_python,
        of_another_library,
        of_our_own_modules,
        without_a_file,
        of_another_kind,
    ],
)
def test_a_bug_keeps_its_traceback(main):
    with pytest.raises((ValueError, OSError, ImportError, TypeError)):
        commands.run(main)


def test_ctrl_c_leaves_the_status_that_a_shell_expects(capsys):
    def main():
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as stop:
        commands.run(main)
    assert stop.value.code == 130
    assert capsys.readouterr().err == "\nInterrupted.\n"


def test_whoever_watches_errors_gets_them_without_a_traceback(monkeypatch, capsys):
    told = []
    monkeypatch.setattr(sys, "excepthook", lambda *error: told.append(error))
    with pytest.raises(SystemExit) as stop:
        commands.run(of_the_package)
    assert stop.value.code == 2 and capsys.readouterr().err == ""
    ((kind, error, trace),) = told
    assert kind is ValueError and "alpha=-1" in str(error) and trace is None

"""Every example in the README, the site and the docstrings runs, none is left out."""

import ast
import doctest
import importlib
import inspect
import itertools
import pathlib
import pkgutil
import re

import keras
import pytest

import keras_multimix
from keras_multimix import evaluation, losses, metrics, pairing

ROOT = pathlib.Path(__file__).parent.parent
README = ROOT / "README.md"


def modules():
    found = pkgutil.walk_packages(keras_multimix.__path__, "keras_multimix.")
    return ["keras_multimix", *sorted(module.name for module in found)]


@pytest.mark.parametrize("name", modules())
def test_docstring_examples_run(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


@pytest.mark.parametrize("name", keras_multimix.__all__)
def test_public_classes_show_an_example_and_their_errors(name):
    docstring = inspect.getdoc(getattr(keras_multimix, name))
    parts = [">>>", "Args:", "Raises:", "References:"]
    if not issubclass(getattr(keras_multimix, name), keras.callbacks.Callback):
        parts.append("Returns:")
    for part in parts:
        assert part in docstring


def test_readme_examples_run_one_after_another(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(blocks) >= 3
    scope = {}
    for block in blocks:
        exec(compile(block, str(README), "exec"), scope)
    assert (tmp_path / "plain.keras").exists()
    mixed_x, mixed_y = next(iter(scope["dataset"]))
    assert mixed_x.shape == (16, 8) and mixed_y.shape == (16, 3)


def test_links_of_the_readme_lead_to_files_and_headings():
    links = re.findall(r"\]\(([^):]+)\)", README.read_text())
    assert len(links) >= 10
    for link in links:
        path, _, heading = link.partition("#")
        assert (ROOT / path).exists(), link
        if heading:
            titles = re.findall(r"^#+ (.*)$", (ROOT / path).read_text(), re.MULTILINE)
            anchors = [re.sub(r"[^\w -]", "", t).lower() for t in titles]
            assert heading in [anchor.replace(" ", "-") for anchor in anchors], link


PAGES = sorted((ROOT / "docs").rglob("*.md"))
PAGES_WITH_CODE = [page for page in PAGES if "```python" in page.read_text()]


@pytest.mark.spread
@pytest.mark.parametrize(
    "page", PAGES_WITH_CODE, ids=lambda page: page.relative_to(ROOT).as_posix()
)
def test_examples_of_the_site_run_page_by_page(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scope = {}
    for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL):
        exec(compile(block, str(page), "exec"), scope)


def test_every_public_name_has_its_reference_on_the_site():
    pages = (ROOT / "docs/api").glob("*.md")
    text = "".join(page.read_text() for page in pages)
    shown = set(re.findall(r"auto(?:class|function):: ([\w.]+)", text))
    public = {f"keras_multimix.{name}" for name in keras_multimix.__all__}
    for module in (evaluation, losses, metrics, pairing):
        names = getattr(module, "__all__", None) or [
            name
            for name, value in vars(module).items()
            if getattr(value, "__module__", "") == module.__name__ and name[0].isupper()
        ]
        public |= {f"{module.__name__}.{name}" for name in names}
    assert shown == public


def test_commands_of_make_are_targets_of_the_makefile():
    text = "".join(page.read_text() for page in [README, *PAGES])
    commands = re.findall(r"^make ([\w-]+)", text, re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text()
    assert commands
    for command in commands:
        assert re.search(rf"^{command}:", makefile, re.MULTILINE)


def recipe_commands():
    """(package, module, rest of the line) of every command that is written down."""
    paths = [README, ROOT / "recipes/README.md", *(ROOT / "recipes").glob("*.py")]
    paths += PAGES
    text = "".join(path.read_text() for path in sorted(paths)).replace("\\\n", " ")
    # A parser's name for its module is no command.
    found = re.findall(
        r'(?<!prog=")python -m (recipes|benchmarks)(?:\.(\w+)| )([^`#)\n]*)', text
    )
    return sorted(
        {
            (package, name or "__main__", rest.strip(" .,;:\"'"))
            for package, name, rest in found
        }
    )


@pytest.mark.parametrize(("package", "name", "rest"), recipe_commands())
def test_commands_that_are_written_down_are_understood(package, name, rest):
    module = importlib.import_module(f"{package}.{name}")
    if hasattr(module, "parse_options"):
        module.parse_options(rest.split())


SOURCES = sorted((ROOT / "keras_multimix").rglob("*.py"))
TREES = {path: ast.parse(path.read_text()) for path in SOURCES}


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def own_names():
    """The names that the package defines itself."""
    names = {"_replace"}  # a documented method of named tuples
    for node in itertools.chain.from_iterable(map(ast.walk, TREES.values())):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            names.add(node.attr)
    return names


def private_names(tree):
    """The attributes of others' objects whose names begin with one underscore."""
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return {name for name in names - own_names() if re.match("_[^_]", name)}


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_package_has_no_assert_and_no_private_keras(path):
    for node in ast.walk(TREES[path]):
        assert not isinstance(node, ast.Assert)
        names = []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        assert not any(name.startswith("keras.src") for name in names)
    # Keras has no public way to what these files need; each says why.
    if path.parent.name != "keras_fixes":
        assert private_names(TREES[path]) == set()


def test_private_names_of_keras_are_those_that_are_known():
    trees = [tree for path, tree in TREES.items() if path.parent.name == "keras_fixes"]
    assert set().union(*map(private_names, trees)) == {
        "_compile_loss",
        "_compile_metrics",
        "_fn_kwargs",
        "_get_call_context",
        "_inbound_nodes",
        "_keras_history",
        "_keras_logits",
        "_maybe_reset_call_context",
        "_user_metrics",
        "_user_weighted_metrics",
    }


def test_fixes_of_keras_import_nothing_that_needs_them():
    for path, tree in TREES.items():
        if path.parent.name == "keras_fixes":
            modules = {
                node.module
                for node in ast.walk(tree)
                if isinstance(node, ast.ImportFrom)
            }
            own = {name for name in modules if name.startswith("keras_multimix")}
            assert own <= {"keras_multimix.arguments"}

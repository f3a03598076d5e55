"""No module imports itself by way of others, not even by an import in a function."""

import ast
import pathlib
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

ROOT = pathlib.Path(__file__).parent.parent
PACKAGES = ("keras_multimix", "recipes", "benchmarks")


def imports(root, packages):
    """A dict module -> the modules of `packages` that it imports, wherever it does."""
    paths = {}
    for package in packages:
        for path in (root / package).rglob("*.py"):
            parts = path.relative_to(root).with_suffix("").parts
            paths[".".join(parts).removesuffix(".__init__")] = path
    graph = {}
    for module, path in paths.items():
        package = module if path.stem == "__init__" else module.rpartition(".")[0]
        named = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                named |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                source = absolute(node, package)
                # `from a import b` imports the module a.b, or a name of the module a.
                for alias in node.names:
                    inner = f"{source}.{alias.name}"
                    named.add(inner if inner in paths else source)
        graph[module] = named & paths.keys()
    return graph


def absolute(node, package):
    """The module that `from ... import` reads, its leading dots resolved."""
    if not node.level:
        return node.module
    above = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*above, *filter(None, [node.module])])


def circle(graph):
    """One circle as "a -> b -> a", or None."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        # The sorter names each module before the one that imports it.
        return " -> ".join(reversed(error.args[1]))
    return None


def test_no_import_goes_in_a_circle():
    graph = imports(ROOT, PACKAGES)
    assert set(PACKAGES) <= graph.keys()
    assert "keras_multimix.layers" in graph["keras_multimix"]
    found = circle(graph)
    assert found is None, f"imports go in a circle: {found}"


def test_a_hidden_circle_is_found(tmp_path):
    folder = tmp_path / "house"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "door.py").write_text("from house import key\n")
    (folder / "key.py").write_text("def turn():\n    from .lock import bolt\n")
    (folder / "lock.py").write_text("bolt = 1\n")
    graph = imports(tmp_path, ["house"])
    assert graph["house.key"] == {"house.lock"}
    assert circle(graph) is None
    (folder / "lock.py").write_text("def bolt():\n    import house.door\n")
    graph = imports(tmp_path, ["house"])
    steps = circle(graph).split(" -> ")
    assert set(steps) == {"house.door", "house.key", "house.lock"}
    assert steps[0] == steps[-1]
    assert all(after in graph[before] for before, after in pairwise(steps))

"""The notebooks run from top to bottom on small data, and are as Colab wants them."""

import ast
import re
import sys

import keras
import numpy as np
import pytest
import scipy.io.wavfile

from recipes.datasets import speech
from tests import releasable
from tests.recipes.notebooks import (
    FOLDER,
    NAMES,
    code_cells,
    is_parameters,
    read,
    source,
    without_magic,
)

COLAB = "https://colab.research.google.com"
REPOSITORY = releasable.urls()["Homepage"].removeprefix("https://github.com/")
# Where the package is, and what one line of pip can install.
ADDRESS = f"https://github.com/{REPOSITORY}"
# What the quick start may import beside the standard library.
QUICK = {"keras", "keras_multimix", "matplotlib", "numpy", "sklearn"}

SMALL = {
    "quickstart": {"TRAIN_SIZE": 50, "EPOCHS": 1, "NUM_PAIRS": 10},
    "cifar": {
        "TRAIN_SIZE": 40,
        "TEST_SIZE": 20,
        "IMAGE_SIZE": 8,
        "EPOCHS": 1,
        "METHODS": ["erm"],
        "EPSILONS": [4],
    },
    "gan": {"EPOCHS": 1, "WIDTH": 8, "SEEDS": 1},
    "speech": {
        "TRAIN_SIZE": 20,
        "TEST_SIZE": 20,
        "EPOCHS": 2,
        "WARM_UP": 1,
        "METHODS": ["erm", "mixup"],
    },
    "tabular": {
        "DATASETS": ["iris"],
        "EPOCHS": 1,
        "SEEDS": 2,
        "METHODS": ["erm", "multimix"],
    },
}


def assigned(code):
    """The names that a cell of nothing but plain assignments gives values."""
    names = []
    for node in ast.parse(code).body:
        assert isinstance(node, ast.Assign) and len(node.targets) == 1
        ast.literal_eval(node.value)
        names.append(node.targets[0].id)
    return names


def run(name, values, monkeypatch):
    """Runs a notebook with other parameters; returns its variables."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    # The first cell sets it; this puts back what it was.
    monkeypatch.setenv("KERAS_BACKEND", keras.config.backend())
    scope = {"__name__": "__main__"}
    try:
        for cell in code_cells(name):
            code = without_magic(cell)
            if cell["id"] == "backend":
                code = code.replace('"jax"', f'"{keras.config.backend()}"', 1)
            exec(compile(code, f"{name}.ipynb, cell {cell['id']}", "exec"), scope)
            if is_parameters(cell):
                assert set(values) <= set(assigned(code))
                scope |= values
    finally:
        plt.close("all")
    return scope


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_all_are_tested():
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == list(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_a_clean_notebook(name):
    notebook = read(name)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-zA-Z0-9-_]{1,64}", each) for each in ids)


@pytest.mark.parametrize("name", NAMES)
def test_a_badge_on_top_opens_it_in_colab(name):
    first = read(name)["cells"][0]
    assert first["cell_type"] == "markdown"
    badge = source(first).splitlines()[0]
    assert f"({COLAB}/assets/colab-badge.svg)" in badge
    assert (
        f"]({COLAB}/github/{REPOSITORY}/blob/main/recipes/notebooks/{name}.ipynb)"
        in badge
    )


@pytest.mark.parametrize("name", NAMES)
def test_it_begins_with_the_backend_the_package_and_the_parameters(name):
    backend, install, parameters = code_cells(name)[:3]
    assert 'os.environ["KERAS_BACKEND"] = "jax"' in source(backend)
    assert "keras_multimix" not in source(backend)
    assert "keras_multimix" in source(install)
    # Where all of it is there, nothing is installed.
    assert source(install).index("find_spec") < min(
        source(install).index(mark)
        for mark in ("!git", "%pip")
        if mark in source(install)
    )
    assert is_parameters(parameters)
    assert len(assigned(source(parameters))) >= 3


def test_the_quick_start_installs_with_one_line():
    install = source(code_cells("quickstart")[1])
    assert len(re.findall(r"^\s*[%!]", install, re.MULTILINE)) == 1
    assert f'address = "git+{ADDRESS}"' in install
    assert re.search(r'%pip install -q "keras-multimix\[.+\] @ \{address\}"', install)


def test_the_quick_start_needs_nothing_but_the_package():
    imported = set()
    for cell in code_cells("quickstart"):
        for node in ast.walk(ast.parse(without_magic(cell))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            if isinstance(node, ast.ImportFrom):
                imported.add(node.module.split(".")[0])
    assert imported - set(sys.stdlib_module_names) <= QUICK


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"quickstart"}))
def test_the_others_clone_and_say_why(name):
    install = source(code_cells(name)[1])
    assert re.search(rf"!git clone --depth 1 {re.escape(ADDRESS)}$", install, re.M)
    assert "# The recipes are not part of the package" in install


@pytest.mark.parametrize("name", NAMES)
def test_it_opens_with_what_one_will_see_and_how_long_it_takes(name):
    opening = " ".join(source(read(name)["cells"][0]).split())
    assert "You will see" in opening
    assert re.search(r"takes? about .* minutes? on two CPU cores", opening)


@pytest.mark.spread
def test_quickstart(folder, monkeypatch):
    scope = run("quickstart", SMALL["quickstart"], monkeypatch)
    assert type(scope["loaded"]) is keras.Sequential
    expected = scope["base_model"].predict(scope["x_test"][:5], verbose=0)
    received = scope["loaded"].predict(scope["x_test"][:5], verbose=0)
    np.testing.assert_allclose(received, expected, atol=1e-6)
    assert set(scope["profiles"]) == {"plain", "multimix"}


@pytest.mark.slow
def test_cifar(folder, monkeypatch, rng):
    arrays = {}
    for part, rows in (("train", 60), ("test", 40)):
        arrays[f"x_{part}"] = rng.integers(0, 256, (rows, 32, 32, 3)).astype("uint8")
        arrays[f"y_{part}"] = np.arange(rows) % 10
    (folder / "data").mkdir()
    np.savez(folder / "data" / "cifar10.npz", **arrays)
    scope = run("cifar", SMALL["cifar"], monkeypatch)
    assert [record["method"] for record in scope["records"]] == ["erm"]
    assert set(scope["networks"]) == {"erm", "mixup"}
    assert len(scope["errors"]) == 1


@pytest.mark.slow
def test_gan(folder, monkeypatch):
    scope = run("gan", SMALL["gan"], monkeypatch)
    assert [record["method"] for record in scope["records"]] == ["gan", "mixup_gan"]
    assert len(scope["means"]) == 5


@pytest.mark.slow
def test_speech(folder, monkeypatch, rng):
    # A clone of the digits' repository, with three digits of one speaker.
    recordings = folder / "data" / "free-spoken-digit-dataset" / "recordings"
    recordings.mkdir(parents=True)
    (recordings.parent / "README.md").write_text("digits")
    for digit in range(3):
        for take in range(20):
            samples = rng.integers(-(2**12), 2**12, 4000).astype("int16")
            path = recordings / f"{digit}_theo_{take}.wav"
            scipy.io.wavfile.write(path, 8000, samples)
    monkeypatch.setitem(speech._COUNTS, ("spoken_digit", 3), (30, 15, 15))
    scope = run("speech", SMALL["speech"], monkeypatch)
    assert set(scope["variants"]) == {"spectrograms", "no warm-up", "waveforms"}
    for records in scope["variants"].values():
        assert [record["method"] for record in records] == ["mixup"]


@pytest.mark.slow
def test_tabular(folder, monkeypatch):
    scope = run("tabular", SMALL["tabular"], monkeypatch)
    assert scope["others"] == ["multimix"]
    assert len(scope["records"]) == 4
    assert (scope["output"] / "results.csv").exists()

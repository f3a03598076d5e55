"""What the notebooks show in the repository: `make notebooks` has made all of it."""

import base64
import re

import pytest

from tests.recipes.notebooks import NAMES, code_cells, path_of, source

# What draws; `show` is the notebooks' own function for pictures of a recipe.
DRAWS = re.compile(r"\bplot_\w+\(|\bplt\.(subplots|imread)\(|^(?!def).*\bshow\(", re.M)
# Colours of a terminal, folders of somebody's machine, and what differs in each run.
UNWANTED = re.compile(
    r"\x1b|(?<![\w.])/(home|root|tmp|work|usr|opt|Users|content)/|[A-Z]:\\"
    r"|\d\s?it/s|\b\d+(\.\d+)? ?(s|ms|seconds|minutes)\b|Warning|0x[0-9a-f]{6}"
)
PNG = b"\x89PNG\r\n\x1a\n"
MOST_BYTES = 300_000  # of a notebook


def outputs(name):
    return [output for cell in code_cells(name) for output in cell["outputs"]]


def draws(cell):
    """Whether a cell shows a figure, and does not only say how one is drawn."""
    return cell["id"] != "show" and bool(DRAWS.search(source(cell)))


def pictures(cell):
    found = [output.get("data", {}).get("image/png") for output in cell["outputs"]]
    return [base64.b64decode("".join(each)) for each in found if each]


def test_what_draws_is_known():
    cells = [
        ("walk", "evaluation.plot_examples(x)"),
        ("data", "figure, panel = plt.subplots()"),
        ("curves", "for x in y:\n    show(x)"),
    ]
    assert all(draws({"id": id, "source": [text]}) for id, text in cells)
    assert not draws(
        {"id": "show", "source": ["def show(path):\n    plt.imread(path)"]}
    )
    assert not draws({"id": "fit", "source": ["model.fit(x, y)"]})


@pytest.mark.parametrize(
    "text", ["\x1b[1m", "in /home/me/a", "12.5 it/s", "Done in 3 s.", "FutureWarning"]
)
def test_what_is_unwanted_is_known(text):
    assert UNWANTED.search(text)
    assert not UNWANTED.search("runs/gan/results.csv, 3 seeds, ε / 255")


@pytest.mark.parametrize("name", NAMES)
def test_it_was_run_once_from_top_to_bottom(name):
    cells = code_cells(name)
    counts = [cell["execution_count"] for cell in cells]
    assert counts == list(range(1, len(cells) + 1))


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_is_shown(name):
    drawing = [cell for cell in code_cells(name) if draws(cell)]
    assert drawing
    for cell in drawing:
        assert pictures(cell), cell["id"]
        assert all(each.startswith(PNG) for each in pictures(cell))


@pytest.mark.parametrize("name", NAMES)
def test_it_is_small(name):
    assert path_of(name).stat().st_size < MOST_BYTES


@pytest.mark.parametrize("name", NAMES)
def test_no_output_is_an_error_or_a_warning(name):
    for output in outputs(name):
        assert output["output_type"] in ("stream", "display_data", "execute_result")
        assert output.get("name", "stdout") == "stdout"


@pytest.mark.parametrize("name", NAMES)
def test_no_output_tells_of_a_machine_or_of_a_time(name):
    for output in outputs(name):
        data = output.get("data", {})
        assert set(data) <= {"image/png", "text/plain"}
        text = "".join([*output.get("text", []), *data.get("text/plain", [])])
        assert not UNWANTED.search(text), text[:300]


@pytest.mark.parametrize("name", NAMES)
def test_no_cell_keeps_when_it_ran(name):
    assert all("execution" not in cell["metadata"] for cell in code_cells(name))

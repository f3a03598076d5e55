"""results.json: written whole, read back, never overwritten by something else."""

import json
import math
from types import SimpleNamespace

import pytest

from recipes.shared.results import Results, read_measured, settings_of

MEASURED = {"metrics": {"test_error": 0.25, "nll": math.nan}, "curve": []}


def make(folder, **settings):
    return Results(folder, "toy", "jax", {"epochs": 3, "alpha": None, **settings})


def test_what_is_added_is_read_back(tmp_path):
    make(tmp_path / "new").add("digits", "erm", 0, 3, MEASURED)
    results = make(tmp_path / "new")
    assert results.has("digits", "erm", 0)
    assert not results.has("digits", "erm", 1)
    assert results.records[0]["metrics"]["test_error"] == 0.25
    assert math.isnan(results.records[0]["metrics"]["nll"])
    assert results.records[0]["settings"]["alpha"] is None


def test_the_file_is_strict_json_and_a_table(tmp_path):
    make(tmp_path).add("digits", "erm", 0, 3, MEASURED)
    text = (tmp_path / "results.json").read_text()
    record = json.loads(text, parse_constant=pytest.fail)[0]
    assert record["metrics"] == {"test_error": 0.25, "nll": None}
    lines = (tmp_path / "results.csv").read_text().splitlines()
    assert lines[0] == "recipe,dataset,method,seed,backend,epochs,test_error,nll"
    assert lines[1] == "toy,digits,erm,0,jax,3,0.25,nan"


@pytest.mark.parametrize("text", ["", "[{", '{"a": 1}', '[{"recipe": "toy"}]', "3"])
def test_a_broken_file_is_named_and_left_alone(tmp_path, text):
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(
        ValueError, match=r"Expected.*results\.json.*Received.*--output"
    ):
        make(tmp_path)
    assert (tmp_path / "results.json").read_text() == text


def test_a_file_that_breaks_while_runs_go_on_is_left_alone(tmp_path):
    results = make(tmp_path)
    results.add("digits", "erm", 0, 3, MEASURED)
    (tmp_path / "results.json").write_text("[{")
    with pytest.raises(ValueError, match="was left as it is"):
        results.add("digits", "erm", 1, 3, MEASURED)
    assert (tmp_path / "results.json").read_text() == "[{"


def test_two_processes_do_not_overwrite_each_other(tmp_path):
    first, second = make(tmp_path), make(tmp_path)
    first.add("digits", "erm", 0, 3, MEASURED)
    second.add("digits", "mixup", 0, 3, MEASURED)
    first.add("digits", "erm", 1, 3, MEASURED)
    for results in (first, make(tmp_path)):
        names = sorted((r["method"], r["seed"]) for r in results.records)
        assert names == [("erm", 0), ("erm", 1), ("mixup", 0)]
    assert len((tmp_path / "results.csv").read_text().splitlines()) == 4


def test_other_settings_are_not_mixed_with_these(tmp_path):
    make(tmp_path).add("digits", "erm", 0, 3, MEASURED)
    with pytest.raises(ValueError, match="epochs=4.*epochs=3.*another --output"):
        make(tmp_path, epochs=4)
    with pytest.raises(ValueError, match="backend torch.*Received: runs of jax"):
        Results(tmp_path, "toy", "torch", {"epochs": 3, "alpha": None})


def test_settings_leave_out_what_does_not_change_a_run():
    options = SimpleNamespace(output="here", seeds=3, methods=["a"], epochs=5, x=None)
    assert settings_of(options) == {"epochs": 5, "x": None}


def test_a_table_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "results.csv"
    path.write_text(
        "recipe,dataset,method,seed,backend,epochs,network,total\n"
        "variance,digits,shared,0,jax,10,mlp,0.5\n"
    )
    with pytest.raises(ValueError, match="Expected in .*Received: network=mlp. Pass"):
        read_measured(path)

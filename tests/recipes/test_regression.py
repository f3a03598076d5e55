"""The regression recipe, small: its data, its unit, its choice and one whole run."""

import dataclasses
import hashlib
import json
import types

import keras
import numpy as np
import pytest

from recipes import regression
from recipes.datasets import numbers, tables
from recipes.parts import regression_runs


def options(tmp_path, *more):
    arguments = ["--output", str(tmp_path), "--epochs", "1", "--tuning-seeds", "1"]
    arguments += ["--backend", keras.config.backend(), "--seeds", "2", *more]
    return regression.parse_options(arguments)


def test_parts_are_apart_and_the_test_rows_always_the_same():
    first, again, other = (numbers.drawn_rows(442, seed) for seed in (0, 0, 1))
    for parts in (first, other):
        assert [len(rows) for rows in parts] == [308, 45, 89]
        assert sorted(np.concatenate(parts)) == list(range(442))
    np.testing.assert_array_equal(np.concatenate(first), np.concatenate(again))
    np.testing.assert_array_equal(first[2], other[2])
    assert set(first[1]) != set(other[1])


@pytest.fixture
def table(rng, monkeypatch):
    """Inputs and targets of a table "diabetes" of 50 rows."""
    arrays = rng.normal(3, 5, (50, 4)), rng.normal(150, 80, 50)
    monkeypatch.setitem(numbers.NAMES, "diabetes", lambda data_dir: arrays)
    return arrays


def test_rows_equal_a_plain_computation(table):
    parts = numbers.drawn_rows(50, 3)
    split = numbers.load_split("diabetes", None, 3)
    for name, rows in zip(("train", "validation", "test"), parts, strict=True):
        for received, values in zip(getattr(split, name), table, strict=True):
            known = values[parts[0]]
            expected = (values - known.mean(axis=0)) / known.std(axis=0)
            np.testing.assert_allclose(received, expected[rows], atol=1e-5)
            assert received.dtype == "float32"


def test_other_rows_do_not_leak_into_training(table):
    train, validation, test = numbers.drawn_rows(50, 3)
    before = numbers.load_split("diabetes", None, 3)
    for values in table:
        values[np.concatenate([validation, test])] = 1e6
    after = numbers.load_split("diabetes", None, 3)
    for received, expected in zip(after.train, before.train, strict=True):
        np.testing.assert_array_equal(received, expected)
    assert after.unit == before.unit
    assert (after.test[0] > 1e4).all() and (after.validation[1] > 1e3).all()


def test_errors_are_in_the_unit_of_the_targets(table):
    split = numbers.load_split("diabetes", None, 0)
    network = types.SimpleNamespace(
        predict=lambda x, **_: np.full((len(x), 1), 0.25, "float32")
    )
    train, _, test = numbers.drawn_rows(50, 0)
    targets = table[1]
    predicted = targets[train].mean() + 0.25 * targets[train].std()
    expected = np.sqrt(np.mean((targets[test] - predicted) ** 2))
    error = regression_runs._error(network, split.test, split.unit)
    assert error == pytest.approx(expected, rel=1e-5)


def test_the_choice_reads_validation_rows_alone(tmp_path, monkeypatch):
    errors = {0.5: (1.0, 9.0), 2.0: (2.0, 0.1)}  # best on validation, best on tests

    def train(split, name, setting, options, seed):
        return errors[setting[0]]

    monkeypatch.setattr(regression_runs, "train", train)
    found = regression_runs.choose(
        "diabetes", ["erm", "mixup"], options(tmp_path), lambda *_: None
    )
    assert found == {"erm": (0.0, 0.0), "mixup": (0.5, 0.0)}

    def fail(*_):
        raise AssertionError("what has been measured is kept")

    monkeypatch.setattr(regression_runs, "train", fail)
    again = regression_runs.choose(
        "diabetes", ["mixup"], options(tmp_path), lambda *_: None
    )
    assert again == {"mixup": (0.5, 0.0)}


def test_a_setting_that_diverges_is_not_chosen(tmp_path, monkeypatch):
    errors = {0.2: np.nan, 0.5: 3.0, 1.0: 2.0, 2.0: np.nan}

    def train(split, name, setting, *_):
        return errors[setting[0]], 0.0

    monkeypatch.setattr(regression_runs, "train", train)
    more = ["--alphas", *map(str, errors)]
    found = regression_runs.choose(
        "diabetes", ["mixup"], options(tmp_path, *more), lambda *_: None
    )
    assert found == {"mixup": (1.0, 0.0)}


def test_an_interrupted_choice_goes_on(tmp_path, monkeypatch, capsys):
    measured = []

    def train(split, name, setting, *_):
        if len(measured) == 1:
            raise KeyboardInterrupt
        measured.append(setting)
        return 1.0, 1.0

    monkeypatch.setattr(regression_runs, "train", train)
    arguments = ["--output", str(tmp_path), "--tuning-seeds", "1", "--seeds", "1"]
    arguments += ["--backend", keras.config.backend(), "--methods", "mixup"]
    with pytest.raises(SystemExit) as stop:
        regression.main(arguments)
    assert stop.value.code == 130
    assert "The same command continues" in capsys.readouterr().out
    assert list(json.loads((tmp_path / "chosen.json").read_text()).values()) == [1.0]


@pytest.mark.parametrize("name", ["airfoil", "wine_quality", "yacht", "abalone"])
def test_a_missing_file_is_reported_before_anything_runs(tmp_path, monkeypatch, name):
    monkeypatch.setattr("recipes.datasets.files._download", _no_network)
    monkeypatch.setattr(regression_runs, "choose", pytest.fail)
    arguments = ["--dataset", "diabetes", name, "--data-dir", str(tmp_path)]
    arguments += ["--backend", keras.config.backend(), "--output", str(tmp_path)]
    with pytest.raises(ValueError, match="Expected .* Received: .*Get it from https"):
        regression.main(arguments)


def _no_network(*_):
    raise OSError("no network")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("airfoil", "800\t0\t0.3048\t71.3\t0.0026\t126.2\n1e3\t1.5\t1\t2\t3\t4\n"),
        ("wine_quality", '"acidity";"quality"\n7.4;5\n7.8;6\n'),
        ("yacht", "-2.3 0.568 4.78  0.11 \n-5 1 2 3\n\n"),
    ],
)
def test_files_are_checked_and_read(tmp_path, monkeypatch, name, text):
    file, content = numbers.FILES[name], text.encode()
    path = tmp_path / file.name
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(ValueError, match="Expected a file with SHA-256"):
        numbers.load(name, tmp_path)
    changed = dataclasses.replace(file, sha256=hashlib.sha256(content).hexdigest())
    monkeypatch.setitem(numbers.FILES, name, changed)
    inputs, targets = numbers.load(name, tmp_path)
    first = {
        "airfoil": ([800, 0, 0.3048, 71.3, 0.0026], 126.2),
        "wine_quality": ([7.4], 5),
        "yacht": ([-2.3, 0.568, 4.78], 0.11),
    }[name]
    np.testing.assert_allclose(inputs[0], first[0])
    assert targets[0] == first[1] and len(targets) == 2


def test_the_number_of_rings(tmp_path, monkeypatch):
    content = b"M,0.5,.3,.1,.5,.2,.1,.2,29\nF,1,1,1,1,1,1,1,4\n"
    (tmp_path / "abalone.data").write_bytes(content)
    file = tables.FILES["abalone"]
    changed = dataclasses.replace(file, sha256=hashlib.sha256(content).hexdigest())
    monkeypatch.setitem(tables.FILES, "abalone", changed)
    inputs, targets = numbers.load("abalone", tmp_path)
    assert targets.tolist() == [29, 4]
    assert inputs[0].tolist() == [0.5, 0.3, 0.1, 0.5, 0.2, 0.1, 0.2, 0, 1]


def test_presets():
    options = regression.parse_options(["--preset", "paper"])
    assert (options.dataset, options.batch_size) == (["airfoil"], 16)
    assert (options.learning_rate, options.epochs, options.seeds) == (1e-2, 100, 20)
    assert regression.parse_options([]).dataset == ["diabetes"]


@pytest.mark.spread
def test_a_small_run(tmp_path, capsys):
    records = regression.main(
        ["--output", str(tmp_path), "--epochs", "1", "--seeds", "2"]
        + ["--backend", keras.config.backend(), "--tuning-seeds", "1"]
        + ["--alphas", "1", "--bandwidths", "0.3"]
    )
    assert len(records) == 14
    for record in records:
        assert 40 < record["metrics"]["rmse"] < 200
    assert json.loads((tmp_path / "results.json").read_text())
    assert "erm_long against erm: p" in capsys.readouterr().out

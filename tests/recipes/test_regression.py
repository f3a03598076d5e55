"""The regression recipe, small: its data, its unit, its choice and one whole run."""

import json
import types

import keras
import numpy as np
import pytest

from recipes import regression
from recipes.datasets import numbers
from recipes.parts import regression_runs


def options(tmp_path, *more):
    arguments = ["--output", str(tmp_path), "--epochs", "1", "--tuning-seeds", "1"]
    arguments += ["--backend", keras.config.backend(), "--seeds", "2", *more]
    return regression.parse_options(arguments)


def test_parts_are_apart_and_the_test_rows_always_the_same():
    inputs, targets = numbers.load("diabetes", None)
    first, other = (numbers.load_split("diabetes", None, seed) for seed in (0, 1))
    sizes = [len(part[1]) for part in (first.train, first.validation, first.test)]
    assert sizes == [308, 45, 89]

    def in_their_unit(split, part):
        mean = targets[np.isin(targets, targets)].mean()  # any shift: only order counts
        return np.sort(part[1] * split.unit + mean)

    np.testing.assert_allclose(
        np.diff(in_their_unit(first, first.test)),
        np.diff(in_their_unit(other, other.test)),
        atol=1e-3,
    )
    assert not np.array_equal(first.train[0][:5], other.train[0][:5])
    for part in first.train:
        np.testing.assert_allclose(part.mean(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(part.std(axis=0), 1, atol=1e-4)
    assert len(np.concatenate([x[0] for x in (first.train, first.test)])) == 397


def test_errors_are_in_the_unit_of_the_targets():
    split = numbers.load_split("diabetes", None, 0)
    network = types.SimpleNamespace(
        predict=lambda x, **_: np.full((len(x), 1), 0.25, "float32")
    )
    error = regression_runs._error(network, split.test, split.unit)
    expected = np.sqrt(np.mean((split.test[1] * split.unit - 0.25 * split.unit) ** 2))
    assert error == pytest.approx(expected, rel=1e-5)
    assert 40 < error < 120  # of a disease score of mean 152 and deviation 77


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


@pytest.mark.parametrize("name", ["airfoil", "wine_quality", "abalone"])
def test_a_missing_file(tmp_path, monkeypatch, name):
    monkeypatch.setattr("recipes.datasets.files._download", _no_network)
    with pytest.raises(ValueError, match="Expected .* Received: .*Get it from"):
        numbers.load(name, tmp_path)


def _no_network(*_):
    raise OSError("no network")


def test_ones_own_copy(tmp_path):
    cells = np.arange(1503 * 6.0).reshape(1503, 6)
    np.savetxt(tmp_path / "airfoil_self_noise.dat", cells, delimiter="\t")
    inputs, targets = numbers.load("airfoil", tmp_path)
    np.testing.assert_allclose(inputs, cells[:, :-1])
    np.testing.assert_allclose(targets, cells[:, -1])
    np.savetxt(tmp_path / "airfoil_self_noise.dat", cells[:5])
    with pytest.raises(ValueError, match="5, 6"):
        numbers.load("airfoil", tmp_path)


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

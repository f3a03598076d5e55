"""The digits recipe, small: data, budgets of the methods, and one whole run."""

import json

import keras
import numpy as np
import pytest

from recipes import digits
from recipes.datasets import digits as data
from recipes.shared.methods import METHODS, build_mixer, epochs_of
from recipes.shared.results import without_nan

PNG_SIGNATURE = b"\x89PNG\r\n"


def test_split_is_stratified_disjoint_and_scaled():
    split = data.load_split(300, seed=0)
    assert split.train_inputs.shape == (300, 8, 8, 1)
    assert split.test_inputs.shape == (1497, 8, 8, 1)
    assert split.train_inputs.dtype == "float32"
    assert (split.train_inputs.min(), split.train_inputs.max()) == (0.0, 1.0)
    assert np.bincount(split.train_labels).min() >= 29
    total = split.train_inputs.sum() + split.test_inputs.sum()
    assert total == pytest.approx(data.load()[0].sum(), rel=1e-5)


def test_split_follows_the_seed():
    first, again, other = (data.load_split(50, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.train_inputs, again.train_inputs)
    assert not np.array_equal(first.train_inputs, other.train_inputs)


@pytest.mark.parametrize("train_size", [9, 1788])
def test_split_needs_room_for_every_class(train_size):
    with pytest.raises(ValueError, match=f"Received: train_size={train_size}"):
        data.load_split(train_size, seed=0)


def test_controls_cost_what_multimix_costs():
    options = digits.parse_options(["--epochs", "4", "--num-interpolations", "3"])
    assert epochs_of(METHODS["erm_long"], options) == 12
    assert epochs_of(METHODS["mixup_matched"], options) == 4
    assert METHODS["mixup_matched"].more_rows


def test_mixers_take_the_options():
    options = digits.parse_options(["--alpha", "0.3", "--num-interpolations", "4"])
    config = build_mixer(METHODS["multimix"], options, 7).get_config()
    assert config["alpha"] == 0.3
    assert config["num_interpolations"] == 4
    assert config["sampling"] == "stratified"
    config = build_mixer(METHODS["mixup"], options, 7).get_config()
    assert config["num_interpolations"] == 1


@pytest.mark.spread
def test_a_small_run_writes_its_files(tmp_path, capsys):
    records = digits.main(
        ["--backend", keras.config.backend(), "--methods", "erm", "multimix"]
        + ["--seeds", "1", "--epochs", "2", "--train-size", "50"]
        + ["--output", str(tmp_path)]
    )
    assert json.loads((tmp_path / "results.json").read_text()) == without_nan(records)
    assert [record["method"] for record in records] == ["erm", "multimix"]
    for record in records:
        assert record["recipe"] == "digits"
        assert record["epochs"] == 2
        assert 0.0 < record["metrics"]["test_error"] < 1.0
        assert np.isfinite(record["metrics"]["nll"])
    for name in ("learning_curves.png", "interpolations.png", "reliability.png"):
        assert (tmp_path / name).read_bytes().startswith(PNG_SIGNATURE)
    printed = capsys.readouterr().out
    assert "multimix" in printed
    assert "test error %" in printed

"""The tabular recipe, small."""

import keras
import pytest

from recipes import tabular


def test_presets():
    options = tabular.parse_options(["--preset", "paper"])
    assert tuple(options.dataset) == tabular.PAPER
    assert (options.seeds, options.epochs, options.batch_size) == (20, 10, 16)
    assert options.learning_rate == 1e-3
    assert tabular.parse_options([]).dataset == list(tabular.SHIPPED)


def test_an_unknown_table_is_refused(capsys):
    with pytest.raises(SystemExit):
        tabular.parse_options(["--dataset", "titanic"])
    assert "Expected one of abalone" in capsys.readouterr().err


def test_a_missing_table_is_named_before_another_one_is_trained_on(
    tmp_path, monkeypatch
):
    def fail(*args):
        raise OSError("no network")

    monkeypatch.setattr("recipes.datasets.files._download", fail)
    monkeypatch.setattr(tabular, "train", pytest.fail)
    command = ["--dataset", "wine", "abalone", "--data-dir", str(tmp_path / "gone")]
    with pytest.raises(ValueError, match="Expected uci/abalone.*no network"):
        tabular.main([*command, "--backend", keras.config.backend()])


@pytest.mark.spread
def test_a_small_run(tmp_path, capsys):
    records = tabular.main(
        ["--backend", keras.config.backend(), "--dataset", "iris", "wine"]
        + ["--methods", "erm", "mixup_alpha_1", "--seeds", "2", "--epochs", "2"]
        + ["--output", str(tmp_path)]
    )
    assert {record["dataset"] for record in records} == {"iris", "wine"}
    assert len(records) == 8
    printed = capsys.readouterr().out
    for text in ("iris: 2 epochs", "wine: 2 epochs", "t-test p"):
        assert text in printed
    assert (tmp_path / "iris" / "learning_curves.png").exists()

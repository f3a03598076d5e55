"""The pairings recipe, small: its options, its tests and one whole run."""

import json

import keras
import numpy as np
import pytest
from scipy.stats import ttest_rel

from recipes import pairings
from recipes.shared import report
from recipes.shared.results import without_nan


@pytest.mark.spread
def test_a_small_run_writes_its_files(tmp_path, capsys):
    records = pairings.main(
        ["--backend", keras.config.backend(), "--methods", "mixup", "mixup_mirror"]
        + ["--seeds", "2", "--epochs", "1", "--train-size", "50"]
        + ["--output", str(tmp_path)]
    )
    assert json.loads((tmp_path / "results.json").read_text()) == without_nan(records)
    assert {record["method"] for record in records} == {"mixup", "mixup_mirror"}
    assert "t-test p" in capsys.readouterr().out


def test_epochs_follow_the_data_set():
    assert pairings.parse_options([]).epochs == 60
    assert pairings.parse_options(["--dataset", "cifar10"]).epochs == 30
    assert pairings.parse_options(["--epochs", "3"]).epochs == 3


def test_paired_tests(capsys):
    errors = {"mixup": [0.10, 0.12, 0.11], "mixup_mirror": [0.09, 0.12, 0.08]}
    records = [
        {"method": name, "seed": seed, "metrics": {"test_error": error}}
        for name, values in errors.items()
        for seed, error in enumerate(values)
    ]
    report.print_paired_tests(records, "mixup")
    printed = capsys.readouterr().out
    own, base = (np.array(errors[name]) for name in ("mixup_mirror", "mixup"))
    assert f"{ttest_rel(own, base).pvalue:.3f}".removeprefix("0") in printed
    assert "-1.33 ± 1.53" in printed and "2 of 3" in printed

"""The variance recipe, small: what it measures, its law, and one whole run."""

import csv
import json

import keras
import pytest

from recipes import variance


def run(tmp_path, *arguments):
    return variance.main(
        ["--backend", keras.config.backend(), "--datasets", "digits"]
        + ["--networks", "mlp", "--alphas", "1", "--num-draws", "3", "--epochs", "1"]
        + ["--output", str(tmp_path), *arguments]
    )


@pytest.mark.spread
def test_a_small_run_writes_its_files(tmp_path, capsys):
    records = run(tmp_path)
    assert json.loads((tmp_path / "results.json").read_text()) == records
    with (tmp_path / "results.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert [line["method"] for line in lines] == [r["method"] for r in records]
    total = records[-1]["metrics"]["total"]
    assert float(lines[-1]["total"]) == pytest.approx(total, rel=1e-5)
    counts = len(variance.NUM_INTERPOLATIONS)
    assert len(records) == counts * 4 + 8
    for record in records:
        assert record["metrics"]["total"] > 0 and record["metrics"]["total_error"] > 0
    fresh = [r["batch_size"] for r in records if r["method"] == variance.FRESH]
    assert fresh == [4 * k for k in variance.NUM_INTERPOLATIONS]
    assert (tmp_path / "variance_digits_mlp_1.png").read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    for text in ("stratified", "fresh pairs", "mirror", "relative to shuffle"):
        assert text in printed


@pytest.mark.spread
def test_a_regression_has_near_labels(tmp_path, capsys):
    records = run(tmp_path, "--datasets", "diabetes", "--networks", *variance.NETWORKS)
    near = [r["method"] for r in records if "near labels" in r["method"]]
    assert near == [f"pairing: near labels, σ = {s}" for s in ("0.1", "0.3", "1")]
    assert {r["network"] for r in records} == {"mlp"}  # no images, no convolutions
    assert "originals kept" in capsys.readouterr().out


def test_a_regression_needs_the_network_for_it(capsys):
    with pytest.raises(SystemExit):
        variance.parse_options(["--datasets", "diabetes", "--networks", "small_conv"])
    assert "Add mlp to them" in capsys.readouterr().err


def test_the_law_and_the_curves():
    from recipes.parts import variance_report

    def record(name, count, total):
        metrics = {"pairs": 0.6, "coefficients": 0.4}
        metrics |= {"total": total, "total_error": 0.1}
        return {"method": name, "num_interpolations": count, "metrics": metrics}

    counts = variance.NUM_INTERPOLATIONS
    records = [record("independent", k, 0.6 + 0.4 / k) for k in counts]
    assert variance_report.law(records) == (0.6, 0.4)
    curve = variance_report.curve(records, "independent", 2.0)
    assert curve["num_interpolations"] == list(counts)
    assert curve["total"][1] == pytest.approx(0.4)
    assert curve["total_error"][0] == pytest.approx(0.05)


def test_options():
    with pytest.raises(SystemExit):
        variance.parse_options(["--datasets", "mnist"])
    assert variance.parse_options([]).output.as_posix() == "runs/variance"

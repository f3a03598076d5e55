"""Options, the loop over runs, results.json and the table."""

import io
import json
from types import SimpleNamespace

import keras
import pytest
from rich.console import Console

from recipes import report, runner

RECORD_KEYS = {"recipe", "dataset", "method", "seed", "backend", "epochs"}
RECORD_KEYS |= {"metrics", "reliability"}


def make_parser():
    return runner.option_parser(
        "toy",
        "A toy.",
        {"erm": "plain", "mixup": "mixed"},
        default_methods=("erm", "mixup"),
        seeds=3,
        epochs=7,
    )


def make_record(method, seed, error, gap=0.0):
    metrics = {"test_error": error, "nll": 0.2, "ece": 0.03}
    metrics |= {"confidence_gap": gap, "seconds": 1.5}
    return {"method": method, "seed": seed, "metrics": metrics}


def text_of(table):
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(table)
    return console.export_text()


def test_defaults_of_the_options(monkeypatch):
    monkeypatch.delenv("KERAS_BACKEND")
    options = make_parser().parse_args([])
    assert options.backend == "jax"
    assert options.methods == ["erm", "mixup"]
    assert (options.seeds, options.epochs) == (3, 7)
    assert options.output.as_posix() == "runs/toy"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--seeds", "0"],
        ["--seeds", "two"],
        ["--epochs", "-1"],
        ["--methods", "magic"],
        ["--backend", "theano"],
    ],
)
def test_errors_say_what_was_expected_received_and_the_fix(arguments, capsys):
    with pytest.raises(SystemExit):
        make_parser().parse_args(arguments)
    message = capsys.readouterr().err
    assert "Expected" in message
    assert f"Received: {arguments[1]}" in message
    assert "Use, for example" in message or "See --help" in message


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "much"])
def test_numbers_must_be_finite_and_not_below_the_lowest(text):
    with pytest.raises(Exception, match=f"Expected a finite.*Received: {text}"):
        runner.number_from(0)(text)


def test_help_describes_every_method():
    text = make_parser().format_help()
    assert "plain" in text
    assert "mixed" in text
    assert "default: 7" in text


def test_select_backend_accepts_the_one_that_runs():
    runner.select_backend(keras.config.backend())


def test_select_backend_refuses_another_one(monkeypatch):
    other = next(b for b in runner.BACKENDS if b != keras.config.backend())
    monkeypatch.setenv("KERAS_BACKEND", keras.config.backend())
    with pytest.raises(ValueError, match="Expected keras not to be imported yet"):
        runner.select_backend(other)


def test_select_backend_names_the_missing_package():
    with pytest.raises(ValueError, match="pip install 'keras-multimix"):
        runner.select_backend("no_such_backend")


def test_results_are_written_after_every_run(tmp_path):
    options = SimpleNamespace(
        methods=["erm", "mixup"], seeds=2, output=tmp_path / "new", backend="jax"
    )
    path, seen = options.output / "results.json", []

    def train(method, seed, on_epoch_end):
        seen.append(len(json.loads(path.read_text())) if path.exists() else 0)
        on_epoch_end()
        point = {"test_error": 0.1, "ece": 0.02, "nll": 0.3}
        return [{"share": 0.5, **point}, {"share": 1.0, **point, "nll": 0.25}]

    records, curves = runner.run_all("toy", "none", options, train, lambda method: 1)
    assert seen == [0, 1, 2, 3]
    assert json.loads(path.read_text()) == records
    assert [path.name] == [file.name for file in options.output.iterdir()]
    assert set(curves) == {(m, s) for m in ("erm", "mixup") for s in (0, 1)}
    for record in records:
        assert set(record) == RECORD_KEYS
        assert record["metrics"]["nll"] == 0.25
        assert set(record["metrics"]) == {"test_error", "ece", "nll", "seconds"}


def test_table_shows_mean_std_and_the_seeds_that_improve():
    records = [make_record("erm", seed, 0.06 + 0.01 * seed) for seed in range(3)]
    records += [make_record("mixup", seed, e) for seed, e in enumerate([0.05] * 3)]
    records[-1]["metrics"]["test_error"] = 0.09
    text = text_of(report.results_table(records, "toy"))
    assert "7.00 ± 1.00" in text
    assert "6.33 ± 2.31" in text
    assert "2 of 3" in text


def test_one_seed_has_no_deviation():
    text = text_of(report.results_table([make_record("erm", 0, 0.0625)], "toy"))
    assert "6.25" in text
    assert "±" not in text


def test_remark_on_confidence_follows_the_records():
    records = [make_record("erm", 0, 0.05, 0.003), make_record("mixup", 0, 0.05, -0.07)]
    remark = report.confidence_remark(records)
    assert "erm +0.3, mixup -7.0" in remark
    assert "Under-confident: mixup." in remark
    assert "Over-confident" not in remark

"""The tables and remarks at the end of a recipe."""

import io
import json
import pathlib

import pytest
from rich.console import Console

from recipes import markdown
from recipes.shared import report, result_tables, statistics
from recipes.shared.columns import (
    CORRUPT_COLUMNS,
    GAN_COLUMNS,
    MORE_COLUMNS,
    REGRESSION_COLUMNS,
    known_columns,
)
from recipes.shared.results import Results, read_measured

MEASURED = sorted(
    (pathlib.Path(__file__).parents[2] / "recipes/measured").glob("*.csv")
)


def make_record(method, seed, error, gap=0.0):
    metrics = {"test_error": error, "nll": 0.2, "ece": 0.03}
    metrics |= {"confidence_gap": gap, "seconds": 1.5}
    curve = [{"share": 1.0, **metrics}]
    names = {"dataset": "toy", "method": method, "seed": seed}
    return {**names, "metrics": metrics, "curve": curve, "reliability": {}}


def text_of(table):
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(table)
    return console.export_text()


def test_table_shows_mean_std_and_the_seeds_that_improve():
    records = [make_record("erm", seed, 0.06 + 0.01 * seed) for seed in range(3)]
    records += [make_record("mixup", seed, e) for seed, e in enumerate([0.05] * 3)]
    records[-1]["metrics"]["test_error"] = 0.09
    text = text_of(result_tables.results_table(records, "toy"))
    assert "7.00 ± 1.00" in text
    assert "6.33 ± 2.31" in text
    assert "2 of 3" in text


def test_one_seed_has_no_deviation():
    text = text_of(result_tables.results_table([make_record("erm", 0, 0.0625)], "toy"))
    assert "6.25" in text
    assert "±" not in text


@pytest.mark.parametrize("path", MEASURED, ids=lambda path: path.stem)
def test_tables_of_what_was_measured_fit_100_columns(path, capsys):
    try:
        records = read_measured(path)
    except ValueError as refused:  # of a recipe that prints its own tables
        assert "prints its own tables" in str(refused)
        return
    columns = (*CORRUPT_COLUMNS, *REGRESSION_COLUMNS, *MORE_COLUMNS, *GAN_COLUMNS)
    for own in statistics.by_dataset(records).values():
        known = known_columns(own, columns)
        report.print_tables(own, "a", known[:4], known[4:])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 3
    assert max(map(len, lines)) <= 100
    assert "…" not in "".join(lines)


def test_remark_on_confidence_follows_the_records():
    records = [make_record("erm", 0, 0.05, 0.003), make_record("mixup", 0, 0.05, -0.07)]
    remark = report.confidence_remark(records)
    assert "erm +0.3, mixup -7.0" in remark
    assert "Under-confident: mixup." in remark
    assert "Over-confident" not in remark


def test_each_data_set_has_its_own_tables_and_figures(tmp_path, capsys):
    records = [
        make_record(m, s, 0.1 + s / 50) for m in ("erm", "mixup") for s in (0, 1)
    ]
    records += [{**record, "dataset": "other"} for record in records]
    records[1]["metrics"]["test_error"] = 0.3
    report.print_report(records, "5 epochs", tmp_path, reference="erm")
    printed = capsys.readouterr().out
    for text in ("toy: 5 epochs", "other: 5 epochs", "t-test p", "results.csv"):
        assert text in printed
    for name in ("toy", "other"):
        assert (tmp_path / name / "learning_curves.png").exists()


def test_pairs_are_made_by_seed():
    erm = [make_record("erm", seed, error) for seed, error in enumerate((0.3, 0.2))]
    mixup = [make_record("mixup", 1, 0.1), make_record("mixup", 7, 0.9)]
    ours, base = statistics.paired(mixup, erm)
    assert (ours.tolist(), base.tolist()) == ([0.1], [0.2])
    assert statistics.seeds_below(mixup, erm) == "1 of 1"
    assert statistics.p_value(mixup, erm) == ""


def test_a_run_that_was_interrupted_has_a_report(tmp_path, capsys):
    records = [make_record("erm", 0, 0.3), make_record("erm", 1, 0.2)]
    records += [make_record("mixup", 0, 0.1)]
    report.print_report(records, "5 epochs", tmp_path, reference="erm")
    assert "-20.00" in capsys.readouterr().out


def test_markdown(tmp_path, capsys):
    records = [
        make_record(m, s, 0.1 + s / 50) for m in ("erm", "mixup") for s in (0, 1)
    ]
    path = tmp_path / "results.json"
    path.write_text(json.dumps(records))
    markdown.main([str(path), "--columns", "test_error", "nll"])
    lines = capsys.readouterr().out.splitlines()
    assert "| method | seeds | test error % | NLL | below erm | p |" in lines
    assert "| `mixup` | 2 | 11.00 ± 1.41 | 0.200 ± 0.000 | 0 of 2 |  |" in lines


def test_markdown_refuses_a_reference_that_was_not_measured(tmp_path, capsys):
    path = tmp_path / "results.json"
    path.write_text(json.dumps([make_record("mixup", 0, 0.1)]))
    with pytest.raises(SystemExit):
        markdown.main([str(path), "--reference", "mixpu"])
    message = " ".join(capsys.readouterr().err.split())
    assert "Expected --reference from mixup" in message
    assert "Received: mixpu. Choose from these." in message
    markdown.main([str(path)])  # without `erm` nothing is compared
    assert "below" not in capsys.readouterr().out


def test_markdown_by_rank(tmp_path, capsys):
    errors = {"erm": 0.3, "mixup": 0.1, "cutmix": 0.2}
    path = tmp_path / "results.json"
    path.write_text(json.dumps([make_record(m, 0, e) for m, e in errors.items()]))
    arguments = [str(path), "--columns", "test_error", "--reference", "none"]
    for ranked, order in ((["--ranked"], ("mixup", "cutmix", "erm")), ([], errors)):
        markdown.main(arguments + ranked)
        lines = capsys.readouterr().out.splitlines()[-3:]
        assert [line.split("`")[1] for line in lines] == list(order)


def test_markdown_of_a_csv_is_that_of_its_json(tmp_path, capsys):
    results = Results(tmp_path, "toy", "jax", {})
    for method, error in (("erm", 0.1), ("mixup", 0.2)):
        for seed in (0, 1):
            record = make_record(method, seed, error + seed / 50)
            results.add("toy", method, seed, 5, record)
    tables = []
    for name in ("results.json", "results.csv"):
        markdown.main([str(tmp_path / name)])
        tables.append(capsys.readouterr().out)
    assert "| `mixup` | 2 | 21.00 ± 1.41 |" in tables[0]
    assert tables[0] == tables[1]

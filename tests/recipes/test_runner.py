"""The backend and the loop over runs."""

import json
import random
import subprocess
import sys
from types import SimpleNamespace

import keras
import pytest

from recipes.shared import options, runner


@pytest.fixture
def parsed(tmp_path):
    return SimpleNamespace(
        methods=["erm", "mixup"],
        seeds=2,
        output=tmp_path / "new",
        backend="jax",
        tensorboard=None,
    )


def measured(nll=0.25):
    return {"metrics": {"test_error": 0.1, "nll": nll}, "curve": [{"share": 1.0}]}


def run_all(parsed, train, reports):
    return runner.run_all("toy", parsed, ["a"], train, lambda method: 1, reports.append)


def test_select_backend_accepts_the_one_that_runs():
    runner.select_backend(keras.config.backend())


def test_select_backend_refuses_another_one(monkeypatch):
    other = next(b for b in options.BACKENDS if b != keras.config.backend())
    monkeypatch.setenv("KERAS_BACKEND", keras.config.backend())
    with pytest.raises(ValueError, match="Expected keras not to be imported yet"):
        runner.select_backend(other)


def test_select_backend_names_the_missing_package():
    with pytest.raises(ValueError, match="pip install 'keras-multimix"):
        runner.select_backend("no_such_backend")


def test_results_are_written_after_every_run(parsed):
    path, seen, reports = parsed.output / "results.json", [], []

    def train(run, on_epoch_end):
        seen.append(len(json.loads(path.read_text())) if path.exists() else 0)
        on_epoch_end(None)
        return measured()

    records = run_all(parsed, train, reports)
    assert seen == [0, 1, 2, 3]
    assert json.loads(path.read_text()) == records
    assert reports == [records]
    names = {file.name for file in parsed.output.iterdir()}
    assert names == {"results.json", "results.csv"}
    for record in records:
        assert {"recipe", "dataset", "method", "seed", "backend"} <= set(record)
        assert (record["dataset"], record["epochs"]) == ("a", 1)
        assert set(record["metrics"]) == {"test_error", "nll", "seconds"}


def test_the_bar_shows_what_is_left_and_the_losses(parsed, capsys):
    def train(run, on_epoch_end):
        on_epoch_end(None)  # an epoch of a run that goes on
        on_epoch_end({"loss": 0.25, "accuracy": 0.5})
        on_epoch_end({"discriminator_loss": 1.375, "generator_loss": 0.5})
        return measured()

    run_all(parsed, train, [])
    bar = capsys.readouterr().err
    assert "run 4/4 a mixup seed 1" in bar
    assert "discriminator_loss=1.38, generator_loss=0.5" in bar
    assert "accuracy" not in bar


def test_what_is_finished_is_not_run_again(parsed):
    runs, reports = [], []

    def train(run, on_epoch_end):
        runs.append(run)
        if len(runs) == 3:
            raise KeyboardInterrupt
        return measured(nll=len(runs))

    with pytest.raises(SystemExit) as stop:
        run_all(parsed, train, reports)
    assert stop.value.code == 130
    assert len(reports[0]) == 2, "Ctrl-C reports what there is"
    records = run_all(parsed, train, reports)
    assert [runs[2], *runs[:2]] == [runs[3], ("a", "erm", 0), ("a", "mixup", 0)]
    assert [record["metrics"]["nll"] for record in records] == [1, 2, 4, 5]
    parsed.seeds = 3
    run_all(parsed, train, reports)
    assert runs[5:] == [("a", "erm", 2), ("a", "mixup", 2)]


def test_an_interruption_before_the_first_result(parsed):
    def train(run, on_epoch_end):
        raise KeyboardInterrupt

    with pytest.raises(SystemExit):
        run_all(parsed, train, reports := [])
    assert reports == []


def test_the_same_run_at_the_same_time_is_refused(parsed):
    parsed.methods, parsed.seeds = ["erm"], 1
    folder = parsed.output

    def train(run, on_epoch_end):
        files = {path: path.read_bytes() for path in folder.iterdir()}
        with pytest.raises(ValueError, match="run a erm 0 in.*Received: process"):
            run_all(parsed, pytest.fail, [])
        assert {path: path.read_bytes() for path in folder.iterdir()} == files
        return measured()

    assert len(run_all(parsed, train, [])) == 1
    names = {file.name for file in parsed.output.iterdir()}
    assert names == {"results.json", "results.csv"}


def test_other_runs_share_the_folder_and_none_is_done_twice(parsed):
    runs = []

    def other(run, on_epoch_end):
        runs.append(run)
        return measured()

    def train(run, on_epoch_end):
        if not runs:
            theirs = SimpleNamespace(**{**vars(parsed), "methods": ["mixup"]})
            run_all(theirs, other, [])
        runs.append(run)
        return measured()

    assert len(run_all(parsed, train, [])) == 4
    assert len(runs) == 4 == len(set(runs))


def test_a_folder_that_cannot_be_written_is_refused_before_anything_runs(parsed):
    parsed.output.write_text("no folder")
    with pytest.raises(ValueError, match="Expected a folder to write into"):
        run_all(parsed, pytest.fail, [])


def test_tensorboard_must_be_there_before_anything_runs(parsed, monkeypatch):
    parsed.tensorboard = True
    monkeypatch.setattr(runner.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="pip install tensorboard"):
        run_all(parsed, pytest.fail, [])
    assert not parsed.output.exists()


def test_a_killed_recipe_loses_nothing_and_runs_nothing_twice(tmp_path):
    """Killed with SIGKILL, three times at random."""
    runs = 8
    program = [sys.executable, "-m", "benchmarks.killed_recipe", str(tmp_path)]
    program += ["--runs", str(runs)]
    done, kept = tmp_path / "runs.txt", []

    def seeds_of(path):
        if not path.exists():
            return []
        return [record["seed"] for record in json.loads(path.read_text())]

    for number in random.Random(4).choices(range(3), k=3):
        process = subprocess.Popen(program, stderr=subprocess.DEVNULL)
        before = len(done.read_text().split()) if done.exists() else 0
        while process.poll() is None:
            if done.exists() and len(done.read_text().split()) >= before + number:
                process.kill()
                process.wait()
        saved = seeds_of(tmp_path / "results.json")
        assert saved[: len(kept)] == kept
        kept = saved
    again = len(done.read_text().split())
    subprocess.run(program, check=True, stderr=subprocess.DEVNULL)
    assert sorted(seeds_of(tmp_path / "results.json")) == list(range(runs))
    run_last = done.read_text().split()[again:]
    assert sorted([*kept, *map(int, run_last)]) == list(range(runs))
    assert len((tmp_path / "results.csv").read_text().splitlines()) == runs + 1

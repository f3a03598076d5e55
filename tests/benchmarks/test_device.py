"""The measurements on a device: whole, small, where there is no GPU."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

from benchmarks import budget, device, device_mixing, device_timing
from keras_multimix import MixUp
from tests.recipes.images import write_cifar

BACKEND = keras.config.backend()
SCRIPT = Path(__file__).parents[2] / "benchmarks" / "on_gpu.sh"
not_on_tensorflow = pytest.mark.skipif(
    BACKEND == "tensorflow", reason="has no clock of the device here"
)


class Clock:
    """A device that is done at once, and a clock that every call moves."""

    now = 0.0

    def seconds(self, calls, count):
        start = self.now
        for number in range(count):
            calls[number % len(calls)]()
        return (self.now - start) / count

    def wait(self, result):
        return result

    def run(self, seconds):
        def call():
            self.now += seconds

        return call


def test_turns_are_long_enough_and_give_seconds_per_call():
    clock = Clock()
    runs = {"quick": [clock.run(2**-10)] * 2, "slow": [clock.run(4.0)]}
    found = device_timing.take_turns(clock, runs, rounds=3, at_least=30 / 1024)
    assert found == {"quick": [2**-10] * 3, "slow": [4.0] * 3}
    # Two to compile, three to count, then three rounds of 30 and of 3.
    quick, slow = 2 + 3 + 3 * 30, 1 + 3 + 3 * 3
    assert clock.now == quick * 2**-10 + slow * 4


def test_a_summary_has_the_quartiles():
    found = device_timing.summary([5.0, 1.0, 2.0, 3.0, 4.0])
    assert found == {"seconds": 3.0, "low": 2.0, "high": 4.0, "rounds": 5}


@not_on_tensorflow
def test_mixing_is_measured_against_a_copy(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(device_mixing, "SMALL_SHAPES", ((4, 8, 8, 3),))
    monkeypatch.setattr(device_mixing, "DTYPES", ("bfloat16",))
    monkeypatch.setattr(
        device_mixing, "layers", lambda: {"MixUp": (MixUp(1.0, seed=0), 1)}
    )
    arguments = ["--backend", BACKEND, "--output", str(tmp_path), "--rounds", "2"]
    found = device.main([*arguments, "--only", "mixing"])
    written = json.loads((tmp_path / f"device_{BACKEND}.json").read_text())
    assert written == found
    copy, mix = found["rows"]
    assert (copy["what"], copy["ratio"]) == ("copy", 1.0)
    assert mix["bytes"] == copy["bytes"] == 2 * 4 * 8 * 8 * 3 * 2
    assert 0 < mix["low"] <= mix["seconds"] <= mix["high"]
    assert "GB/s" in capsys.readouterr().out


@not_on_tensorflow
@pytest.mark.slow
def test_steps_are_measured_against_plain_ones(tmp_path):
    arguments = ["--backend", BACKEND, "--output", str(tmp_path), "--rounds", "2"]
    rows = device.main([*arguments, "--only", "steps"])["rows"]
    assert [row["what"] for row in rows] == [
        "plain, 10 rows",
        "MixUp",
        "CutMix",
        "plain, 20 rows",
        "MultiMix, K = 2",
        "MixUp, 20 rows",
    ]
    assert {row["reference"] for row in rows} == {"plain, 10 rows", "plain, 20 rows"}
    assert 15 <= budget.epochs_that_fit(rows, 7, 3) <= 40


def test_epochs_follow_from_the_steps_measured():
    def row(images, seconds):
        return {"section": "steps", "images": images, "seconds": seconds}

    rows = [row(500, 0.008), row(500, 0.01), row(1000, 0.02), {"section": "mixing"}]
    # 3 × 10 ms and 2 × 20 ms: a second of all five methods is 1 / 7 of an epoch.
    left = 0.93 * 60 * 10 - 60 - 5 * 5 * 3
    assert budget.epochs_that_fit(rows, 10, 3) == int(left / (3 * 7)) == 20
    assert budget.epochs_that_fit(rows, 1, 3) == budget.FEWEST
    assert budget.epochs_that_fit(rows, 100, 3) == budget.MOST
    # Without the larger batch: twice the smaller one.
    assert budget.epochs_that_fit(rows[:2], 10, 3) == 20


@pytest.mark.slow
@pytest.mark.skipif(BACKEND != "jax", reason="the script chooses its own backends")
def test_the_script_goes_on_where_a_stage_fails(tmp_path):
    environment = {
        **os.environ,
        "PYTHON": sys.executable,
        "WHEELS": str(tmp_path / "none"),
        "DATA": str(write_cifar(tmp_path)),
        "OUTPUT": str(tmp_path / "o"),
        "WORK": str(tmp_path / "w"),
        "SECONDS_JAX": "1",  # too few: Ctrl-C's signal ends it
        "MINUTES": "0.01",
        "SMALL": "1",
    }
    stages = ["setup", "benchmarks-jax", "train"]
    done = subprocess.run(
        ["bash", SCRIPT, *stages], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "benchmarks_jax.log: status 124" in done.stdout
    assert "train.log: status 0" in done.stdout
    names = {path.name for path in (tmp_path / "o").iterdir()}
    assert {"setup.log", "benchmarks_jax.log", "train.log", "results.json"} <= names
    records = json.loads((tmp_path / "o" / "results.json").read_text())
    assert [record["method"] for record in records] == ["erm"], "no time for more"


def test_the_script_names_its_stages(tmp_path):
    environment = {**os.environ, "OUTPUT": str(tmp_path), "WORK": str(tmp_path / "w")}
    done = subprocess.run(
        ["bash", SCRIPT, "magic"], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "Received: magic." in done.stderr

"""Runs on several devices or in several processes that are killed go on."""

import functools
import os
import signal
import time
from types import SimpleNamespace

import pytest

from recipes import digits
from recipes.shared import devices, processes
from recipes.shared.shares import Share
from tests.recipes.images import write_cifar, write_fashion
from tests.recipes.several import (
    BACKEND,
    NUM_VIRTUAL,
    ended,
    last_of,
    records,
    started,
    started_worker,
)

SMALL = ["--seeds", "1", "--epochs", "5", "--batch-size", "16"]
SMALL += ["--train-size", "40", "--test-size", "20", "--validation-size", "10"]
SMALL += ["--padding", "1", "--no-profile", "--checkpoint-every", "1epochs"]
# Images that each process crops itself, dropout, and another net for the black box.
# PyTorch 2.13 breaks memory where one thread convolves fewer than 8 channels.
CIFAR = ["cifar", *SMALL, "--width", "8", "--image-size", "8"]
CIFAR += ["--methods", "mixup_dropout"]
CIFAR += ["--blocks-per-stage", "1", "--attack", "fgsm", "--save-models"]
FASHION = ["fashion", *SMALL, "--methods", "mixup_two_datasets", "--augment"]
FASHION += ["--network", "mlp", "--width", "2"]
GAN = ["gan", "--seeds", "1", "--epochs", "5", "--width", "8", "--batch-size", "16"]
GAN += ["--discriminator-steps", "1", "--dataset", "ring", "--methods", "mixup_gan"]
GAN += ["--checkpoint-every", "1epochs"]
RECIPES = {
    "cifar": (CIFAR, write_cifar),
    "fashion": (FASHION, write_fashion),
    "gan": (GAN, lambda folder: folder),
}
WAYS = [
    pytest.param(
        lambda command: started_worker([command], NUM_VIRTUAL[BACKEND]),
        id="devices",
        marks=pytest.mark.skipif(
            BACKEND == "torch", reason="PyTorch has a process for each device"
        ),
    ),
    pytest.param(
        functools.partial(started, 2),
        id="processes",
        marks=pytest.mark.skipif(
            BACKEND == "tensorflow", reason="in one process on TensorFlow"
        ),
    ),
]


def left_alone(start, command):
    """What a run gives in the end, but for its time."""
    statuses, texts = ended(start(command))
    assert set(statuses) == {0}, texts
    (record,) = records(output_of(command))
    for name in ("seconds", "cpu_seconds"):
        record["metrics"].pop(name, None)
    return record


def output_of(command):
    return command[command.index("--output") + 1]


def newest(output):
    """The epochs of the newest checkpoint."""
    names = [path.name for path in output.glob("checkpoints/*/0*.npz")]
    return max((int(name[:6]) for name in names), default=0)


def killed(start, command, epochs):
    """Kills one process with SIGKILL when so many epochs are done; the others end."""
    running = start(command)
    while newest(output_of(command)) < epochs:
        assert all(process.poll() is None for process in running), ended(running)
        time.sleep(0.005)
    os.kill(last_of(running), signal.SIGKILL)
    assert 0 not in ended(running)[0]


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("start", WAYS)
def test_a_killed_run_ends_as_one_that_was_not(recipe, start, tmp_path):
    arguments, write = RECIPES[recipe]
    devices = ["--devices", "all"] if BACKEND != "torch" else []
    data = [*devices, "--backend", BACKEND, "--data-dir", write(tmp_path)]
    one, other = ([*arguments, *data, "--output", tmp_path / name] for name in "ab")

    def begin(command):
        return start([*map(str, command)])

    expected = left_alone(begin, one)
    assert expected["settings"]["devices"] > 1
    killed(begin, other, 2)
    assert 2 <= newest(tmp_path / "b") < 5
    assert left_alone(begin, other) == expected
    names = [sorted(p.name for p in (tmp_path / n).rglob("*")) for n in "ab"]
    assert names[0] == names[1], "no checkpoint, lock or half of a file is left"


DIGITS = ["--train-size", "40", "--validation-size", "10", "--epochs", "2"]
DIGITS += ["--seeds", "1", "--methods", "mixup", "--backend", BACKEND]
DIGITS += ["--checkpoint-every", "1epochs", "--save-models"]


@pytest.fixture
def one_device_again():
    yield
    devices._team = devices.Team()


@pytest.mark.spread
def test_only_the_first_process_writes(tmp_path, monkeypatch):
    second = SimpleNamespace(
        count=2, index=1, of_first=lambda own: own, of_each=lambda own: [own, own]
    )
    monkeypatch.setattr(processes, "_ours", second)
    (record,) = digits.main([*DIGITS, "--output", str(tmp_path / "out")])
    assert record["curve"]
    assert not (tmp_path / "out").exists()


def test_a_process_that_has_nothing_left_to_do_says_nothing(
    tmp_path, monkeypatch, capsys
):
    # The first one has read from the file that all is done.
    second = SimpleNamespace(
        count=2, index=1, of_first=lambda own: "[]", of_each=lambda own: [own, own]
    )
    monkeypatch.setattr(processes, "_ours", second)
    assert digits.main([*DIGITS, "--output", str(tmp_path / "out")]) == []
    assert "runs" not in capsys.readouterr().out


def test_a_run_goes_on_on_as_many_devices_as_before(
    tmp_path, monkeypatch, one_device_again
):
    def stop(*args):
        raise KeyboardInterrupt

    command = [*DIGITS, "--output", str(tmp_path / "out")]
    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr("recipes.shared.training.scaled_measures", stop)
        digits.main(command)
    kept = sorted(tmp_path.rglob("*"))
    team = devices.Team(Share(2))
    with monkeypatch.context() as patch:
        patch.setitem(devices._STARTS, BACKEND, lambda options: team)
        with pytest.raises(ValueError, match="settings devices=2 in.*devices=None"):
            digits.main([*command, "--devices", "2"])
    devices._team = devices.Team()
    two = SimpleNamespace(
        count=2, index=0, of_first=lambda own: own, of_each=lambda own: [own, own]
    )
    with monkeypatch.context() as patch:
        patch.setattr(processes, "_ours", two)
        with pytest.raises(ValueError, match="processes 2 in.*runs of 1"):
            digits.main(command)
    assert sorted(tmp_path.rglob("*")) == kept

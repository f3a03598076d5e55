"""`--devices` and several processes: shares of batches, whole runs, what is refused."""

import functools
import json
import os
import signal
import time
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from recipes import digits
from recipes.datasets.batches import (
    Augmented,
    SharedBatches,
    ShuffledRows,
    crop_and_flip,
    two_datasets,
)
from recipes.datasets.device_batches import DeviceRows
from recipes.shared import devices, processes
from recipes.shared.shares import WHOLE, Share
from tests.recipes.several import (
    BACKEND,
    NUM_VIRTUAL,
    ended,
    last_of,
    records,
    run_worker,
    started,
)


def shares(number, per_process=1):
    return [Share(number * per_process, number, index) for index in range(number)]


# Shares -----------------------------------------------------------------------


@pytest.mark.parametrize("count", [24, 21, 2])
def test_shares_are_equal_and_together_the_batch(count):
    parts = [share.rows(count).tolist() for share in shares(2, per_process=4)]
    assert len(parts[0]) == len(parts[1]) == {24: 12, 21: 12, 2: 4}[count]
    together = parts[0] + parts[1]
    assert together[:count] == list(range(count))
    assert together[count:] == [row % count for row in range(count, len(together))]


def test_one_device_has_the_whole_batch():
    np.testing.assert_array_equal(WHOLE.rows(7), np.arange(7))


def batches_of(kind, share, images, labels):
    if kind == "device":
        return DeviceRows(images, labels, 8, padding=2, seed=3, share=share)
    rows = ShuffledRows(images, labels, 8, copies=2, seed=3, share=share)
    augment = functools.partial(crop_and_flip, padding=2)
    if kind == "whole":
        rows = ShuffledRows(images, labels, 8, copies=2, seed=3)
        return SharedBatches(Augmented(rows, augment, seed=4), share)
    if kind == "two orders":
        rows = two_datasets(images, labels, 8, copies=2, seed=3, share=share)
    return rows if kind == "rows" else Augmented(rows, augment, seed=4)


@pytest.mark.parametrize("kind", ["rows", "augmented", "two orders", "whole", "device"])
def test_processes_have_parts_of_the_batches_of_one(kind, rng):
    images = rng.random((18, 6, 6, 1)).astype("float32")
    labels = np.arange(18)
    one = batches_of(kind, WHOLE, images, labels)
    several = [batches_of(kind, share, images, labels) for share in shares(2)]
    for _ in range(2):
        for index in range(len(one)):
            batches = [dataset[index] for dataset in (one, *several)]
            leaves = map(keras.tree.flatten, batches)
            for whole, *own in zip(*leaves, strict=True):
                together = np.concatenate([np.asarray(part) for part in own])
                np.testing.assert_array_equal(together[: len(whole)], whole)
        for dataset in (one, *several):
            assert len(dataset) == len(one)
            dataset.on_epoch_end()


# What is refused ----------------------------------------------------------------


def refused(tmp_path, *arguments):
    """The message of an error that comes before anything is written."""
    output = tmp_path / "output"
    with pytest.raises(ValueError) as raised:
        digits.main(["--backend", BACKEND, "--output", str(output), *arguments])
    assert not output.exists()
    message = str(raised.value)
    assert "\n" not in message
    assert message.startswith("Expected") and "Received: " in message
    return message


@pytest.fixture(autouse=True)
def one_device_again():
    yield
    devices._team = devices.Team()


def test_more_devices_than_there_are(tmp_path):
    message = refused(tmp_path, "--devices", "99")
    assert "--devices 99" in message and "--devices all" in message


def test_a_batch_that_the_devices_do_not_divide(tmp_path, monkeypatch):
    team = devices.Team(Share(3))
    monkeypatch.setitem(devices._STARTS, BACKEND, lambda options: team)
    message = refused(tmp_path, "--devices", "3", "--batch-size", "32")
    assert "Expected a multiple of 3, the number of devices" in message
    assert "--batch-size 30 or 33" in message


@pytest.mark.parametrize(
    "given",
    [
        ["--coordinator", "a:1", "--num-processes", "2"],
        ["--num-processes", "2", "--process-index", "0"],
        ["--coordinator", "auto", "--process-index", "0"],
        ["--coordinator", "a:1", "--num-processes", "2", "--process-index", "2"],
    ],
)
def test_hosts_that_are_not_named_well(tmp_path, given):
    message = refused(tmp_path, *given)
    other = {"torch": "torchrun", "tensorflow": "keras#20585"}
    assert other.get(BACKEND, "Expected") in message


@pytest.mark.skipif(BACKEND != "tensorflow", reason="on TensorFlow only")
def test_workers_of_tensorflow(tmp_path, monkeypatch):
    cluster = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
    assert "keras#20585" in refused(tmp_path)


@pytest.mark.skipif(BACKEND != "torch", reason="on PyTorch only")
def test_devices_of_torch_need_a_process_each(tmp_path, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert "torchrun --nproc-per-node 4" in refused(tmp_path, "--devices", "all")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    assert "Expected --devices 2" in refused(tmp_path, "--devices", "4")


@pytest.mark.parametrize("value", ["0", "some"])
def test_a_number_of_devices_that_is_none(value, capsys):
    with pytest.raises(SystemExit):
        digits.parse_options(["--devices", value])
    assert "Expected an integer of at least 1" in capsys.readouterr().err


def test_one_device_is_what_it_was():
    options = digits.parse_options(["--backend", BACKEND, "--devices", "1"])
    devices.start(options)
    assert options.devices is None
    assert devices.share() == WHOLE and processes.is_first()


def test_processes_with_other_options_are_refused(monkeypatch):
    first = b'{"epochs": 2, "alpha": 0.2}'
    others = SimpleNamespace(count=2, index=1, of_first=lambda own: first)
    monkeypatch.setattr(processes, "_ours", others)
    processes.check_same({"epochs": 2, "alpha": 0.2})
    with pytest.raises(ValueError, match="epochs=3 in process 1, and epochs=2 in"):
        processes.check_same({"epochs": 3, "alpha": 0.2})


# Whole runs ---------------------------------------------------------------------


def command(recipe, output, *more):
    methods = {"gan": ["mixup_gan"], "tabular": ["erm", "mixup"]}[recipe]
    datasets = {"gan": "ring", "tabular": "iris"}
    return [
        *(recipe, "--backend", BACKEND, "--dataset", datasets[recipe]),
        *("--methods", *methods, "--seeds", "1", "--epochs", "1"),
        *("--batch-size", "16", "--output", str(output), *more),
    ]


def assert_same_curves(one, other, methods, tolerance):
    assert len(one) == len(other) > 0
    for first, second in zip(one, other, strict=True):
        if first["method"] in methods:
            for before, after in zip(first["curve"], second["curve"], strict=True):
                assert before == pytest.approx(after, **tolerance)


SMALL = {"gan": ["--width", "8", "--discriminator-steps", "1"], "tabular": []}
# λ and partners are those of one device on JAX; elsewhere each device draws its own.
SAME = {"jax": {"erm", "mixup", "mixup_gan"}}.get(BACKEND, {"erm"})
ROUNDING = {"rel": 1e-4, "abs": 1e-5}


@pytest.mark.slow
@pytest.mark.skipif(BACKEND == "torch", reason="PyTorch has a process for each device")
@pytest.mark.parametrize("recipe", ["tabular", "gan"])
def test_virtual_devices_train_as_one(recipe, tmp_path):
    number = NUM_VIRTUAL[BACKEND]
    one, several = tmp_path / "one", tmp_path / "several"
    first = command(recipe, one, *SMALL[recipe])
    second = command(recipe, several, *SMALL[recipe], "--devices", "all")
    run_worker([first, second], number)
    assert [r["settings"]["devices"] for r in records(several)] == [number] * len(
        records(one)
    )
    # On JAX the last batch of 4 rows is filled up to 8 of them.
    tolerance = ROUNDING if BACKEND != "jax" or recipe == "gan" else {"abs": 0.2}
    assert_same_curves(records(one), records(several), SAME, tolerance)


@pytest.mark.slow
@pytest.mark.skipif(BACKEND == "tensorflow", reason="in one process on TensorFlow")
@pytest.mark.parametrize("recipe", ["tabular", "gan"])
def test_two_processes_train_as_one(recipe, tmp_path):
    one, several = tmp_path / "one", tmp_path / "several"
    run_worker([command(recipe, one, *SMALL[recipe])])
    statuses, texts = ended(started(2, command(recipe, several, *SMALL[recipe])))
    assert set(statuses) == {0}, texts
    assert_same_curves(records(one), records(several), SAME, ROUNDING)
    assert not list(several.rglob("unfinished_*"))


@pytest.mark.slow
@pytest.mark.skipif(BACKEND == "tensorflow", reason="in one process on TensorFlow")
def test_an_error_in_one_process_ends_all(tmp_path):
    if BACKEND == "jax":
        told = "Expected the same options in all processes. Received: epochs=3"
        running = started(2, command("tabular", tmp_path), ["--epochs", "3"])
    else:  # `torchrun` gives all of them the same
        told = "Expected --devices 2, as many as torchrun has started"
        running = started(2, command("tabular", tmp_path, "--devices", "3"))
    statuses, texts = ended(running)
    assert 0 not in statuses
    assert all(told in text for text in texts), texts
    assert not (tmp_path / "results.json").exists()


@pytest.mark.slow
@pytest.mark.skipif(BACKEND == "tensorflow", reason="in one process on TensorFlow")
def test_a_process_that_dies_ends_all_and_harms_nothing(tmp_path):
    path = tmp_path / "results.json"
    arguments = command("tabular", tmp_path, "--seeds", "20", "--epochs", "5")
    running = started(2, arguments)
    while not path.exists():
        assert all(process.poll() is None for process in running)
        time.sleep(0.1)
    os.kill(last_of(running), signal.SIGKILL)
    statuses, texts = ended(running)
    assert 0 not in statuses
    said = {"jax": "Expected all 2 processes to train on", "torch": "SIGKILL"}
    assert any(said[BACKEND] in text for text in texts)
    kept = records(tmp_path)
    assert 0 < len(kept) < 40
    arguments[arguments.index("20")] = str(len({r["seed"] for r in kept}))
    statuses, texts = ended(started(2, arguments))
    assert set(statuses) == {0}, texts
    assert records(tmp_path)[: len(kept)] == kept

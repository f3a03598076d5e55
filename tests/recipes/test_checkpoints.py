"""Checkpoints as files, when they are due, and locks between processes."""

import argparse
import multiprocessing
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from recipes.shared import whole_files
from recipes.shared.checkpoint_times import Due, Every, every
from recipes.shared.checkpoints import Checkpoints, read_state, read_values
from recipes.shared.locks import locked


def write(checkpoints, epoch):
    values = [np.full((2, 100), epoch, "float32"), np.arange(3, dtype="uint32")]
    checkpoints.write(epoch, values, {"note": f"of {epoch}"})


def test_arrays_within_the_state_come_back_as_they_were(tmp_path):
    checkpoints = Checkpoints(tmp_path / "run")
    samples = np.random.default_rng(0).normal(size=(3, 2)).astype("float32")
    state = {"parts": {"curve": {"10": samples, "points": [{"modes": 1}]}}}
    checkpoints.write(1, [np.zeros(4), np.ones(2)], state)
    path = checkpoints.newest()
    found = read_state(path)["parts"]["curve"]
    assert found["points"] == [{"modes": 1}]
    assert found["10"].dtype == "float32"
    np.testing.assert_array_equal(found["10"], samples)
    assert [value.shape for value in read_values(path)] == [(4,), (2,)]
    with pytest.raises(TypeError, match="Neither JSON nor an array: set"):
        checkpoints.write(2, [], {"parts": {1}})
    assert checkpoints.newest() == path


@pytest.fixture
def three(tmp_path):
    checkpoints = Checkpoints(tmp_path / "run")
    for epoch in (1, 2, 3):
        write(checkpoints, epoch)
    return checkpoints


def epochs(checkpoints):
    return sorted(int(path.name[:6]) for path in checkpoints.folder.iterdir())


def test_the_newest_and_the_one_before_are_kept(three):
    assert epochs(three) == [2, 3]
    again = Checkpoints(three.folder)
    assert read_state(again.newest()) == {"note": "of 3", "epoch": 3}
    values = read_values(again.newest())
    assert [(v.dtype, v.shape) for v in values] == [
        ("float32", (2, 100)),
        ("uint32", (3,)),
    ]
    assert (values[0] == 3).all()
    write(again, 10)
    assert epochs(again) == [3, 10]
    again.remove()
    assert not three.folder.exists()
    assert again.newest() is None


def test_any_damage_is_seen(three, rng):
    path = three.newest()
    whole = path.read_bytes()
    for _ in range(50):
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] ^= 1 << rng.integers(8)
        path.write_bytes(damaged[: rng.integers(1, len(whole) + 1)])
        lines = []
        assert int(three.newest(tell=lines.append).name[:6]) == 2
        (line,) = lines
        assert str(path) in line and "checksum" in line
    # What goes on writes beside it, and a damaged one is not kept for a whole one.
    again = Checkpoints(three.folder)
    again.newest()
    write(again, 4)
    assert epochs(again) == [2, 4]


def test_a_write_without_room_leaves_what_was_there(three):
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = sorted(three.folder.iterdir())
    for size in (10, 3_000, 30_000):
        try:
            # A file that may not grow fails as on a full disk.
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
            with pytest.raises(OSError):
                three.write(4, [np.zeros((100, 100))], {})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert sorted(three.folder.iterdir()) == before
    write(three, 4)
    assert epochs(three) == [3, 4]


def test_what_a_killed_process_began_is_removed(three):
    (three.folder / "unfinished_checkpoint.npz").write_text("half")
    three.clean()
    assert epochs(three) == [2, 3]


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    whole_files.check_writable(tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ValueError, match="Expected a folder.*Received.*--output"):
        whole_files.check_writable(tmp_path / "file" / "within")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("5epochs", Every(5)), ("1epoch", Every(1)), ("2.5min", Every(0, 2.5))]
    + [("never", None)],
)
def test_when(text, expected):
    assert every(text) == expected
    assert text == "never" or every(str(expected)) == expected


@pytest.mark.parametrize("text", ["5", "0epochs", "0min", "-1min", "5 h", "", "epochs"])
def test_other_times_are_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="Expected.*Received.*5epochs"):
        every(text)


def test_due():
    now = [0.0]
    by_epochs = Due(Every(3), lambda: now[0])
    assert [by_epochs(epoch) for epoch in (1, 2, 3, 4)] == [False, False, True, True]
    by_epochs.written(4)
    assert not by_epochs(6) and by_epochs(7)
    by_time = Due(Every(minutes=2), lambda: now[0])
    assert not by_time(1)
    now[0] = 120.0
    assert by_time(2)
    by_time.written(2)
    assert not by_time(3)


def refusal(holder):
    return f"held by {holder}"


def test_a_lock_is_held_once(tmp_path):
    path = tmp_path / "new" / "a.lock"
    with locked(path, refusal):
        with pytest.raises(ValueError, match=f"held by {os.getpid()}"):
            with locked(path, refusal):
                pytest.fail("it was held twice")
        with locked(tmp_path / "b.lock", refusal):
            pass
    assert not path.exists()
    with locked(path, refusal):
        pass


HOLDER = """
import pathlib, sys, time
from recipes.shared.locks import locked
with locked(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_killed_process_holds_no_lock(tmp_path):
    path = tmp_path / "a.lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE
    )
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(ValueError, match=f"held by {holder.pid}"):
        with locked(path, refusal):
            pass
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    with locked(path, refusal):
        assert path.exists()


def _count_up(path, times):
    number = path.with_suffix(".txt")
    for _ in range(times):
        with locked(path):
            value = int(number.read_text())
            time.sleep(0.0005)
            number.write_text(str(value + 1))


def test_many_processes_wait_for_each_other(tmp_path):
    (tmp_path / "a.txt").write_text("0")
    processes = [
        multiprocessing.get_context("forkserver").Process(
            target=_count_up, args=(tmp_path / "a.lock", 50)
        )
        for _ in range(4)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert (tmp_path / "a.txt").read_text() == "200"

"""Threads that make batches ahead, and several steps at a time, change no result."""

import threading

import keras
import numpy as np
import pytest

from benchmarks.killed_run import tiny_resnet
from recipes import cifar, imagenet
from recipes.datasets.ahead import Ahead
from recipes.datasets.batches import Augmented, ShuffledRows, crop_and_flip
from recipes.shared.results import without_nan
from recipes.shared.resuming import Resuming
from tests.recipes.images import write_cifar
from tests.recipes.photos import write_photos

BACKEND = keras.config.backend()
several_steps = pytest.mark.skipif(BACKEND == "torch", reason="one step at a time")
# 3 steps an epoch, the last one of 8 rows.
CIFAR = ["--epochs", "3", "--width", "2", "--image-size", "8", "--batch-size", "16"]
CIFAR += ["--train-size", "40", "--test-size", "20", "--padding", "1", "--no-profile"]
CIFAR += ["--network", "resnet9"]
# 4 steps an epoch.
PHOTOS = ["--image-size", "32", "--batch-size", "4", "--epochs", "2"]


def augmented():
    images = np.arange(7 * 16, dtype="float32").reshape(7, 4, 4, 1)
    return Augmented(ShuffledRows(images, np.arange(7), 2), crop_and_flip, seed=1)


def taken_by_fit(dataset, epochs=3):
    """The sums of the batches that `fit` trains on, in their order."""
    seen = []

    class Model(keras.Model):
        def call(self, x):
            return x

        def train_step(self, *args):
            x, y = (keras.ops.convert_to_numpy(part) for part in args[-1])
            seen.append([float(np.sum(x)), *np.ravel(y).tolist()])
            logs = {"loss": keras.ops.zeros(())}
            # On JAX a step returns the state that it was given.
            return (logs, args[0]) if len(args) == 2 else logs

    model = Model()
    model.compile("sgd", "mse", run_eagerly=True)
    model.fit(dataset, epochs=epochs, shuffle=False, verbose=0)
    return seen


@pytest.mark.parametrize("workers", [1, 3, 9])
def test_threads_give_the_same_batches_in_the_same_order(workers):
    expected = taken_by_fit(augmented())
    assert len({tuple(each) for each in expected}) == 12, "each epoch has its own"
    assert taken_by_fit(Ahead(augmented(), workers)) == expected


class Slow(ShuffledRows):
    """Says which threads have made its batches, and in which epoch."""

    def __init__(self):
        super().__init__(np.arange(8), np.arange(8), 2)
        self.may_go_on = threading.Event()
        self.made = []

    def __getitem__(self, index):
        if index:
            self.may_go_on.wait(10)
        self.made.append((index, self.epoch, threading.current_thread().name))
        return super().__getitem__(index)


def test_batches_are_made_beside_and_none_sees_the_next_epoch():
    slow = Slow()
    ahead = Ahead(slow, 2)
    ahead[0]  # 1 and 2 are begun, and wait
    threading.Timer(0.1, slow.may_go_on.set).start()
    ahead.epoch = 5
    assert {epoch for _, epoch, _ in slow.made} == {0}
    np.testing.assert_array_equal(ahead[3][0], slow[3][0])
    names = [name for *_, name in slow.made[:-1]]
    assert all(name.startswith("batches") for name in names)
    assert slow.made[-1][1] == 5


def test_an_error_in_a_thread_is_that_of_its_batch():
    class Broken(ShuffledRows):
        def __getitem__(self, index):
            if index == 1:
                raise OSError("no such image")
            return super().__getitem__(index)

    ahead = Ahead(Broken(np.arange(8), np.arange(8), 2), 2)
    ahead[0]
    with pytest.raises(OSError, match="no such image"):
        ahead[1]
    ahead.on_epoch_end()
    assert ahead.epoch == 1


def measured(records):
    (record,) = records
    del record["metrics"]["seconds"]
    record["metrics"].pop("cpu_seconds", None)
    return without_nan([record])[0]


def cifar_run(folder, *more):
    folder.mkdir()
    common = ["--backend", BACKEND, "--output", str(folder / "out"), "--seeds", "1"]
    data = ["--data-dir", str(write_cifar(folder)), "--methods", "mixup_dropout"]
    return measured(cifar.main([*CIFAR, *data, *common, *more]))


@pytest.fixture
def photos_run(tmp_path, monkeypatch):
    pytest.importorskip("tensorflow")
    pytest.importorskip("PIL.Image")
    monkeypatch.setattr(keras.applications, "ResNet50", tiny_resnet)
    photos = write_photos(tmp_path / "photos")

    def run(name, *more):
        common = ["--backend", BACKEND, "--output", str(tmp_path / name)]
        common += ["--seeds", "1", "--methods", "multimix", "--data-dir", str(photos)]
        return measured(imagenet.main([*PHOTOS, *common, *more]))

    return run


def assert_close(found, expected):
    """The same record, but for rounding."""

    def numbers(record):
        parts = [record["metrics"], record["reliability"], *record["curve"]]
        # Of no number at all, such as the accuracy of an empty bin, there is None.
        return [np.array(each[k], "float64") for each in parts for k in sorted(each)]

    for one, other in zip(numbers(found), numbers(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
    same = ("settings", "epochs", "method")
    assert [found[name] for name in same] == [expected[name] for name in same]


@pytest.mark.slow
def test_images_in_memory(tmp_path):
    expected = cifar_run(tmp_path / "a")
    assert cifar_run(tmp_path / "b", "--workers", "3") == expected
    if BACKEND != "torch":
        # Of 3 steps: the last execution of an epoch has one.
        assert_close(cifar_run(tmp_path / "c", "--steps-per-execution", "2"), expected)


@pytest.mark.spread
def test_a_stream(photos_run, tmp_path, cache_of_before):
    expected = photos_run("a")
    assert photos_run("b", "--workers", "1") == expected
    cache = tmp_path / "compiled"
    more = ["--steps-per-execution", "2"] if BACKEND != "torch" else []
    assert_close(photos_run("c", *more, "--compilation-cache", str(cache)), expected)
    if BACKEND == "jax":
        assert any(cache.iterdir())


@pytest.fixture
def cache_of_before():
    yield
    if BACKEND == "jax":
        import jax

        jax.config.update("jax_compilation_cache_dir", None)


@several_steps
def test_epochs_of_a_stream_end_at_a_step(photos_run):
    with pytest.raises(ValueError, match="divisor of the 4 steps.*n 3. Use.* 2 or 4"):
        photos_run("a", "--steps-per-execution", "3")


@pytest.mark.spread
@several_steps
def test_a_stopped_run_goes_on_with_other_threads_and_steps(photos_run, monkeypatch):
    expected = photos_run("a")

    def stop(self, batch, logs=None):
        if self.epoch_now == 1:
            raise KeyboardInterrupt

    def note(self, epoch, logs=None):
        self.epoch_now = epoch

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(Resuming, "on_epoch_begin", note)
        patch.setattr(Resuming, "on_train_batch_end", stop)
        photos_run("b", "--checkpoint-every", "1epochs", "--steps-per-execution", "2")
    found = photos_run("b", "--workers", "2", "--steps-per-execution", "4")
    assert_close(found, expected)


def refusal(recipe, arguments, capsys):
    with pytest.raises(SystemExit):
        recipe.parse_options(arguments)
    return capsys.readouterr().err


@pytest.mark.parametrize("recipe", [cifar, imagenet])
def test_several_steps_are_refused_on_pytorch(recipe, capsys):
    arguments = ["--backend", "torch", "--steps-per-execution", "2"]
    text = " ".join(refusal(recipe, arguments, capsys).split())
    assert "Expected one step at a time on PyTorch" in text
    assert "Received: --steps-per-execution 2. Leave it out" in text
    recipe.parse_options(["--backend", "torch", "--steps-per-execution", "1"])


@pytest.mark.parametrize("recipe", [cifar, imagenet])
def test_several_steps_are_refused_on_several_devices_of_tensorflow(recipe, capsys):
    arguments = ["--backend", "tensorflow", "--steps-per-execution", "2"]
    text = refusal(recipe, [*arguments, "--devices", "all"], capsys)
    text = " ".join(text.split())
    assert "Expected one step at a time on several devices of TensorFlow" in text
    assert "Received: --devices all with --steps-per-execution 2. Leave" in text
    recipe.parse_options([*arguments, "--devices", "1"])
    recipe.parse_options(["--backend", "jax", *arguments[2:], "--devices", "all"])


def test_threads_have_nothing_to_do_where_the_device_crops(capsys):
    text = refusal(cifar, ["--workers", "2", "--on-device"], capsys)
    assert "--workers 2 with --on-device. Leave one" in " ".join(text.split())

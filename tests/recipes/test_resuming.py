"""Runs that were stopped at a step go on, and end as if they had not been."""

import functools
import random

import keras
import pytest

from benchmarks import killed_run as killed
from benchmarks.killed_run import tiny_resnet
from recipes import cifar, digits, gan, imagenet
from recipes.parts import gan_samples
from recipes.shared import results, training
from recipes.shared.checkpoint_times import Every
from recipes.shared.results import without_nan
from recipes.shared.resuming import Resuming
from recipes.shared.runner import Run
from tests.recipes.images import write_cifar
from tests.recipes.photos import write_photos

DIGITS = ["--train-size", "40", "--validation-size", "10", "--epochs", "4"]
CIFAR = ["--epochs", "4", "--width", "8", "--image-size", "8", "--batch-size", "10"]
CIFAR += ["--train-size", "40", "--test-size", "20", "--padding", "1", "--no-profile"]
POINTS = ["--epochs", "4", "--width", "8", "--batch-size", "8", "--dataset", "ring"]
POINTS += ["--discriminator-steps", "2"]
PHOTOS = ["--image-size", "32", "--batch-size", "3", "--epochs", "3"]


def digits_run(folder, method, *more):
    return digits.main([*DIGITS, *common(folder, method), *more])


def cifar_run(folder, method, *more):
    options = common(folder, method)  # makes the folder
    data = ["--data-dir", str(write_cifar(folder))]
    return cifar.main([*CIFAR, *data, *options, *more])


def photos_run(folder, method, *more):
    photos = folder.parent / "photos"
    if not photos.exists():
        write_photos(photos)
    data = ["--data-dir", str(photos)]
    return imagenet.main([*PHOTOS, *data, *common(folder, method), *more])


def gan_run(folder, method, *more):
    records = gan.main([*POINTS, *common(folder, method), *more])
    for record in records:
        run = Run(*(record[name] for name in ("dataset", "method", "seed")))
        snapshots = gan_samples.load(folder / "out", run)
        record["snapshots"] = {k: taken.tolist() for k, taken in snapshots.items()}
    return records


def common(folder, method):
    backend = keras.config.backend()
    folder.mkdir(parents=True, exist_ok=True)
    return [
        *("--backend", backend, "--output", str(folder / "out")),
        *("--seeds", "1", "--methods", method),
    ]


def stop_at(monkeypatch, step):
    """Ctrl-C, which leaves as little as a kill does, after a number of steps."""
    left = [step]

    def on_train_batch_end(self, batch, logs=None):
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt

    monkeypatch.setattr(Resuming, "on_train_batch_end", on_train_batch_end)


def without_seconds(records):
    for record in records:
        del record["metrics"]["seconds"]
        record["metrics"].pop("cpu_seconds", None)
    return without_nan(records)  # NaN is not itself


def scramble():
    """Another process has other random states."""
    keras.utils.set_random_seed(7)


CASES = {
    "arrays": (digits_run, "multimix", (), 5),
    "stream": (photos_run, "multimix", (), 14),
    "augmented": (cifar_run, "mixup_dropout", (), 9),
    "on the device": (cifar_run, "mixup", ("--on-device",), 9),
    "neighbors": (cifar_run, "mixup_neighbors", (), 9),
    "more rows": (digits_run, "mixup_matched", (), 5),
    "noise": (cifar_run, "noise_0.1", (), 9),
    "gan": (gan_run, "mixup_gan", (), 250),
}
QUICK = ("stream", "gan")  # arrays: below


@pytest.mark.spread
@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=() if case in QUICK else pytest.mark.slow)
        for case in CASES
    ],
)
def test_a_stopped_run_ends_as_one_that_was_not(case, tmp_path, monkeypatch):
    monkeypatch.setattr(keras.applications, "ResNet50", tiny_resnet)
    run, method, more, step = CASES[case]
    straight = without_seconds(run(tmp_path / "a", method, *more))
    go = functools.partial(
        run, tmp_path / "b", method, *more, "--checkpoint-every", "1epochs"
    )
    scramble()
    with monkeypatch.context() as patch, pytest.raises(SystemExit) as stop:
        stop_at(patch, step)
        go()
    assert stop.value.code == 130
    kept = sorted((tmp_path / "b" / "out" / "checkpoints").glob("*/*"))
    assert len(kept) == 2, "the newest, and the one before"
    scramble()
    epochs = []
    with monkeypatch.context() as patch:
        patch.setattr(
            Resuming, "on_epoch_begin", lambda self, epoch, logs=None: epochs.append(1)
        )
        assert without_seconds(go()) == straight
    assert 0 < len(epochs) < straight[0]["epochs"], "not all of them again"
    assert not (tmp_path / "b" / "out" / "checkpoints").exists()


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """The records of a run that was left alone, without checkpoints."""
    return without_seconds(digits_run(tmp_path_factory.mktemp("straight"), "mixup"))


@pytest.mark.spread
def test_a_run_that_is_stopped_after_training_trains_no_more(
    straight, tmp_path, monkeypatch
):
    go = functools.partial(
        digits_run, tmp_path / "b", "mixup", "--checkpoint-every", "100epochs"
    )

    def stop(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(training, "scaled_measures", stop)
        go()
    stop_at(monkeypatch, 1)
    assert without_seconds(go()) == straight


@pytest.fixture
def stopped(tmp_path, monkeypatch):
    """A folder with two checkpoints of a run, and a function that goes on."""
    go = functools.partial(digits_run, tmp_path, "mixup", "--checkpoint-every")
    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        stop_at(patch, 5)
        go("1epochs")
    return tmp_path / "out" / "checkpoints" / "digits-mixup-0", go


def test_damaged_checkpoints_are_named_and_the_one_before_is_taken(
    stopped, capsys, straight
):
    folder, go = stopped
    before, newest = sorted(folder.iterdir())
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    capsys.readouterr()
    assert without_seconds(go("never")) == straight
    printed = capsys.readouterr()
    assert f"Expected {newest} as it was written" in printed.out + printed.err


def test_other_options_are_refused_before_anything_runs(stopped):
    folder, go = stopped
    files = {path: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(ValueError, match="settings batch_size=7 in.*batch_size=32"):
        go("1epochs", "--batch-size", "7", "--methods", "erm", "mixup")
    assert {path: path.read_bytes() for path in folder.iterdir()} == files
    assert not (folder.parents[1] / "results.json").exists()


@pytest.mark.spread
def test_a_gan_with_other_options_is_refused_and_its_changes_are_not(
    tmp_path, monkeypatch
):
    def stop(*args):
        raise KeyboardInterrupt

    go = functools.partial(gan_run, tmp_path, "gan", "--robustness", "--epochs", "1")
    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(gan_samples, "save", stop)
        go("--checkpoint-every", "1epochs")
    with pytest.raises(ValueError, match="settings alpha=0.4 in.*runs of alpha=0.2"):
        go("--alpha", "0.4")
    # The run has another learning rate than the command, as its name says.
    (folder,) = (tmp_path / "out" / "checkpoints").iterdir()
    assert folder.name == "ring_learning_rate_0.0001-gan-0"
    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        stop_at(patch, 1)
        go()
    records = results.read_measured(tmp_path / "out" / "results.json")
    assert [record["dataset"] for record in records] == ["ring, learning_rate 0.0001"]


def test_other_data_are_refused(tmp_path, stopped):
    options = digits.parse_options([*DIGITS, *common(tmp_path, "mixup")])
    with pytest.raises(ValueError, match="data train=10 in.*runs of train=40"):
        Resuming(options, Run("digits", "mixup", 0), {"train": 10, "test": 1747}, {})


def test_a_full_disk_is_seen_at_the_start(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "recipes.shared.resuming.shutil.disk_usage",
        lambda path: type("Usage", (), {"free": 100}),
    )
    with pytest.raises(ValueError, match="Expected room.*100 bytes are free.*Make"):
        digits_run(tmp_path, "mixup", "--checkpoint-every", "10min")


def test_a_disk_that_fills_up_later_stops_nothing(
    straight, tmp_path, monkeypatch, capsys
):
    write = Resuming._write

    def full(self, epoch):
        if epoch in (2, 4):
            raise OSError(28, "No space left on device")
        write(self, epoch)

    monkeypatch.setattr(Resuming, "_write", full)
    records = digits_run(tmp_path / "b", "mixup", "--checkpoint-every", "1epochs")
    assert without_seconds(records) == straight
    printed = capsys.readouterr()
    assert "of epoch 1, is kept" in printed.out + printed.err


@pytest.mark.spread
def test_presets_that_take_hours_keep_checkpoints():
    presets = [(imagenet, "paper"), (cifar, "paper"), (cifar, "puzzlemix")]
    for recipe, preset in [*presets, (gan, "paper")]:
        options = recipe.parse_options(["--preset", preset])
        assert options.checkpoint_every == Every(minutes=10)
    assert cifar.parse_options([]).checkpoint_every is None
    options = cifar.parse_options(["--preset", "paper", "--checkpoint-every", "never"])
    assert options.checkpoint_every is None


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(killed.COMMANDS))
def test_a_killed_run_ends_as_one_that_was_not(kind, tmp_path):
    """With SIGKILL, twice at random: `benchmarks.reliability` does it more often."""
    rng, backend = random.Random(kind), keras.config.backend()
    expected = killed.left_alone(kind, tmp_path / "a", backend)
    assert killed.killed(kind, tmp_path / "b", backend, 2, rng) == (2, expected)

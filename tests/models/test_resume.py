"""Trainings that were killed go on exactly; files are whole, or refused and kept."""

import functools
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest

from benchmarks import killed_training as training
from keras_multimix import MixUp, MixupModel
from tests import helpers

MODELS = sorted(training.MODELS)


def everything(model):
    """Weights, optimizer and random states."""
    variables = [*model.variables, *model.optimizer.variables]
    return [np.array(helpers.in_numpy(v.value)) for v in variables]


def assert_same(first, second):
    for a, b in zip(everything(first), everything(second), strict=True):
        np.testing.assert_array_equal(a, b)


@functools.cache
def straight(name, save):
    """A training that nobody stopped."""
    model = training.MODELS[name]()
    training.train(model, save)
    return model


def resumed(name, save, folder):
    model = training.model_for(name, folder)
    training.train(model, save, folder)
    return model


class InterruptAt(keras.callbacks.Callback):
    def __init__(self, step):
        super().__init__()
        self.left = step

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


def interrupted(name, save, folder, step):
    model = training.MODELS[name]()
    with pytest.raises(KeyboardInterrupt):
        training.train(model, save, folder, [InterruptAt(step)])


CASES = [("mixup", "epochs", 7)]
MORE = [
    pytest.param(name, save, step, marks=pytest.mark.slow)
    for name in MODELS
    for save in ("epochs", "steps")
    for step in (1, 6, 13)
]


@pytest.mark.spread
@pytest.mark.parametrize(("name", "save", "step"), [*CASES, *MORE])
def test_a_killed_training_ends_with_the_same_weights(name, save, step, tmp_path):
    options = f"--backend {helpers.backend()} --model {name} --save {save}".split()
    program = [sys.executable, "-m", "benchmarks.killed_training", str(tmp_path)]
    killed = subprocess.run([*program, *options, "--kill", str(step)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert_same(resumed(name, save, tmp_path), straight(name, save))


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_a_training_that_stops_again_and_again(name, tmp_path):
    rng = np.random.default_rng(3)
    for _ in range(3):
        interrupted(name, "steps", tmp_path, int(rng.integers(1, 7)))
    assert_same(resumed(name, "steps", tmp_path), straight(name, "steps"))


def new_model(layer=None):
    keras.utils.set_random_seed(3)
    base = keras.Sequential([keras.Input((4,)), layer or keras.layers.Dropout(0.5)])
    base.add(keras.layers.Dense(3))
    model = MixupModel(base, MixUp(seed=7))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.05), loss)
    return model


def fit(model, epochs=1):
    x, y = training.arrays()
    model.fit(x, y, batch_size=4, epochs=epochs, shuffle=False, verbose=0)


@pytest.mark.skipif(
    helpers.backend() == "torch", reason="there Keras draws from torch's own generator"
)
@pytest.mark.parametrize("form", ["model.keras", "model.weights.h5"])
def test_dropout_without_a_seed_goes_on(tmp_path, form):
    model = new_model()
    fit(model)
    path = tmp_path / form
    whole = form.endswith(".keras")
    model.save(path) if whole else model.save_weights(path)
    fit(model)
    keras.utils.set_random_seed(8)
    other = keras.saving.load_model(path) if whole else new_model()
    if not whole:
        other.load_weights(path)
    fit(other)
    assert_same(other, model)


def test_noise_with_a_seed_goes_on_under_every_backend(tmp_path):
    model, other = (new_model(keras.layers.GaussianNoise(1.0, seed=5)) for _ in "ab")
    fit(model)
    model.save_weights(tmp_path / "a.weights.h5")
    other.load_weights(tmp_path / "a.weights.h5")
    for each in (model, other):
        fit(each)
    assert_same(other, model)


def test_loading_weights_brings_the_optimizer_that_was_never_used(tmp_path):
    model = new_model()
    fit(model)
    model.save_weights(tmp_path / "a.weights.h5")
    other = new_model()
    other.load_weights(tmp_path / "a.weights.h5")
    assert int(other.optimizer.iterations) == training.STEPS_PER_EPOCH
    assert_same(other, model)


def test_weights_are_loaded_into_a_model_that_was_never_compiled(tmp_path):
    model = new_model()
    model.save_weights(tmp_path / "a.weights.h5")
    other = MixupModel(new_model().base_model, MixUp(seed=3))
    other.load_weights(tmp_path / "a.weights.h5")
    for a, b in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


class WithoutSeeds(keras.Model):
    """Has the same parts, and writes files as Keras does."""

    def __init__(self, of):
        super().__init__()
        self.base_model, self.mixer = of.base_model, of.mixer
        self.built = True


def test_files_without_random_states_of_layers_are_read(tmp_path):
    model, other = new_model(), new_model()
    fit(model)
    WithoutSeeds(model).save_weights(tmp_path / "a.weights.h5")
    with pytest.warns(UserWarning, match="Skipping variable loading for optimizer"):
        other.load_weights(tmp_path / "a.weights.h5")
    for a, b in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_random_states_of_another_model_are_refused(tmp_path):
    new_model().save_weights(tmp_path / "a.weights.h5")
    other = new_model(keras.layers.Activation("linear"))
    with pytest.raises(ValueError, match="Expected 0 random states of layers"):
        other.load_weights(tmp_path / "a.weights.h5")


# Damaged files --------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_a_damaged_file_is_refused_and_left_as_it_is(name, tmp_path):
    path = tmp_path / "latest.weights.h5"
    model = training.MODELS[name]()
    model.optimizer.build(model.trainable_variables)
    model.save_weights(path)
    whole = path.read_bytes()
    before = everything(model)
    sizes = np.linspace(0, len(whole) - 1, 9).astype(int)
    damaged = [whole[:size] for size in sizes] + [b"\0" * len(whole), b"weights"]
    for content in damaged:
        path.write_bytes(content)
        with pytest.raises(ValueError, match="Expected a whole file.*Received.*To fix"):
            training.train(model, "steps", tmp_path)
        assert path.read_bytes() == content
        for a, b in zip(everything(model), before, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", MODELS)
def test_a_damaged_backup_is_refused_and_left_as_it_is(name, tmp_path):
    interrupted(name, "epochs", tmp_path, 7)
    for file in ("latest.weights.h5", "training_metadata.json"):
        path = tmp_path / "backup" / file
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(ValueError):
            training.train(training.MODELS[name](), "epochs", tmp_path)
        assert path.read_bytes() == whole[: len(whole) // 2]
        path.write_bytes(whole)
    assert_same(resumed(name, "epochs", tmp_path), straight(name, "epochs"))


def test_a_second_backup_takes_the_place_of_a_damaged_one(tmp_path):
    def run(*more):
        backup = keras.callbacks.BackupAndRestore(tmp_path, double_checkpoint=True)
        model = new_model()
        x, y = training.arrays()
        options = {"batch_size": 4, "epochs": 4, "shuffle": False, "verbose": 0}
        model.fit(x, y, callbacks=[backup, *more], **options)
        return model

    with pytest.raises(KeyboardInterrupt):
        run(InterruptAt(12))
    (tmp_path / "latest.weights.h5").write_bytes(b"")
    model = run()
    assert int(model.optimizer.iterations) == training.STEPS


class Unwritable(keras.layers.Layer):
    """Fails in the middle of a file, as a full disk or a signal would."""

    broken = False

    def call(self, x):
        return x

    def save_own_variables(self, store):
        if self.broken:
            raise KeyboardInterrupt


@pytest.mark.parametrize("form", ["model.keras", "model.weights.h5"])
def test_a_failed_save_keeps_the_file_that_was_there(tmp_path, form):
    layer = Unwritable()
    model, path = new_model(layer), tmp_path / form
    save = model.save if form.endswith(".keras") else model.save_weights
    save(path)
    before = path.read_bytes()
    layer.broken = True
    with pytest.raises(KeyboardInterrupt):
        save(path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == [form]
    layer.broken = False
    fit(model)
    save(path)
    assert path.read_bytes() != before


def test_every_form_of_saving_still_works(tmp_path):
    model = new_model()
    fit(model)
    model.save(str(tmp_path / "text.keras"))
    model.save(tmp_path / "folder", zipped=False)
    model.save_weights(tmp_path / "many.weights.json", max_shard_size=1)
    link = tmp_path / "link.weights.h5"
    link.symlink_to(tmp_path / "target.weights.h5")
    model.save_weights(link)
    assert link.is_symlink() and (tmp_path / "target.weights.h5").exists()
    for name in ("many.weights.json", "link.weights.h5", "text.keras"):
        other = new_model()
        other.load_weights(tmp_path / name)
        assert_same(other, model)
    assert_same(keras.saving.load_model(tmp_path / "folder"), model)
    with pytest.raises(FileNotFoundError):
        model.load_weights(tmp_path / "nowhere.weights.h5")
    with pytest.raises(ValueError, match="must end in"):
        model.save_weights(tmp_path / "weights.npz")

"""Saved, loaded and resumed models go on where they were."""

import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_multimix import MixUp, MixupModel, MultiMix
from tests import helpers


def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(12, 4)).astype("float32"), np.arange(12) % 3


def new_model(seed=7):
    keras.utils.set_random_seed(3)
    base = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model = MixupModel(base, MultiMix(0.4, 3, seed=seed))
    model.compile(
        keras.optimizers.Adam(0.05),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def fit(model, epochs, **arguments):
    history = model.fit(
        *data(), batch_size=4, epochs=epochs, shuffle=False, verbose=0, **arguments
    )
    return history.history["loss"]


def assert_same_weights(first, second):
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_the_model_is_built_as_soon_as_its_base_is():
    base = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    assert MixupModel(base, MixUp()).built
    lazy = MixupModel(keras.Sequential([keras.layers.Dense(3)]), MixUp())
    assert not lazy.built
    lazy.predict(data()[0], verbose=0)
    assert lazy.built and lazy.base_model.built


def test_a_loaded_model_continues_the_run(tmp_path):
    straight = new_model(seed=None)
    path = tmp_path / "model.keras"
    fit(straight, 2)
    straight.save(path)
    losses = fit(straight, 2)
    loaded = keras.saving.load_model(path)
    assert loaded.mixer.get_config() == straight.mixer.get_config()
    assert fit(loaded, 2) == pytest.approx(losses, rel=1e-5)
    assert_same_weights(loaded, straight)
    assert helpers.state(loaded.mixer) == helpers.state(straight.mixer)


def test_loaded_weights_bring_the_stream(tmp_path):
    model, other = new_model(), new_model(seed=8)
    fit(model, 2)
    model.save_weights(tmp_path / "model.weights.h5")
    other.optimizer.build(other.trainable_variables)
    other.load_weights(tmp_path / "model.weights.h5")
    assert_same_weights(model, other)
    assert helpers.state(other.mixer) == helpers.state(model.mixer)


class Interrupt(keras.callbacks.Callback):
    """Stops a run in the middle, as a killed process would."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt


def test_backup_and_restore_continues_the_run(tmp_path):
    straight = new_model()
    losses = fit(straight, 4)

    def backup():
        return keras.callbacks.BackupAndRestore(tmp_path / "backup")

    with pytest.raises(KeyboardInterrupt):
        fit(new_model(), 4, callbacks=[backup(), Interrupt()])
    resumed = new_model(seed=99)  # the backup knows the seed too
    rest = fit(resumed, 4, callbacks=[backup()])
    assert rest == pytest.approx(losses[2:], rel=1e-5)
    assert_same_weights(resumed, straight)


def test_checkpoints_are_read_and_written(tmp_path):
    path = tmp_path / "best.keras"
    checkpoint = keras.callbacks.ModelCheckpoint(path, monitor="loss")
    model = new_model()
    fit(model, 1, callbacks=[checkpoint])
    assert_same_weights(keras.saving.load_model(path), model)


def test_the_base_model_is_saved_without_a_trace(tmp_path):
    model = new_model()
    fit(model, 1)
    path = tmp_path / "plain.keras"
    model.base_model.save(path)
    x, _ = data()
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "expected.npy", model.predict(x, verbose=0))
    program = f"""
import sys, keras, numpy as np
model = keras.saving.load_model({str(path)!r})
got = model.predict(np.load({str(tmp_path / "x.npy")!r}), verbose=0)
np.testing.assert_allclose(got, np.load({str(tmp_path / "expected.npy")!r}), atol=1e-5)
sys.exit("keras_multimix" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_best_epoch_as_an_ordinary_model(tmp_path):
    x, y = data()
    best, plain = tmp_path / "best.keras", tmp_path / "plain.keras"
    checkpoint = keras.callbacks.ModelCheckpoint(
        best, monitor="val_loss", save_best_only=True
    )
    seen = []
    watch = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(
            (logs["val_loss"], model.base_model.get_weights())
        )
    )
    model = new_model()
    model.optimizer.learning_rate = 1.0  # so that the last epoch is not the best
    model.fit(
        x, y, epochs=6, validation_data=(x, y), callbacks=[checkpoint, watch], verbose=0
    )
    keras.saving.load_model(best).base_model.save(plain)
    losses = [loss for loss, _ in seen]
    assert np.argmin(losses) < len(losses) - 1
    loaded = keras.saving.load_model(plain)
    assert type(loaded) is keras.Sequential
    wanted = seen[int(np.argmin(losses))][1]
    for got, want in zip(loaded.get_weights(), wanted, strict=True):
        np.testing.assert_allclose(got, want, atol=1e-6)


@pytest.mark.skipif(
    helpers.backend() == "torch", reason="Keras exports no SavedModel from PyTorch"
)
@pytest.mark.filterwarnings("ignore:The `native_serialization` parameter")
@pytest.mark.parametrize("trained", [False, True])
def test_export(tmp_path, trained):
    import tensorflow as tf

    model, (x, _) = new_model(), data()
    if trained:
        fit(model, 1)
    model.export(tmp_path, verbose=False)
    exported = tf.saved_model.load(tmp_path)  # its variables live as long as it does
    got = exported.serve(tf.constant(x))
    expected = model.base_model.predict(x, verbose=0)
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_config_round_trip():
    model = new_model()
    copy = MixupModel.from_config(model.get_config())
    assert copy.mixer.get_config() == model.mixer.get_config()
    assert copy.name == model.name
    assert type(copy.mixer) is MultiMix and copy.built

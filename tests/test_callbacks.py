"""MixupSchedule: what each epoch does, what it costs, and that nothing of it stays."""

import keras
import numpy as np
import pytest

from keras_multimix import CutMix, MixUp, MixupModel, MixupSchedule, MultiMix, RandomMix
from tests import helpers


class Count(keras.layers.Layer):
    """Notes the rows of each trace."""

    def __init__(self):
        super().__init__()
        self.rows = []

    def call(self, x):
        self.rows.append(x.shape[0])
        return x


def data(rows=12):
    rng = np.random.default_rng(0)
    return rng.normal(size=(rows, 4)).astype("float32"), np.arange(rows) % 3


def new_model(mixer, counter=None, mix_at=None):
    keras.utils.set_random_seed(1)
    layers = [keras.Input((4,)), keras.layers.Dense(5, "tanh", name="hidden")]
    layers += [counter] if counter else []
    base = keras.Sequential([*layers, keras.layers.Dense(3)])
    model = MixupModel(base, mixer, mix_at=mix_at)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1), loss)
    return model


def fit(model, epochs, *callbacks, **arguments):
    model.fit(
        *data(),
        batch_size=4,
        epochs=epochs,
        shuffle=False,
        verbose=0,
        callbacks=list(callbacks),
        **arguments,
    )
    return model


def assert_same_weights(first, second, atol=1e-6):
    for a, b in zip(
        first.base_model.get_weights(), second.base_model.get_weights(), strict=True
    ):
        np.testing.assert_allclose(a, b, atol=atol)


class At(keras.callbacks.Callback):
    """Does something when an epoch begins."""

    def __init__(self, epoch, action):
        super().__init__()
        self.epoch, self.action = epoch, action

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            self.action()


@pytest.mark.parametrize("times", [1, 5])
def test_an_epoch_that_is_off_is_plain_training(times):
    scheduled = fit(new_model(MultiMix(0.4, times, seed=1)), 3, MixupSchedule(3))
    plain = new_model(MixUp())
    plain.base_model.compile(keras.optimizers.SGD(0.1), plain.loss)
    plain.base_model.fit(*data(), batch_size=4, epochs=3, shuffle=False, verbose=0)
    assert_same_weights(scheduled, plain)
    assert helpers.state(scheduled.mixer)[2] == 9  # it counts on


def test_it_starts_and_stops():
    scheduled = fit(new_model(MixUp(0.4, 2, seed=1)), 5, MixupSchedule(2, 4))
    by_hand = new_model(MixUp(0.4, 2, seed=1))
    fit(by_hand, 2, MixupSchedule(9))
    assert by_hand.mixing
    fit(by_hand, 4, initial_epoch=2)
    fit(by_hand, 5, MixupSchedule(0, 4), initial_epoch=4)
    assert_same_weights(scheduled, by_hand)


@pytest.mark.spread
@pytest.mark.parametrize("mix_at", [None, ["hidden"], ["input", "hidden"]])
def test_one_more_trace_for_the_plain_step(mix_at):
    counter = Count()
    mixer = MultiMix(0.4, 5, seed=1)
    model = new_model(mixer, counter, mix_at)
    alphas = MixupSchedule(1, 7, alpha=lambda epoch: 0.1 * epoch)
    counter.rows.clear()
    fit(model, 3, alphas)  # epochs 1 and 2 mix
    if helpers.backend() == "torch":
        assert counter.rows[-6:] == [20] * 6 and counter.rows[-9:-6] == [4] * 3
        return
    mixed_traces = len([rows for rows in counter.rows if rows == 20])
    plain_traces = len([rows for rows in counter.rows if rows == 4])
    assert plain_traces >= 1 and mixed_traces >= 1
    before = len(counter.rows)
    fit(model, 40, alphas, initial_epoch=3)
    kinds = len(mix_at or [None]) + 1
    assert len(counter.rows) <= max(before, kinds * max(plain_traces, mixed_traces) + 2)
    before = len(counter.rows)
    fit(model, 43, alphas, initial_epoch=40)
    assert len(counter.rows) == before


@pytest.mark.spread
@pytest.mark.parametrize("mixer", [MixUp, MultiMix, CutMix])
def test_alpha_follows_the_epoch(mixer):
    def new(alpha):
        layer = mixer(alpha, 2, seed=3)
        keras.utils.set_random_seed(1)
        base = keras.Sequential(
            [keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(3)]
        )
        model = MixupModel(base, layer)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(0.1), loss)
        return model

    x = np.random.default_rng(0).normal(size=(12, 4, 4, 1)).astype("float32")
    y = np.arange(12) % 3
    arguments = {"batch_size": 4, "shuffle": False, "verbose": 0}
    alphas = [0.1, 0.0, 4.0]
    scheduled = new(1.0)
    schedule = MixupSchedule(alpha=lambda epoch: alphas[epoch])
    scheduled.fit(x, y, epochs=3, callbacks=[schedule], **arguments)
    weights, state = None, None
    for alpha in alphas:
        model = new(alpha)
        if weights is not None:
            model.base_model.set_weights(weights)
            model.mixer.random_state.assign(state)
        model.fit(x, y, **arguments)
        weights = model.base_model.get_weights()
        state = helpers.in_numpy(model.mixer.random_state.value)
    assert_same_weights(scheduled, model)
    assert scheduled.mixer.alpha == 1.0


def test_afterwards_the_model_mixes_as_before():
    model = new_model(MixUp(0.4, seed=1))
    fit(model, 2, MixupSchedule(0, 1, alpha=lambda epoch: 8.0))
    untouched = new_model(MixUp(0.4, seed=1))
    untouched.base_model.set_weights(model.base_model.get_weights())
    untouched.mixer.random_state.assign(np.array(helpers.state(model.mixer)))
    assert_same_weights(fit(model, 1), fit(untouched, 1))


def test_an_exception_leaves_the_model_as_before():
    def stop():
        raise KeyboardInterrupt

    model = new_model(MixUp(0.4, seed=1))
    schedule = MixupSchedule(0, 1, alpha=lambda epoch: 8.0)
    with pytest.raises(KeyboardInterrupt):
        fit(model, 5, schedule, At(1, stop))
    assert model.mixing
    untouched = new_model(MixUp(0.4, seed=1))
    untouched.base_model.set_weights(model.base_model.get_weights())
    untouched.mixer.random_state.assign(np.array(helpers.state(model.mixer)))
    assert_same_weights(fit(model, 1), fit(untouched, 1))


def test_a_resumed_run_ends_where_the_uninterrupted_one_does(tmp_path):
    def schedule():
        return MixupSchedule(1, 5, alpha=lambda epoch: 0.1 * epoch)

    straight = fit(new_model(MixUp(0.4, 2, seed=1)), 6, schedule())

    def stop():
        raise KeyboardInterrupt

    def backup():
        return keras.callbacks.BackupAndRestore(tmp_path / "backup")

    first = new_model(MixUp(0.4, 2, seed=1))
    with pytest.raises(KeyboardInterrupt):
        fit(first, 6, backup(), schedule(), At(3, stop))
    second = fit(new_model(MixUp(0.4, 2, seed=1)), 6, backup(), schedule())
    assert_same_weights(straight, second)
    assert helpers.state(straight.mixer) == helpers.state(second.mixer)


def test_a_model_saved_on_the_way_has_its_own_alpha(tmp_path):
    path = tmp_path / "model.keras"
    model = new_model(MixUp(0.4, seed=1))
    fit(
        model,
        2,
        MixupSchedule(alpha=lambda epoch: 8.0),
        keras.callbacks.ModelCheckpoint(path),
    )
    loaded = keras.saving.load_model(path)
    assert loaded.mixer.alpha == 0.4 and loaded.mixing
    assert helpers.state(loaded.mixer) == helpers.state(model.mixer)
    loaded.save_weights(tmp_path / "w.weights.h5")
    model.load_weights(tmp_path / "w.weights.h5")


def test_with_random_mix():
    mixer = RandomMix([MixUp(0.4, seed=1), MixUp(1.0, seed=2)], seed=3)
    fit(new_model(mixer), 2, MixupSchedule(1))
    with pytest.raises(ValueError, match="one α"):
        fit(new_model(mixer), 2, MixupSchedule(alpha=lambda epoch: 1.0))


@pytest.mark.parametrize(
    "arguments",
    [{"start_epoch": -1}, {"start_epoch": 1.5}, {"start_epoch": 3, "stop_epoch": 2}]
    + [{"stop_epoch": "4"}, {"alpha": 0.2}],
)
def test_bad_arguments(arguments):
    with pytest.raises(ValueError, match="Expected .* Received: .* To fix it"):
        MixupSchedule(**arguments)


def test_bad_uses():
    model = new_model(MixUp(0.4, seed=1))
    with pytest.raises(ValueError, match="a finite number, 0 or more"):
        fit(model, 1, MixupSchedule(alpha=lambda epoch: -1.0))
    assert model.mixing and helpers.state(model.mixer)[2] == 0
    plain = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    plain.compile("sgd", "mse")
    with pytest.raises(ValueError, match="a MixupModel"):
        x, _ = data()
        plain.fit(x, x[:, :3], callbacks=[MixupSchedule()], verbose=0)

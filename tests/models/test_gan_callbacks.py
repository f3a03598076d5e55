"""Keras' own callbacks on a MixupGAN: right for both optimizers, or refused."""

import json
import sys

import keras
import numpy as np
import pytest

from keras_multimix import MixupGAN
from keras_multimix.models.gan.keras_callbacks import callbacks_know_several_optimizers
from tests.helpers import assert_three_parts, in_numpy
from tests.models.gan_oracle import (
    Oracle,
    assert_same,
    assert_stepped_by_hand,
    make,
    network,
    rows,
    weights_of,
)

SGD = keras.optimizers.SGD
callbacks = keras.callbacks
KNOWN = callbacks_know_several_optimizers()
SINCE_3_15 = pytest.mark.skipif(not KNOWN, reason="of Keras 3.15 or newer")
# Keras 3.14 or older sets one rate for both.
RATES = [pytest.param((0.4, 0.1), marks=SINCE_3_15), (0.4, 0.4)]


def gan_of(*optimizers):
    gan = MixupGAN(network(2, 3), network(3, 1), 0.2, 2, seed=1)
    gan.compile(*optimizers)
    return gan


def train(gan, *given, epochs=3, **kwargs):
    options = {"batch_size": 8, "shuffle": False, "verbose": 0} | kwargs
    return gan.fit(rows(8), epochs=epochs, callbacks=list(given), **options).history


def logged_rates(history):
    if KNOWN:
        networks = ("generator", "discriminator")
        return [history[f"learning_rate_{each}"] for each in networks]
    return [history["learning_rate"]] * 2


# Learning rates ---------------------------------------------------------------


@pytest.mark.parametrize("rates", RATES)
def test_a_scheduler_sets_both_rates(rates):
    gan = gan_of(*map(SGD, rates))
    oracle = Oracle(gan, *map(SGD, rates))
    scheduler = callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5)
    logged = logged_rates(train(gan, scheduler))
    for epoch in range(3):
        for optimizer, rate in zip(oracle.optimizers, rates, strict=True):
            optimizer.learning_rate = rate * 0.5 ** (epoch + 1)
        oracle.epoch(rows(8), 8)
    assert_stepped_by_hand(gan, oracle)
    for rate, values in zip(rates, logged, strict=True):
        np.testing.assert_allclose(values, [rate * 0.5**n for n in (1, 2, 3)])


@pytest.mark.parametrize("rates", RATES)
def test_a_plateau_lowers_both_rates(rates):
    gan = gan_of(*map(SGD, rates))
    oracle = Oracle(gan, *map(SGD, rates))
    # No loss falls by 10, so every epoch after the first is one of a plateau.
    plateau = callbacks.ReduceLROnPlateau(
        "generator_loss", factor=0.1, patience=1, mode="min", min_delta=10.0
    )
    logged = logged_rates(train(gan, plateau))
    for factor in (1.0, 1.0, 0.1):
        for optimizer, rate in zip(oracle.optimizers, rates, strict=True):
            optimizer.learning_rate = rate * factor
        oracle.epoch(rows(8), 8)
    assert_stepped_by_hand(gan, oracle)
    for rate, values in zip(rates, logged, strict=True):
        np.testing.assert_allclose(values, [rate, rate, rate * 0.1], rtol=1e-5)


def test_a_scheduler_sets_the_rates_inside_of_scaled_losses():
    scaled = [keras.optimizers.LossScaleOptimizer(SGD(0.4)) for _ in "gd"]
    gan = gan_of(*scaled)
    train(gan, callbacks.LearningRateScheduler(lambda epoch: 0.25), epochs=1)
    rates = [float(in_numpy(each.learning_rate.value)) for each in scaled]
    assert rates == [0.25, 0.25]


@SINCE_3_15
def test_optimizers_for_parts_of_a_network_are_told_apart():
    parts = keras.optimizers.OptimizerMap(
        SGD(0.4, name="of_biases"), {".*kernel": SGD(0.2, name="of_kernels")}
    )
    gan = gan_of(keras.optimizers.MultiOptimizer(parts), SGD(0.1))
    oracle = Oracle(gan, SGD(0.2), SGD(0.05))
    biases = Oracle(gan, SGD(0.1), SGD(0.05))
    scheduler = callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5)
    history = train(gan, scheduler, epochs=1)
    assert history["learning_rate_generator_of_biases"] == [pytest.approx(0.2)]
    assert history["learning_rate_generator_of_kernels"] == [pytest.approx(0.1)]
    for each in (oracle, biases):
        each.epoch(rows(8), 8)
    oracle.generator[0::2] = biases.generator[0::2]  # kernels at the rate of 0.1
    assert_stepped_by_hand(gan, oracle)


@pytest.mark.parametrize("network_with", ["generator", "discriminator"])
@pytest.mark.parametrize("kind", ["LearningRateScheduler", "ReduceLROnPlateau"])
def test_a_schedule_inside_of_an_optimizer_cannot_be_set(kind, network_with):
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    rates = {"generator": 0.1, "discriminator": 0.1, network_with: schedule}
    gan = gan_of(SGD(rates["generator"]), SGD(rates["discriminator"]))
    callback = {
        "LearningRateScheduler": callbacks.LearningRateScheduler(lambda epoch: 0.1),
        "ReduceLROnPlateau": callbacks.ReduceLROnPlateau("generator_loss", mode="min"),
    }[kind]
    refused(gan, callback, f"{kind}.*{network_with}")


@pytest.mark.skipif(KNOWN, reason="of Keras 3.14 or older")
def test_an_old_keras_cannot_set_two_rates():
    gan = gan_of(SGD(0.1), SGD(0.2))
    refused(gan, callbacks.LearningRateScheduler(lambda epoch: 0.1), "3.15")


def refused(gan, callback, match):
    before = weights_of(gan), in_numpy(gan.random_state).tolist()
    with pytest.raises(ValueError, match=match) as error:
        train(gan, callback)
    assert_three_parts(error)
    for old, new in zip(before[0], weights_of(gan), strict=True):
        np.testing.assert_array_equal(old, new)
    assert in_numpy(gan.random_state).tolist() == before[1]


# Averages ---------------------------------------------------------------------


@SINCE_3_15
@pytest.mark.parametrize("averaged", [(True, True), (True, False)])
def test_averages_are_swapped_in_for_a_checkpoint(tmp_path, averaged):
    def optimizers():
        return [SGD(0.5, use_ema=ema, ema_momentum=0.6) for ema in averaged]

    gan = gan_of(*optimizers())
    oracle = Oracle(gan, *optimizers())
    swap = callbacks.SwapEMAWeights(swap_on_epoch=True)
    save = callbacks.ModelCheckpoint(
        tmp_path / "{epoch}.weights.h5", save_weights_only=True
    )
    train(gan, swap, save, epochs=2)
    oracle.epoch(rows(8), 8)
    latest = [[in_numpy(v.value) for v in each] for each in oracle.variables]
    oracle.finalize()
    saved = gan_of(*optimizers())
    saved.load_weights(tmp_path / "1.weights.h5")
    assert_stepped_by_hand(saved, oracle)
    for variables, values in zip(oracle.variables, latest, strict=True):
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
    oracle.read()
    oracle.epoch(rows(8), 8)
    oracle.finalize()
    assert_stepped_by_hand(gan, oracle)


def test_without_averages_there_are_none_to_swap():
    gan = gan_of(SGD(0.1), SGD(0.1))
    refused(gan, callbacks.SwapEMAWeights(swap_on_epoch=True), "use_ema=True")


# Losses that are watched -------------------------------------------------------


def test_early_stopping_keeps_the_best_epoch():
    gan, reference = make(), make()
    kept = []
    keep = callbacks.LambdaCallback(
        on_epoch_end=lambda *_: kept.append(weights_of(reference))
    )
    losses = train(reference, keep, epochs=8)["generator_loss"]
    best = int(np.argmin(losses))
    stop = callbacks.EarlyStopping(
        "generator_loss", mode="min", patience=9, restore_best_weights=True
    )
    train(gan, stop, epochs=8)
    for ours, theirs in zip(weights_of(gan), kept[best], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_a_checkpoint_keeps_the_best_epoch(tmp_path):
    gan, saved = make(), make()
    kept = []
    keep = callbacks.LambdaCallback(
        on_epoch_end=lambda *_: kept.append(weights_of(gan))
    )
    path = tmp_path / "best.weights.h5"
    save = callbacks.ModelCheckpoint(
        path, "generator_loss", save_best_only=True, mode="max", save_weights_only=True
    )
    losses = train(gan, keep, save, epochs=4)["generator_loss"]
    saved.load_weights(path)
    for ours, theirs in zip(
        weights_of(saved), kept[int(np.argmax(losses))], strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "monitor='val_loss'.*generator_loss"),
        ({"monitor": "loss"}, "monitor='loss'.*mode=\"min\""),
        ({"monitor": "val_generator_loss", "mode": "min"}, "val_generator_loss"),
        ({"monitor": "generator_loss"}, "mode='auto'.*mode=\"min\""),
        ({"monitor": "fid"}, "mode='auto'.*mode=\"max\""),
    ],
)
@pytest.mark.parametrize("kind", ["stop", "plateau", "checkpoint"])
def test_what_cannot_be_watched_is_refused(kind, arguments, message):
    make_callback = {
        "stop": callbacks.EarlyStopping,
        "plateau": callbacks.ReduceLROnPlateau,
        "checkpoint": lambda **kw: callbacks.ModelCheckpoint(
            "best.keras", save_best_only=True, **kw
        ),
    }[kind]
    refused(gan_of(SGD(0.1), SGD(0.1)), make_callback(**arguments), message)


def test_what_another_callback_logs_can_be_watched():
    gan = gan_of(SGD(0.1), SGD(0.1))

    class Distance(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["distance"] = [3.0, 1.0, 2.0, 4.0][epoch]

    stop = callbacks.EarlyStopping("distance", mode="min", patience=1)
    assert train(gan, Distance(), stop, epochs=4)["distance"] == [3.0, 1.0, 2.0]


@pytest.mark.parametrize("given", [callbacks.TerminateOnNaN, None])
def test_a_bad_loss_stops_the_batch_where_the_user_asks_for_it(given):
    gan = make(layers=0)
    x = rows(32)
    x[8:] = np.nan
    batches = []
    count = callbacks.LambdaCallback(
        on_train_batch_begin=lambda batch, logs: batches.append(batch)
    )
    every = [count] if given is None else [count, given()]
    with pytest.raises(ValueError, match="finite loss") as error:
        gan.fit(x, batch_size=8, shuffle=False, callbacks=every, verbose=0)
    assert_three_parts(error)
    assert batches == ([0, 1] if given else [0, 1, 2, 3])


# Logs and files -----------------------------------------------------------------


def test_logs_hold_losses_and_both_rates(tmp_path):
    gan = gan_of(SGD(0.4), SGD(0.4))
    path = tmp_path / "log.csv"
    scheduler = callbacks.LearningRateScheduler(lambda epoch: 0.5 / (epoch + 1))
    history = train(gan, scheduler, callbacks.CSVLogger(path), epochs=2)
    header, *lines = path.read_text(encoding="utf-8").split()
    columns = header.split(",")
    for epoch, line in enumerate(lines):
        values = dict(zip(columns, line.split(","), strict=True))
        # Keras adds columns for a validation that there is not.
        values = {k: float(v) for k, v in values.items() if v != "NA"}
        assert values.pop("epoch") == epoch
        assert values == pytest.approx({k: history[k][epoch] for k in history})
    rates = [0.5, 0.25]
    assert logged_rates(history) == [rates, rates]


def test_tensorboard_is_told_both_rates(tmp_path):
    event_accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator"
    )
    gan = gan_of(SGD(0.5), SGD(0.25))
    train(gan, callbacks.TensorBoard(tmp_path), epochs=2)
    events = event_accumulator.EventAccumulator(str(tmp_path / "train"))
    events.Reload()
    tags = events.Tags()["tensors"]
    expected = {
        "epoch_learning_rate_generator": 0.5,
        "epoch_learning_rate_discriminator": 0.25,
    }
    if not KNOWN:
        expected = {"epoch_learning_rate": 0.5}  # the generator's
    tensorflow = sys.modules["tensorflow"]
    for tag, rate in expected.items():
        assert tag in tags
        values = [
            float(tensorflow.make_ndarray(each.tensor_proto))
            for each in events.Tensors(tag)
        ]
        assert values == [rate, rate]


def test_a_remote_monitor_is_sent_the_losses(monkeypatch):
    requests = pytest.importorskip("requests")
    sent = []

    def post(address, data=None, **_):
        sent.append(json.loads(data["data"]))

    monkeypatch.setattr(requests, "post", post)
    history = train(make(), callbacks.RemoteMonitor(), epochs=2)
    expected = [
        {"epoch": n} | {key: history[key][n] for key in history} for n in range(2)
    ]
    assert sent == [pytest.approx(each) for each in expected]


@pytest.mark.spread
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"use_ema": True, "ema_momentum": 0.6, "ema_overwrite_frequency": 3},
        {"gradient_accumulation_steps": 3},
    ],
)
def test_a_backup_goes_on_to_the_last_bit(tmp_path, options):
    def gan():
        return gan_of(keras.optimizers.Adam(0.1, **options), SGD(0.1, 0.9, **options))

    class Stop(callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    def halved():
        return callbacks.LearningRateScheduler(lambda epoch: 0.01 * 0.5**epoch)

    whole, parts, resumed = gan(), gan(), gan()
    train(whole, halved(), epochs=4)
    with pytest.raises(KeyboardInterrupt):
        train(parts, callbacks.BackupAndRestore(tmp_path), halved(), Stop(), epochs=4)
    train(resumed, callbacks.BackupAndRestore(tmp_path), halved(), epochs=4)
    assert_same(whole, resumed)
    for ours, theirs in zip(
        whole.optimizer.variables, resumed.optimizer.variables, strict=True
    ):
        np.testing.assert_array_equal(in_numpy(ours.value), in_numpy(theirs.value))

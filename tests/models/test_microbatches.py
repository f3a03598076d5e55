"""Steps in parts: a few of the K interpolations at a time, the same weights."""

import contextlib

import keras
import numpy as np
import pytest

from keras_multimix import CutMix, MixUp, MixupModel, MixupSchedule, MultiMix, RandomMix
from tests import helpers

K = 4


def base_model():
    """A model whose rows do not see one another."""
    inputs = keras.Input((6, 6, 1))
    x = keras.layers.Conv2D(3, 3, activation="tanh", name="convolution")(inputs)
    x = keras.layers.Flatten()(x)
    regularizer = keras.regularizers.L2(0.01)
    return keras.Model(inputs, keras.layers.Dense(3, kernel_regularizer=regularizer)(x))


def arrays(rows=10):
    rng = np.random.default_rng(0)
    y = np.arange(rows) % 3
    x = rng.normal(size=(rows, 6, 6, 1)) + y[:, None, None, None]
    return x.astype("float32"), y


def trained(mixer, at_once, mix_at=None, wait=True, callbacks=None, **options):
    keras.utils.set_random_seed(1)
    model = MixupModel(base_model(), mixer, mix_at, interpolations_at_once=at_once)
    parts = None if at_once is None else K // at_once
    options = {"loss": "sparse_categorical_crossentropy"} | options
    if isinstance(options["loss"], str):
        options["loss"] = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.SGD(
        0.1, momentum=0.9, gradient_accumulation_steps=parts if wait else None
    )
    model.compile(optimizer, metrics=["accuracy"], **options)
    x, y = arrays()
    weights = np.linspace(0.5, 2.0, len(x))
    history = model.fit(
        x,
        y,
        sample_weight=weights,
        batch_size=5,
        epochs=3,
        verbose=0,
        shuffle=False,
        callbacks=callbacks,
    )
    return model, history.history


def assert_alike(parts, whole):
    for one, other in zip(parts[0].get_weights(), whole[0].get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-5)
    for name, values in whole[1].items():
        np.testing.assert_allclose(parts[1][name], values, rtol=1e-4)


MIXERS = {
    "MultiMix": lambda: MultiMix(1.0, K, seed=3),
    "CutMix": lambda: CutMix(1.0, K, seed=3),
    "keep_batch_size": lambda: MultiMix(1.0, K, keep_batch_size=True, seed=3),
    "RandomMix": lambda: RandomMix(
        [MixUp(0.4, K, seed=1), CutMix(1.0, K, seed=2)], seed=3
    ),
}


@pytest.mark.spread
@pytest.mark.parametrize("at_once", [1, 2])
@pytest.mark.parametrize("name", sorted(MIXERS))
def test_parts_give_the_weights_and_metrics_of_the_whole(name, at_once):
    whole = trained(MIXERS[name](), None)
    assert_alike(trained(MIXERS[name](), at_once), whole)


@pytest.mark.parametrize("points", [["convolution"], ["input", "convolution"]])
def test_parts_of_hidden_mixing(points):
    whole = trained(MultiMix(1.0, K, seed=3), None, points)
    parts = trained(MultiMix(1.0, K, seed=3), 1, points)
    if len(points) > 1:
        # Keras weights a step in an epoch's loss by the rows that the model takes in:
        # of the whole, K times as many at the input as at a hidden layer.
        del whole[1]["loss"]
    assert_alike(parts, whole)


@pytest.mark.parametrize("reduction", ["sum", "mean_with_sample_weight"])
def test_other_reductions(reduction):
    loss = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, reduction=reduction
    )
    if reduction == "sum":
        whole = trained(MultiMix(1.0, K, seed=3), None, loss=loss)
        assert_alike(trained(MultiMix(1.0, K, seed=3), 1, loss=loss), whole)
    else:  # each part is divided by its own sum of weights
        _, history = trained(MultiMix(1.0, K, seed=3), 1, loss=loss)
        assert np.isfinite(history["loss"]).all()


def test_plain_epochs_take_the_plain_step():
    schedule = [MixupSchedule(start_epoch=9)]
    whole = trained(MultiMix(1.0, K, seed=3), None, callbacks=schedule)
    parts = trained(MultiMix(1.0, K, seed=3), 1, callbacks=schedule)
    assert_alike(parts, whole)


@pytest.mark.spread
@pytest.mark.parametrize("options", [{"run_eagerly": True}, {"jit_compile": False}])
def test_run_without_a_compiler(options):
    whole = trained(MultiMix(1.0, K, seed=3), None)
    assert_alike(trained(MultiMix(1.0, K, seed=3), 1, **options), whole)


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="Keras refuses it there")
def test_several_steps_of_one_execution():
    whole = trained(MultiMix(1.0, K, seed=3), None)
    options = {"steps_per_execution": 2}
    assert_alike(trained(MultiMix(1.0, K, seed=3), 1, **options), whole)


def test_pairs_of_batches():
    x, y = arrays()
    order = np.arange(len(x))[::-1]
    pairs = ((x, y), (x[order], y[order]))
    weights = []
    for at_once, steps in ((None, None), (2, 2)):
        keras.utils.set_random_seed(1)
        mixer = MultiMix(1.0, K, seed=3)
        model = MixupModel(base_model(), mixer, interpolations_at_once=at_once)
        optimizer = keras.optimizers.SGD(0.1, gradient_accumulation_steps=steps)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer, loss)
        model.fit(*pairs, batch_size=5, shuffle=False, verbose=0)
        weights.append(model.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-5)


def test_saved_and_loaded(tmp_path):
    model, _ = trained(MultiMix(1.0, K, seed=3), 2)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.interpolations_at_once == 2
    x, y = arrays()
    for each in (model, loaded):
        each.fit(x, y, batch_size=5, verbose=0, shuffle=False)
    for one, other in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("value", [0, 3, 8, 1.0, True, "1"])
def test_what_does_not_divide_k_is_refused(value):
    with pytest.raises(ValueError, match="interpolations_at_once") as error:
        MixupModel(base_model(), MultiMix(1.0, K), interpolations_at_once=value)
    helpers.assert_three_parts(error)


@pytest.mark.parametrize(
    ("arguments", "received"),
    [
        ({}, "gradient_accumulation_steps=None"),
        ({"gradient_accumulation_steps": 3}, "gradient_accumulation_steps=3"),
        ({"gradient_accumulation_steps": K, "use_ema": True}, "use_ema=True"),
    ],
)
def test_optimizers_that_do_not_wait_are_refused(arguments, received):
    assert_refused(lambda: keras.optimizers.Adam(**arguments), received)


def test_scaled_losses_are_refused():
    def scaling():
        return keras.optimizers.LossScaleOptimizer(accumulating())

    assert_refused(scaling, "scales the loss")


def accumulating():
    return keras.optimizers.SGD(gradient_accumulation_steps=K)


def assert_refused(make_optimizer, received, strategy=None):
    with contextlib.nullcontext() if strategy is None else strategy.scope():
        model = MixupModel(base_model(), MultiMix(1.0, K), interpolations_at_once=1)
        model.compile(make_optimizer(), "mse")
    x, _ = arrays()
    y = np.zeros((len(x), 3))
    with pytest.raises(ValueError, match=received) as error:
        model.fit(x, y, verbose=0)
    helpers.assert_three_parts(error)
    model.predict(x, verbose=0)
    model.evaluate(x, y, verbose=0)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="tf.distribute")
def test_strategies_are_refused():
    import tensorflow as tf

    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    assert_refused(accumulating, "tf.distribute", strategy)


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="steps run eagerly")
def test_gradients_that_an_interrupted_step_has_left_are_refused():
    model, _ = trained(MultiMix(1.0, K, seed=3), 1)
    (count,) = [v for v in model.optimizer.variables if v.name == "iteration"]
    count.assign(count + 1)
    x, y = arrays()
    with pytest.raises(ValueError, match="interrupted") as error:
        model.fit(x, y, verbose=0)
    helpers.assert_three_parts(error)

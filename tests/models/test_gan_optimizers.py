"""Options of Keras' optimizers in a MixupGAN, against the same ones stepped by hand."""

import keras
import numpy as np
import pytest

from keras_multimix import MixupGAN
from tests.helpers import assert_three_parts, backend, in_numpy
from tests.models.gan_oracle import (
    Oracle,
    assert_same,
    assert_stepped_by_hand,
    network,
    rows,
    weights_of,
)

SGD, Adam = keras.optimizers.SGD, keras.optimizers.Adam
SLOW = pytest.mark.slow
POLICIES = ("float32", "mixed_bfloat16", "mixed_float16")
OPTIONS = {
    "gradient_accumulation_steps": {"gradient_accumulation_steps": 2},
    "clipnorm": {"clipnorm": 0.05},
    "clipvalue": {"clipvalue": 0.01},
    "global_clipnorm": {"global_clipnorm": 0.05},
    "weight_decay": {"weight_decay": 0.3},
    "use_ema": {"use_ema": True, "ema_momentum": 0.6},
    "ema_overwrite_frequency": {
        "use_ema": True,
        "ema_momentum": 0.6,
        "ema_overwrite_frequency": 2,
    },
    "loss_scale_factor": {"loss_scale_factor": 128.0},
    "schedule": {},
}
ALIKE = ("clipvalue", "global_clipnorm")  # they go the way of `clipnorm`


def rate(name, value):
    if name != "schedule":
        return value
    # Each optimizer counts its own steps.
    return keras.optimizers.schedules.ExponentialDecay(value, 1, 0.5)


def gan_of(generator_optimizer, discriminator_optimizer, **options):
    gan = MixupGAN(network(2, 3), network(3, 1), 0.2, 2, seed=1)
    gan.compile(generator_optimizer, discriminator_optimizer, **options)
    return gan


def train(gan, epochs=1, **kwargs):
    options = {"batch_size": 4, "shuffle": False, "verbose": 0} | kwargs
    return gan.fit(rows(8), epochs=epochs, **options).history


@pytest.mark.spread
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=SLOW) if name in ALIKE else name for name in OPTIONS],
)
def test_an_option_does_what_it_does_by_hand(name):
    options = OPTIONS[name]
    # Nothing trained alike, so that the options of one do not pass for the other's.
    both = [
        (SGD(rate(name, 0.5), 0.5, **options), Adam(rate(name, 0.03), **options))
        for _ in range(2)
    ]
    gan = gan_of(*both[0])
    oracle = Oracle(gan, *both[1])
    train(gan, epochs=2)
    for _ in range(2):
        oracle.epoch(rows(8), 4)
    oracle.finalize()
    assert_stepped_by_hand(gan, oracle, atol=3e-4)


def test_a_second_training_goes_on_from_the_averages():
    both = [[SGD(0.5, use_ema=True, ema_momentum=0.6) for _ in "gd"] for _ in "ab"]
    gan = gan_of(*both[0])
    oracle = Oracle(gan, *both[1])
    for _ in range(2):
        train(gan)
        oracle.epoch(rows(8), 4)
        oracle.finalize()
    assert_stepped_by_hand(gan, oracle)


def test_averages_hide_no_refusal():
    gan = gan_of(SGD(0.1, use_ema=True), SGD(0.1))
    before = weights_of(gan)

    class Wide(keras.utils.PyDataset):
        def __len__(self):
            return 1

        def __getitem__(self, index):
            return (np.zeros((4, 5), "float32"),)

    with pytest.raises(ValueError, match="real rows like the generator's") as error:
        gan.fit(Wide(), verbose=0)
    assert_three_parts(error)
    for old, new in zip(before, weights_of(gan), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("averaged", ["generator", "discriminator"])
def test_one_network_may_be_averaged_and_the_other_not(averaged):
    def optimizers():
        chosen = [averaged == name for name in ("generator", "discriminator")]
        return [SGD(0.5, use_ema=ema, ema_momentum=0.6) for ema in chosen]

    gan = gan_of(*optimizers())
    oracle = Oracle(gan, *optimizers())
    train(gan)
    oracle.epoch(rows(8), 4)
    oracle.finalize()
    assert_stepped_by_hand(gan, oracle)


# Scaled losses ---------------------------------------------------------------


def test_a_scaled_loss_trains_as_one_that_is_not():
    scaled = [keras.optimizers.LossScaleOptimizer(SGD(0.5)) for _ in range(2)]
    gan = gan_of(*scaled)
    oracle = Oracle(gan, SGD(0.5), SGD(0.5))
    history = train(gan)
    oracle.epoch(rows(8), 4)
    assert_stepped_by_hand(gan, oracle)
    assert int(gan.optimizer.discriminator.iterations) == 4
    plain = train(gan_of(SGD(0.5), SGD(0.5)))
    for key, values in plain.items():  # the losses that are told are not scaled
        np.testing.assert_allclose(history[key], values, rtol=1e-4)


def test_a_step_whose_gradients_overflow_is_left_out():
    huge = keras.optimizers.LossScaleOptimizer(SGD(0.5), initial_scale=2.0**127)
    gan = gan_of(huge, SGD(0.5))
    # The scaled loss is below 2 ** 128, the largest float32, its gradients are not.
    kernel, bias = gan.discriminator.layers[-1].get_weights()
    gan.discriminator.layers[-1].set_weights([kernel * 1e3, bias])
    before = gan.generator.get_weights()
    train(gan, batch_size=8)
    assert float(in_numpy(huge.dynamic_scale.value)) == 2.0**126
    for old, new in zip(before, gan.generator.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("policy", POLICIES)
def test_mixed_precision_trains_both_networks(policy, dtype_policy):
    dtype_policy(policy)
    # The generator's gradients pass through these weights and vanish in float16.
    gan = MixupGAN(network(2, 3), network(3, 1), 0.2, 2, seed=1)
    kernel, bias = gan.discriminator.layers[-1].get_weights()
    gan.discriminator.layers[-1].set_weights([kernel * 1e-6, bias])
    gan.compile(SGD(1e5), SGD(1e-3))
    scaled = isinstance(gan.optimizer.generator, keras.optimizers.LossScaleOptimizer)
    assert scaled == (policy == "mixed_float16")
    dtype_policy("float32")
    oracle = Oracle(gan, SGD(1e5), SGD(1e-3))
    before = np.concatenate([each.ravel() for each in oracle.generator])
    gan.fit(rows(8), batch_size=8, verbose=0, shuffle=False)
    oracle.step(rows(8))
    ours, theirs = (
        np.concatenate([each.ravel() for each in weights]) - before
        for weights in (gan.generator.get_weights(), oracle.generator)
    )
    assert np.abs(theirs).max() > 1e-2
    # bfloat16 has 8 bits of precision.
    np.testing.assert_allclose(ours, theirs, atol=0.03 * np.abs(theirs).max())


@pytest.mark.parametrize(
    "part",
    ["generator", *(pytest.param(x, marks=SLOW) for x in ("model", "discriminator"))],
)
def test_any_part_in_float16_scales_both_losses(part, dtype_policy):
    def made(name, make):
        dtype_policy("mixed_float16" if name == part else "float32")
        return make()

    generator = made("generator", lambda: network(2, 3))
    discriminator = made("discriminator", lambda: network(3, 1))
    gan = made("model", lambda: MixupGAN(generator, discriminator, 0.2, 2, seed=1))
    gan.compile(SGD(0.1), SGD(0.2))
    oracle = Oracle(gan, SGD(0.1), SGD(0.2))
    train(gan)
    oracle.epoch(rows(8), 4)
    assert_stepped_by_hand(gan, oracle, atol=5e-3)
    for each in (gan.optimizer.generator, gan.optimizer.discriminator):
        assert isinstance(each, keras.optimizers.LossScaleOptimizer)
    gan.compile(SGD(0.1), SGD(0.1), auto_scale_loss=False)
    assert isinstance(gan.optimizer.generator, SGD)


def test_a_generator_that_ends_in_float32(dtype_policy):
    dtype_policy("mixed_float16")
    last = keras.layers.Dense(3, dtype="float32")
    generator = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(8, "relu"), last]
    )
    generator.set_weights(network(2, 3).get_weights())
    gan = MixupGAN(generator, network(3, 1), 0.2, 2, seed=1)
    gan.compile(SGD(0.1), SGD(0.2))
    oracle = Oracle(gan, SGD(0.1), SGD(0.2))
    train(gan)
    oracle.epoch(rows(8), 4)
    assert_stepped_by_hand(gan, oracle, atol=5e-3)


@pytest.mark.parametrize("auto_scale_loss", [True, False])
def test_a_file_keeps_the_scale_of_the_loss(tmp_path, dtype_policy, auto_scale_loss):
    dtype_policy("mixed_float16")
    optimizers = [SGD(0.1, 0.5, use_ema=True) for _ in range(2)]
    gan = gan_of(*optimizers, auto_scale_loss=auto_scale_loss)
    train(gan)
    gan.save(tmp_path / "gan.keras")
    loaded = keras.saving.load_model(tmp_path / "gan.keras")
    for each in (gan, loaded):
        train(each)
    assert_same(gan, loaded)
    for ours, theirs in zip(
        gan.optimizer.variables, loaded.optimizer.variables, strict=True
    ):
        np.testing.assert_array_equal(in_numpy(ours.value), in_numpy(theirs.value))


# How a step runs -------------------------------------------------------------


@pytest.mark.spread
@pytest.mark.parametrize(
    "options",
    [{"run_eagerly": True}, {"jit_compile": True}, {"steps_per_execution": 2}],
)
def test_options_of_compile_change_no_weight(options):
    if backend() == "torch" and "run_eagerly" not in options:
        pytest.skip("eager by default; Keras refuses several steps per execution")
    gans = [gan_of(Adam(0.01), SGD(0.1), **kw) for kw in ({}, options)]
    for gan in gans:
        train(gan, epochs=2)
    assert_same(*gans, rtol=1e-5)


@pytest.mark.parametrize(
    "frozen", ["discriminator", pytest.param("generator", marks=SLOW)]
)
def test_a_frozen_network_stays_and_the_other_trains(frozen):
    gan = MixupGAN(network(2, 3), network(3, 1), 0.2, 2, seed=1)
    getattr(gan, frozen).trainable = False
    gan.compile(SGD(0.5), SGD(0.5))
    oracle = Oracle(
        gan,
        SGD(0.0 if frozen == "generator" else 0.5),
        SGD(0.0 if frozen == "discriminator" else 0.5),
    )
    train(gan)
    oracle.epoch(rows(8), 4)
    assert_stepped_by_hand(gan, oracle)


# Rates -----------------------------------------------------------------------


def test_one_rate_is_set_for_both():
    gan = gan_of(SGD(0.1), Adam(0.1))
    gan.optimizer.learning_rate = 0.5
    oracle = Oracle(gan, SGD(0.5), Adam(0.5))
    train(gan)
    oracle.epoch(rows(8), 4)
    assert_stepped_by_hand(gan, oracle, atol=1e-3)


def test_two_rates_are_not_made_one():
    gan = gan_of(SGD(0.1), SGD(0.2))
    with pytest.raises(ValueError, match="generator.learning_rate") as error:
        gan.optimizer.learning_rate = 0.5
    assert_three_parts(error)
    assert float(gan.optimizer.generator.learning_rate) == pytest.approx(0.1)
    assert float(gan.optimizer.learning_rate) == pytest.approx(0.1)


# Refusals --------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"loss": "mse"},
        {"metrics": ["accuracy"]},
        {"weighted_metrics": ["accuracy"]},
        {"loss_weights": [1.0]},
        {"optimizer": "adam"},
    ],
)
def test_compile_refuses_what_a_gan_has_no_use_for(options):
    gan = MixupGAN(network(2, 3), network(3, 1))
    with pytest.raises(ValueError, match=next(iter(options))) as error:
        gan.compile(**options)
    assert_three_parts(error)
    assert not gan.compiled


@pytest.mark.parametrize(
    "options", [{"sample_weight": np.zeros(8)}, {"class_weight": {0: 1.0}}]
)
def test_fit_refuses_weights(options):
    gan = gan_of(SGD(0.1), SGD(0.1))
    before = weights_of(gan)
    with pytest.raises(ValueError, match=next(iter(options))) as error:
        train(gan, **options)
    assert_three_parts(error)
    for old, new in zip(before, weights_of(gan), strict=True):
        np.testing.assert_array_equal(old, new)


def test_one_optimizer_in_two_scaled_ones_is_still_one():
    optimizer = SGD(0.1)
    scaled = [keras.optimizers.LossScaleOptimizer(optimizer) for _ in range(2)]
    with pytest.raises(ValueError, match="the same one twice") as error:
        gan_of(*scaled)
    assert_three_parts(error)

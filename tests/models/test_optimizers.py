"""What an optimizer needs to train a MixupModel as it would train the base model."""

import keras
import numpy as np
import pytest

from keras_multimix import MixUp, MixupModel, MultiMix
from tests.helpers import in_numpy

K = 4
schedules = keras.optimizers.schedules
SCHEDULES = {
    "piecewise": lambda: schedules.PiecewiseConstantDecay([1, 3], [0.5, 0.1, 0.0]),
    "cosine": lambda: schedules.CosineDecay(0.5, 8, warmup_target=1.0, warmup_steps=2),
}


def arrays(count=16):
    rng = np.random.default_rng(0)
    return rng.normal(size=(count, 4)).astype("float32"), rng.integers(0, 3, count)


def base_model():
    inputs = keras.Input((4,))
    x = keras.layers.Dense(3)(keras.layers.Dense(8, "tanh")(inputs))
    return keras.Model(inputs, keras.layers.Softmax(dtype="float32")(x))


def trained(at_once, schedule, accumulated=1):
    keras.utils.set_random_seed(1)
    parts = K // (at_once or K)
    steps = parts * accumulated
    optimizer = keras.optimizers.SGD(
        schedule, gradient_accumulation_steps=steps if steps > 1 else None
    )
    model = MixupModel(
        base_model(), MultiMix(1.0, K, seed=3), interpolations_at_once=at_once
    )
    model.compile(optimizer, "sparse_categorical_crossentropy")
    model.fit(*arrays(), batch_size=4, epochs=2, shuffle=False, verbose=0)
    return model


@pytest.mark.parametrize("accumulated", [1, 2])
@pytest.mark.parametrize("at_once", [1, 2])
@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_counts_whole_steps(name, at_once, accumulated):
    whole = trained(None, SCHEDULES[name](), accumulated)
    parts = trained(at_once, SCHEDULES[name](), accumulated)
    for one, other in zip(parts.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-5)
    rates = [float(in_numpy(m.optimizer.learning_rate)) for m in (parts, whole)]
    assert rates[0] == pytest.approx(rates[1])


def test_a_saved_schedule_goes_on_in_whole_steps(tmp_path):
    model = trained(1, SCHEDULES["cosine"]())
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for each in (model, loaded):
        each.fit(*arrays(), batch_size=4, shuffle=False, verbose=0)
    for one, other in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_an_optimizer_follows_the_model_that_it_trains():
    optimizer = keras.optimizers.SGD(
        schedules.ExponentialDecay(1.0, 1, 0.5), gradient_accumulation_steps=K
    )
    rates = []
    for at_once in (1, 2, 2, None):
        model = MixupModel(
            base_model(), MultiMix(1.0, K), interpolations_at_once=at_once
        )
        model.compile(optimizer, "sparse_categorical_crossentropy")
        model.make_train_function()
        rates.append(float(in_numpy(optimizer._learning_rate(4))))
    assert rates == pytest.approx([0.5, 0.25, 0.25, 0.0625])


def test_other_rates_stay_as_they_are():
    model = trained(1, 0.1)
    assert float(in_numpy(model.optimizer.learning_rate)) == pytest.approx(0.1)
    model.optimizer.learning_rate = 0.2
    assert float(in_numpy(model.optimizer.learning_rate)) == pytest.approx(0.2)


# float16 ---------------------------------------------------------------------


def in_float16(dtype_policy):
    """A model whose own policy is float16, made where the global one is not."""
    dtype_policy("mixed_float16")
    model = base_model()
    dtype_policy("float32")
    return model


def test_the_loss_is_scaled_for_a_base_model_in_float16(dtype_policy):
    x, y = arrays()
    models = [in_float16(dtype_policy) for _ in "ab"]
    models[1].set_weights(models[0].get_weights())
    models[1] = MixupModel(models[1], MixUp(alpha=0.0))
    before = models[0].get_weights()[0]
    moved = []
    for model in models:
        # So small that gradients vanish in float16 unless they are scaled.
        model.compile(
            keras.optimizers.Adam(0.01),
            "sparse_categorical_crossentropy",
            loss_weights=[1e-6],
        )
        model.fit(x, y, batch_size=16, epochs=3, verbose=0, shuffle=False)
        moved.append(np.abs(model.get_weights()[0] - before).max())
    assert moved[0] > 1e-3
    assert moved[1] == pytest.approx(moved[0], rel=0.05)


def test_the_loss_is_not_scaled_without_need(dtype_policy):
    scaled = keras.optimizers.LossScaleOptimizer
    for base, options, expected in (
        (base_model(), {}, False),
        (in_float16(dtype_policy), {}, True),
        (in_float16(dtype_policy), {"auto_scale_loss": False}, False),
    ):
        model = MixupModel(base, MixUp())
        model.compile("adam", "sparse_categorical_crossentropy", **options)
        assert isinstance(model.optimizer, scaled) == expected
        if expected:
            assert not isinstance(model.optimizer.inner_optimizer, scaled)

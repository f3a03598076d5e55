"""Losses that leave places out, `ignore_class`, and that smooth labels, of mixed rows.

A place counts for its own label's share λ and for its partner's 1 − λ, each unless the
label is the class to ignore.
"""

import keras
import numpy as np
import pytest

from keras_multimix import MixUp, MixupModel, MultiMix, losses
from tests import helpers, oracle

ROWS, C, VOID, SMOOTHING = 6, 4, 255, 0.1
REDUCTIONS = ["sum", "sum_over_batch_size", "mean_with_sample_weight"]


def batch(rng, void=0.3):
    """Images whose values are the logits that the model returns, and their masks."""
    x = rng.normal(size=(ROWS, 3, 2, C)).astype("float32")
    y = rng.integers(0, C, (ROWS, 3, 2))
    y[rng.random(y.shape) < void] = VOID
    return x, y


def identity(x):
    layer = keras.layers.Dense(C, kernel_initializer="identity", use_bias=False)
    return keras.Sequential([keras.Input(x.shape[1:]), layer])


def reported(model, loss, x, y, rate=0.0, jit_compile=False, **arguments):
    model.compile(keras.optimizers.SGD(rate), loss, jit_compile=jit_compile)
    options = {"batch_size": len(x), "shuffle": False, "verbose": 0} | arguments
    return model.fit(x, y, **options).history["loss"][0]


def cross_entropy(logits, y, smoothing):
    logits = logits - logits.max(axis=-1, keepdims=True)
    logarithms = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    target = (1 - smoothing) * np.eye(C)[np.where(y == VOID, 0, y)] + smoothing / C
    return np.where(y == VOID, 0, -(target * logarithms).sum(axis=-1))


def expected(mixer, x, y, smoothing, reduction, weights=None):
    """λ·L(y) + (1 − λ)·L(y_partner) of all places, one at a time."""
    drawn = helpers.in_numpy(mixer.get_random_transformation(x, step=0))
    partner, coefficients = drawn["partner"], drawn["coefficients"]
    mixed = oracle.interpolate(x, partner, coefficients)
    weights = np.ones(y.shape) if weights is None else weights
    total, counted, weight, row = 0.0, 0.0, 0.0, 0
    for i in range(ROWS):
        for share in coefficients[i].astype("float64"):
            for part, j in ((share, i), (1 - share, partner[i])):
                values = cross_entropy(mixed[row], y[j], smoothing)
                left = y[j] != VOID
                total += part * (weights[j] * values).sum()
                counted += part * left.sum()
                weight += part * (weights[j] * left).sum()
            row += 1
    if reduction == "sum":
        return total / coefficients.shape[1]
    return total / (counted if reduction == "sum_over_batch_size" else weight)


def ours(smoothing, reduction, ignore_class=VOID):
    return losses.SparseCategoricalCrossentropy(
        True, smoothing, ignore_class=ignore_class, reduction=reduction
    )


def keras_own(smoothing, reduction):
    assert smoothing == 0
    return keras.losses.SparseCategoricalCrossentropy(
        True, ignore_class=VOID, reduction=reduction
    )


MIXERS = {
    "one": lambda: MixUp(1.0, seed=3),
    "several": lambda: MultiMix(0.7, num_interpolations=3, seed=3),
    "shared": lambda: MixUp(1.0, sampling="shared", seed=3),
}
make_mixer = pytest.mark.parametrize("make_mixer", MIXERS.values(), ids=MIXERS)


@make_mixer
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(
    ("make", "smoothing"), [(keras_own, 0.0), (ours, 0.0), (ours, SMOOTHING)]
)
def test_places_of_mixed_rows(rng, make_mixer, reduction, make, smoothing):
    x, y = batch(rng)
    found = reported(
        MixupModel(identity(x), make_mixer()), make(smoothing, reduction), x, y
    )
    want = expected(make_mixer(), x, y, smoothing, reduction)
    assert found == pytest.approx(want, rel=1e-5)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("void", [0.0, 0.3])
def test_weights_of_places(rng, reduction, void):
    x, y = batch(rng, void)
    weights = rng.uniform(0.5, 2, y.shape).astype("float32")
    mixer, again = MIXERS["several"](), MIXERS["several"]()
    loss = ours(SMOOTHING, reduction)
    model = MixupModel(identity(x), mixer)
    found = reported(model, loss, x, y, sample_weight=weights)
    want = expected(again, x, y, SMOOTHING, reduction, weights)
    assert found == pytest.approx(want, rel=1e-5)


@make_mixer
@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_label_for_each_row(rng, make_mixer, jit_compile):
    if helpers.backend() == "torch" and jit_compile:
        pytest.skip("generating C++ code takes minutes")
    x, y = rng.normal(size=(ROWS, C)).astype("float32"), rng.integers(0, C, ROWS)
    for ignore_class in (None, VOID):
        y[2] = y[2] if ignore_class is None else VOID
        loss = ours(SMOOTHING, "sum_over_batch_size", ignore_class)
        model = MixupModel(identity(x), make_mixer())
        found = reported(model, loss, x, y, jit_compile=jit_compile)
        want = expected(make_mixer(), x, y, SMOOTHING, "sum_over_batch_size")
        assert found == pytest.approx(want, rel=1e-5)


@pytest.mark.skipif(
    helpers.backend() == "torch", reason="generating C++ code takes minutes"
)
def test_compiled_places(rng):
    x, y = batch(rng)
    reduction = "sum_over_batch_size"
    model = MixupModel(identity(x), MIXERS["several"]())
    found = reported(model, ours(SMOOTHING, reduction), x, y, jit_compile=True)
    want = expected(MIXERS["several"](), x, y, SMOOTHING, reduction)
    assert found == pytest.approx(want, rel=1e-5)


@pytest.mark.parametrize("make", [keras_own, ours])
def test_without_mixing_it_trains_as_the_plain_model(rng, make):
    x, y = batch(rng)
    plain, model = identity(x), MixupModel(identity(x), MixUp(0.0))
    found = [
        reported(each, make(0.0, "sum_over_batch_size"), x, y, rate=0.5)
        for each in (plain, model)
    ]
    assert found[0] == pytest.approx(found[1], rel=1e-6)
    np.testing.assert_allclose(*(m.get_weights()[0] for m in (plain, model)), atol=1e-6)
    assert not np.allclose(plain.get_weights()[0], np.eye(C))


def test_padding_beside_places_left_out(rng):
    """Steps that are padding in both rows count for neither label."""
    tokens = rng.integers(1, 5, (ROWS, 4))
    tokens[:, 3] = 0
    y = rng.integers(0, C, (ROWS, 4))
    y[1:4, :2] = VOID

    def net():
        keras.utils.set_random_seed(1)
        embedding = keras.layers.Embedding(5, C, mask_zero=True, name="embedding")
        inputs = keras.Input((4,), dtype="int32")
        return keras.Model(inputs, embedding(inputs))

    for make in (keras_own, ours):
        plain, mixed = net(), MixupModel(net(), MixUp(0.0), mix_at=["embedding"])
        found = [
            reported(each, make(0.0, "sum_over_batch_size"), tokens, y)
            for each in (plain, mixed)
        ]
        assert found[0] == pytest.approx(found[1], rel=1e-6)
    void = np.full_like(y, VOID)
    assert reported(mixed, ours(0.0, "sum_over_batch_size"), tokens, void) == 0

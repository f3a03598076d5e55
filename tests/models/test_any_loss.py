"""Losses of any shape: a value per row, per place, per class, or one for the batch."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_multimix import CutMix, MixUp, MixupModel, MultiMix, RandomMix
from tests import helpers, oracle

SHAPE = (5, 12, 1)


def squares(y, p):
    return ops.square(ops.cast(y, p.dtype) - p)


def per_image(y, p):
    return ops.mean(squares(y, p), axis=(1, 2, 3))


def per_place(y, p):
    return ops.mean(squares(y, p), axis=-1)


def per_batch(y, p):
    """Not linear in the rows, so that it cannot be had as a mean over them."""
    return ops.sqrt(ops.mean(squares(y, p)))


def per_class(y, p):
    return ops.sqrt(ops.mean(squares(y, p), axis=(0, 1, 2)))


def against_the_batch(y, p):
    """One value per row, which depends on the other rows, as contrastive losses do."""
    rows, count = ops.reshape(y, (ops.shape(y)[0], -1)), ops.shape(p)[0]
    scores = ops.matmul(ops.reshape(p, (count, -1)), ops.transpose(rows))
    return ops.logsumexp(scores, axis=-1) - ops.diagonal(scores)


@keras.saving.register_keras_serializable("tests")
class OfBatch(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return per_batch(y_true, y_pred)


class ReducesItself(keras.losses.Loss):
    def __call__(self, y_true, y_pred, sample_weight=None):
        return per_batch(ops.convert_to_tensor(y_true, "float32"), y_pred)


def images(rng, rows, shape=SHAPE):
    x, y = rng.uniform(size=(2, rows, *shape)).astype("float32")
    return x, y


def identity(shape=SHAPE):
    """A model that returns its inputs, so that an oracle knows what it predicts."""
    inputs = keras.Input(shape)
    layer = keras.layers.Dense(shape[-1], kernel_initializer="identity", use_bias=False)
    return keras.Model(inputs, layer(inputs))


def reported(mixer, loss, x, y, rate=0.0, **arguments):
    model = MixupModel(identity(x.shape[1:]), mixer)
    model.compile(keras.optimizers.SGD(rate), loss)
    return model.fit(x, y, batch_size=len(x), verbose=0, shuffle=False, **arguments)


def parts(mixer, x, y):
    """Mixed rows, their two labels `(K, B, ...)`, and λ `(K, B)`."""
    drawn = helpers.in_numpy(mixer.get_random_transformation(x, step=0))
    partner, coefficients = drawn["partner"], drawn["coefficients"]
    count = coefficients.shape[1]

    def by_interpolation(rows):
        return rows.reshape(len(x), count, *rows.shape[1:]).swapaxes(0, 1)

    if "boxes" in drawn:  # labels that are images are pasted as the images are
        mixed, y = (
            by_interpolation(oracle.cut_and_paste(each, partner, drawn["boxes"]))
            for each in (x, y)
        )
        return mixed, y, y, coefficients.T
    mixed = by_interpolation(oracle.interpolate(x, partner, coefficients))
    own, partner = (np.stack([each] * count) for each in (y, y[partner]))
    return mixed, own, partner, coefficients.T


def of_rows(loss, mixer, x, y):
    """The oracle for a loss that gives values per row; mixed rows are one batch."""
    mixed, own, partner, coefficients = parts(mixer, x, y)

    def flat(rows):
        return ops.convert_to_tensor(rows.swapaxes(0, 1).reshape(-1, *rows.shape[2:]))

    rows = flat(mixed.astype("float32"))
    values = [helpers.in_numpy(loss(flat(each), rows)) for each in (own, partner)]
    lam = coefficients.T.reshape(-1, *(1,) * (values[0].ndim - 1))
    return (lam * values[0] + (1 - lam) * values[1]).mean()


def of_batches(loss, mixer, x, y):
    """The oracle for a loss of a whole batch with one λ."""
    mixed, own, partner, coefficients = parts(mixer, x, y)
    total = []
    mixed = mixed.astype("float32")
    for rows, *labels, lam in zip(mixed, own, partner, coefficients, strict=True):
        np.testing.assert_array_equal(lam, lam[0])
        values = [
            helpers.in_numpy(loss(*map(ops.convert_to_tensor, (label, rows))))
            for label in labels
        ]
        total.append(lam[0] * values[0] + (1 - lam[0]) * values[1])
    return np.mean(total)


# A value per row ---------------------------------------------------------------


@pytest.mark.spread
@pytest.mark.parametrize("loss", [per_image, per_place, against_the_batch])
@pytest.mark.parametrize("count", [1, 3])
# The width is 2 · B · K of one case: shapes alone cannot tell rows from places.
@pytest.mark.parametrize("rows", [6, 2, 1])
def test_the_shape_of_the_values_decides(rng, loss, count, rows):
    x, y = images(rng, rows)
    mixer = MixUp(1.0, count, seed=3)
    history = reported(mixer, loss, x, y).history
    expected = of_rows(loss, mixer, x, y)
    np.testing.assert_allclose(history["loss"], expected, rtol=1e-5)


def test_values_of_rows_train_as_their_mean(rng):
    """A loss per image and one per place have the same mean, and the same step."""
    x, y = images(rng, 6)
    kernels = []
    for loss in (per_image, per_place, "mse"):
        model = reported(MultiMix(1.0, 2, seed=3), loss, x, y, rate=0.5).model
        kernels.append(model.base_model.get_weights()[0])
    np.testing.assert_allclose(kernels[0], kernels[1], rtol=1e-6)
    np.testing.assert_allclose(kernels[0], kernels[2], rtol=1e-6)
    assert not np.allclose(kernels[0], 1.0)


def test_sample_weights_beside_values_per_row(rng):
    x, y = images(rng, 6)
    w = rng.uniform(0.5, 2, size=6).astype("float32")
    mixer = MixUp(1.0, seed=3)
    mixed, own, partner, coefficients = parts(mixer, x, y)
    at = helpers.in_numpy(mixer.get_random_transformation(x, step=0))["partner"]
    own, partner = (
        ((mixed - each)[0] ** 2).mean(axis=(1, 2, 3)) for each in (own, partner)
    )
    rows = coefficients[0] * w * own + (1 - coefficients[0]) * w[at] * partner
    history = reported(mixer, per_image, x, y, sample_weight=w).history
    np.testing.assert_allclose(history["loss"], rows.mean(), rtol=1e-5)


def test_connectionist_temporal_classification(rng):
    x = rng.normal(size=(4, 8, 5)).astype("float32")
    y = rng.integers(1, 5, size=(4, 3)).astype("int32")
    mixer = MixUp(1.0, 2, seed=3)
    loss = keras.losses.CTC()
    history = reported(mixer, loss, x, y).history
    expected = of_rows(lambda y, p: loss.call(ops.cast(y, "int32"), p), mixer, x, y)
    np.testing.assert_allclose(history["loss"], expected, rtol=1e-4)


# One value for the batch -----------------------------------------------------------

WHOLE = {
    "function": per_batch,
    "subclass": OfBatch(),
    "reduces_itself": ReducesItself(),
    "dice": keras.losses.Dice(),
    "tversky": keras.losses.Tversky(alpha=0.3, beta=0.7),
    "sum": OfBatch(reduction="sum"),
}
SHARED = {
    "mix_up": lambda: MixUp(1.0, sampling="shared", seed=3),
    "multi_mix": lambda: MultiMix(1.0, 3, sampling="shared", seed=3),
    "cut_mix": lambda: CutMix(1.0, 2, sampling="shared", seed=3),
    "alone": lambda: RandomMix([MixUp(1.0, sampling="shared")], [0.0], seed=3),
    "alpha_0": lambda: MixUp(0, 2, seed=3),
}


def in_keras(loss):
    return loss if not isinstance(loss, keras.losses.Loss) else loss.__call__


@pytest.mark.spread
@pytest.mark.parametrize("mixer", SHARED)
@pytest.mark.parametrize("loss", WHOLE)
def test_one_coefficient_for_the_batch(rng, loss, mixer):
    x, y = images(rng, 6)
    mixer, loss = SHARED[mixer](), WHOLE[loss]
    history = reported(mixer, loss, x, y).history
    expected = of_batches(in_keras(loss), mixer, x, y)
    np.testing.assert_allclose(history["loss"], expected, rtol=1e-5)


def test_the_step_follows_the_whole_loss(rng):
    """One step of ours is one of plain Keras on the two losses, written out."""
    x, y = images(rng, 6)
    mixer = MixUp(1.0, sampling="shared", seed=3)
    mixed, own, partner, coefficients = parts(mixer, x, y)
    lam = float(coefficients[0, 0])
    plain = identity()

    def both(y_true, y_pred):
        own, partner = y_true[..., :1], y_true[..., 1:]
        return lam * per_batch(own, y_pred) + (1 - lam) * per_batch(partner, y_pred)

    plain.compile(keras.optimizers.SGD(0.5), both)
    labels = np.concatenate([own[0], partner[0]], axis=-1)
    plain.fit(mixed[0], labels, batch_size=6, verbose=0)
    ours = reported(mixer, per_batch, x, y, rate=0.5).model.base_model
    np.testing.assert_allclose(ours.get_weights(), plain.get_weights(), rtol=1e-5)
    assert not np.allclose(ours.get_weights(), 1.0)


def test_as_many_classes_as_rows_are_no_rows(rng):
    """Values `(C,)` look like values per row where C = B · K."""
    x, y = images(rng, 4, (2, 3, 4))
    history = reported(MixUp(1.0, sampling="shared", seed=3), per_class, x, y).history
    expected = of_batches(per_class, MixUp(1.0, sampling="shared", seed=3), x, y)
    np.testing.assert_allclose(history["loss"], expected, rtol=1e-5)
    for rows in (4, 2):
        with pytest.raises(ValueError) as error:
            reported(MixUp(1.0, seed=3), per_class, x[:rows], y[:rows])
        assert helpers.is_refusal(error.value)


def test_a_whole_loss_on_one_of_two_outputs(rng):
    x, y = images(rng, 6)
    mixer = MultiMix(1.0, 2, sampling="shared", seed=3)
    base = identity()
    outputs = [keras.layers.Identity(name=name)(base.output) for name in ("a", "b")]
    model = MixupModel(keras.Model(base.input, outputs), mixer)
    model.compile("sgd", [per_batch, "mse"], loss_weights=[1.0, 3.0])
    history = model.fit(x, [y, y], batch_size=6, shuffle=False, verbose=0).history
    whole, rows = of_batches(per_batch, mixer, x, y), of_rows(per_image, mixer, x, y)
    np.testing.assert_allclose(history["a_loss"], whole, rtol=1e-5)
    np.testing.assert_allclose(history["b_loss"], rows, rtol=1e-5)
    np.testing.assert_allclose(history["loss"], whole + 3 * rows, rtol=1e-5)


def test_part_by_part(rng):
    """K parts of one interpolation each report the mean of the K losses."""
    x, y = images(rng, 6)
    mixer = MultiMix(1.0, 2, sampling="shared", seed=3)
    model = MixupModel(identity(), mixer, interpolations_at_once=1)
    optimizer = keras.optimizers.SGD(0.5, gradient_accumulation_steps=2)
    model.compile(optimizer, per_batch)
    model.fit(x, y, batch_size=6, shuffle=False, verbose=0)
    whole = reported(
        MultiMix(1.0, 2, sampling="shared", seed=3), per_batch, x, y, rate=0.5
    ).model
    for ours, theirs in zip(model.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


@pytest.mark.parametrize("loss", WHOLE)
@pytest.mark.parametrize("way", ["fit", "train_on_batch"])
@pytest.mark.parametrize("eagerly", [False, True])
def test_a_coefficient_per_row_is_refused(rng, loss, way, eagerly):
    x, y = images(rng, 6)
    layers = [MixUp(1.0, 2), CutMix(1.0, 2, sampling="shared")]
    model = MixupModel(identity(), RandomMix(layers, seed=1))
    model.compile(keras.optimizers.SGD(0.5), WHOLE[loss], run_eagerly=eagerly)
    state = helpers.state(model.mixer)
    with pytest.raises(ValueError) as error:
        getattr(model, way)(x, y)
    helpers.assert_three_parts(error)
    for way_out in ('sampling="shared"', "one value per row", "num_classes"):
        assert way_out in str(error.value)
    np.testing.assert_array_equal(model.base_model.get_weights(), [[[1.0]]])
    np.testing.assert_array_equal(helpers.state(model.mixer), state)


def test_plain_steps_take_any_loss(rng):
    x, y = images(rng, 6)
    model = MixupModel(identity(), MixUp(1.0))
    model.compile(keras.optimizers.SGD(0.0), per_batch)
    model.mixing = False
    loss = model.evaluate(x, y, batch_size=6, verbose=0)
    np.testing.assert_allclose(
        loss, helpers.in_numpy(per_batch(*helpers.tensors([y, x]))), rtol=1e-5
    )

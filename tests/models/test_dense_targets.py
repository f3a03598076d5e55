"""Training on masks, sequences, several labels per row and regression targets."""

import keras
import numpy as np
import pytest

from keras_multimix import CutMix, MixUp, MixupModel, MultiMix
from tests import oracle

ROWS, CLASSES, SMOOTHING = 6, 3, 0.1


def log_softmax(logits):
    logits = logits - logits.max(axis=-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def cross_entropy(logits, targets):
    return -(targets * log_softmax(logits)).sum(axis=-1)


def smoothed_cross_entropy(logits, targets):
    return cross_entropy(logits, (1 - SMOOTHING) * targets + SMOOTHING / CLASSES)


def binary_cross_entropy(logits, targets):
    return (np.logaddexp(0, logits) - targets * logits).mean(axis=-1)


def squared_error(predictions, targets):
    return np.square(predictions - targets).mean(axis=-1)


def mixed_rows(loss, predict, mixer, x, y, step):
    """The oracle's loss of a batch: each row's, for its own and its partner's label."""
    drawn = mixer.get_random_transformation(x, step=step)
    partner, coefficients = np.asarray(drawn["partner"]), drawn["coefficients"]
    predictions = predict(oracle.interpolate(x, partner, coefficients))
    own = np.repeat(np.arange(len(x)), mixer.num_interpolations)
    other = np.repeat(partner, mixer.num_interpolations)
    losses = [loss(predictions, y[rows]) for rows in (own, other)]
    # A loss per pixel or step is averaged within its row.
    losses = [part.reshape(len(own), -1).mean(axis=1) for part in losses]
    weights = np.asarray(coefficients, "float64").ravel()
    return (weights * losses[0] + (1 - weights) * losses[1]).mean()


def linear(rng, units, shape, layer=keras.layers.Dense):
    """A model of one layer, and the same in NumPy."""
    arguments = {"kernel_size": 1} if layer is keras.layers.Conv2D else {}
    model = keras.Sequential(
        [keras.Input(shape), layer(units, kernel_initializer="zeros", **arguments)]
    )
    kernel, bias = (rng.normal(size=weight.shape) for weight in model.weights)
    model.set_weights([kernel, bias])
    kernel = kernel.reshape(kernel.shape[-2:])
    return model, lambda x: x @ kernel + bias


def assert_reports(mixer, base, loss, x, y, expected):
    """Compares the loss of an epoch of two batches, in which nothing is learned."""
    model = MixupModel(base, mixer)
    model.compile(keras.optimizers.SGD(0.0), loss)
    history = model.fit(x, y, batch_size=ROWS, shuffle=False, verbose=0).history
    steps = [expected(x[:ROWS], y[:ROWS], 0), expected(x[ROWS:], y[ROWS:], 1)]
    np.testing.assert_allclose(history["loss"], [np.mean(steps)], rtol=1e-5)


@pytest.mark.parametrize(
    ("mixer_class", "count", "channel"),
    [(MixUp, 1, ()), (MultiMix, 3, (1,))],
)
def test_segmentation_with_class_indices(rng, mixer_class, count, channel):
    x = rng.normal(size=(2 * ROWS, 4, 5, 2)).astype("float32")
    y = rng.integers(0, CLASSES, size=(2 * ROWS, 4, 5, *channel)).astype("uint8")
    base, predict = linear(rng, CLASSES, (None, None, 2), keras.layers.Conv2D)
    mixer = mixer_class(0.7, num_interpolations=count, seed=4)

    def loss(logits, classes):
        classes = classes.reshape(logits.shape[:-1])
        return cross_entropy(logits, oracle.one_hot(classes, CLASSES))

    def expected(x, y, step):
        return mixed_rows(loss, predict, mixer, x, y, step)

    sparse = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    assert_reports(mixer, base, sparse, x, y, expected)


@pytest.mark.parametrize(
    ("form", "count"), [("indices", 1), ("channel", 3), ("one_hot", 1)]
)
def test_cut_segmentation_is_judged_by_the_pasted_mask(rng, count, form):
    x = rng.normal(size=(2 * ROWS, 4, 5, 2)).astype("float32")
    y = rng.integers(0, CLASSES, size=(2 * ROWS, 4, 5))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    if form == "one_hot":
        y = oracle.one_hot(y, CLASSES)
        loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    elif form == "channel":
        y = y[..., None]
    base, predict = linear(rng, CLASSES, (None, None, 2), keras.layers.Conv2D)
    mixer = CutMix(1.0, count, seed=4)

    def expected(x, y, step):
        drawn = mixer.get_random_transformation(x, step=step)
        pasted_x, pasted_y = (
            oracle.cut_and_paste(part, drawn["partner"], drawn["boxes"])
            for part in (x, y)
        )
        if form != "one_hot":
            pasted_y = oracle.one_hot(pasted_y.reshape(pasted_x.shape[:-1]), CLASSES)
        return cross_entropy(predict(pasted_x), pasted_y).mean()

    assert_reports(mixer, base, loss, x, y, expected)


def problem(rng, kind):
    """Inputs, targets, a Keras loss, the oracle's, and a model's units."""
    x = rng.normal(size=(2 * ROWS, 4)).astype("float32")
    if kind == "sequence":
        x = rng.normal(size=(2 * ROWS, 5, 4)).astype("float32")
        y = oracle.one_hot(rng.integers(0, CLASSES, (2 * ROWS, 5)), CLASSES)
        loss = keras.losses.CategoricalCrossentropy(from_logits=True)
        return x, y, loss, cross_entropy, CLASSES
    if kind == "multi_label":
        y = rng.uniform(size=(2 * ROWS, CLASSES)).astype("float32")
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        return x, y, loss, binary_cross_entropy, CLASSES
    if kind == "smoothed":
        y = oracle.one_hot(np.arange(2 * ROWS) % CLASSES, CLASSES)
        loss = keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=SMOOTHING
        )
        return x, y, loss, smoothed_cross_entropy, CLASSES
    shape = {"scalar": (), "column": (1,), "vector": (2,)}[kind]
    y = rng.normal(size=(2 * ROWS, *shape)).astype("float32")

    def mse(predictions, targets):
        # A label of shape (B,) belongs to an output of shape (B, 1).
        return squared_error(predictions, targets.reshape(predictions.shape))

    return x, y, "mse", mse, 2 if kind == "vector" else 1


@pytest.mark.parametrize(
    ("kind", "mixer_class", "count"),
    [
        ("sequence", MixUp, 1),
        ("sequence", MultiMix, 3),
        ("multi_label", MultiMix, 3),
        ("smoothed", MultiMix, 3),
        ("scalar", MixUp, 1),
        ("column", MultiMix, 3),
        ("vector", MixUp, 1),
        ("vector", MultiMix, 3),
    ],
)
def test_the_loss_is_that_of_the_pairs(rng, kind, mixer_class, count):
    x, y, loss, oracle_loss, units = problem(rng, kind)
    base, predict = linear(rng, units, x.shape[1:])
    mixer = mixer_class(0.7, num_interpolations=count, seed=4)

    def expected(x, y, step):
        return mixed_rows(oracle_loss, predict, mixer, x, y, step)

    assert_reports(mixer, base, loss, x, y, expected)


@pytest.mark.parametrize(("mixer_class", "count"), [(MixUp, 1), (MultiMix, 3)])
def test_smoothed_integer_labels_of_a_layer_before_a_plain_model(
    rng, mixer_class, count
):
    x, y, loss, oracle_loss, _ = problem(rng, "smoothed")
    x, y = x[:ROWS], y[:ROWS]
    base, predict = linear(rng, CLASSES, x.shape[1:])
    base.compile(keras.optimizers.SGD(0.0), loss)
    mixer = mixer_class(0.7, num_interpolations=count, num_classes=CLASSES, seed=4)
    got = base.train_on_batch(*mixer(x, y.argmax(axis=-1), step=0))
    # Smoothing and cross-entropy are linear in the labels, so that mixing the labels
    # or the losses is the same.
    expected = mixed_rows(oracle_loss, predict, mixer, x, y, 0)
    np.testing.assert_allclose(got, expected, rtol=1e-5)

"""The loss of mixed rows, its reductions and weights, against NumPy and plain Keras."""

import keras
import numpy as np
import pytest

from keras_multimix import CutMix, MixUp, MixupModel, MultiMix
from tests import oracle

ROWS, CLASSES = 12, 3
REDUCTIONS = ["sum", "sum_over_batch_size", "mean_with_sample_weight"]


def linear(units=CLASSES, shape=(4,), **arguments):
    keras.utils.set_random_seed(1)
    layers = [keras.layers.Flatten()] if len(shape) > 1 else []
    return keras.Sequential(
        [keras.Input(shape), *layers, keras.layers.Dense(units, **arguments)]
    )


def sparse(reduction="sum_over_batch_size"):
    return keras.losses.SparseCategoricalCrossentropy(True, reduction=reduction)


def train(model, x, y, loss, epochs=1, **arguments):
    compile_arguments = {
        key: arguments.pop(key)
        for key in ("metrics", "weighted_metrics", "loss_weights")
        if key in arguments
    }
    model.compile(keras.optimizers.SGD(0.3), loss, **compile_arguments)
    history = model.fit(
        x, y, batch_size=ROWS, epochs=epochs, shuffle=False, verbose=0, **arguments
    ).history
    base = getattr(model, "base_model", model)
    return history, [np.array(weight) for weight in base.get_weights()]


def assert_equal_training(ours, theirs, atol=1e-5):
    assert ours[0].keys() == theirs[0].keys()
    for key in ours[0]:
        np.testing.assert_allclose(ours[0][key], theirs[0][key], atol=atol, rtol=1e-5)
    for a, b in zip(ours[1], theirs[1], strict=True):
        np.testing.assert_allclose(a, b, atol=atol)


@pytest.fixture
def data(rng):
    return rng.normal(size=(ROWS, 4)).astype("float32"), np.arange(ROWS) % CLASSES


def cross_entropy(logits, classes):
    logits = logits - logits.max(axis=-1, keepdims=True)
    logarithms = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    return -np.take_along_axis(logarithms, classes[:, None], axis=-1)[:, 0]


@pytest.mark.spread
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "mixer",
    [
        MixUp(0.5, seed=3),
        MultiMix(0.5, seed=3),
        MultiMix(0.5, 3, seed=3, keep_batch_size=True),
        MixUp(0.5, pairing="mirror", seed=3),
        MixUp(0.5, mix_labels=False, seed=3),
    ],
    ids=lambda mixer: f"{mixer.name}-{mixer.num_interpolations}",
)
def test_loss_and_accuracy_are_the_pairs(data, rng, reduction, weighted, mixer):
    x, y = data
    w = rng.uniform(0.5, 2, size=ROWS).astype("float32") if weighted else np.ones(ROWS)
    mixer = type(mixer).from_config(mixer.get_config())
    drawn = mixer.get_random_transformation(x, step=0)
    pairs, count = len(drawn["partner"]), mixer.num_interpolations
    if mixer.keep_batch_size:
        pairs = ROWS // count
    weights = drawn["coefficients"][:pairs]
    if not mixer.mix_labels:
        weights = (weights >= 0.5).astype("float32")
    lam = weights.ravel()
    own = np.repeat(np.arange(pairs), count)
    other = np.repeat(np.asarray(drawn["partner"])[:pairs], count)

    base = linear()
    kernel, bias = (np.array(weight, "float64") for weight in base.get_weights())
    logits = (
        oracle.interpolate(x, drawn["partner"], drawn["coefficients"][:pairs]) @ kernel
        + bias
    )
    rows = lam * w[own] * cross_entropy(logits, y[own])
    rows += (1 - lam) * w[other] * cross_entropy(logits, y[other])
    expected = {
        "sum": rows.sum() * ROWS / len(rows),
        "sum_over_batch_size": rows.mean(),
        "mean_with_sample_weight": rows.sum()
        / (lam * w[own] + (1 - lam) * w[other]).sum(),
    }[reduction]
    hits = logits.argmax(axis=1)
    accuracy = (lam * (hits == y[own]) + (1 - lam) * (hits == y[other])).mean()

    model = MixupModel(base, mixer)
    history, _ = train(
        model,
        x,
        y,
        sparse(reduction),
        metrics=["accuracy"],
        sample_weight=w if weighted else None,
    )
    np.testing.assert_allclose(history["loss"], expected, rtol=1e-5)
    np.testing.assert_allclose(history["accuracy"], accuracy, rtol=1e-5)


@pytest.mark.parametrize("mixer_class", [MixUp, MultiMix, CutMix])
def test_a_linear_loss_trains_as_mixed_labels_do(rng, mixer_class):
    shape = (4, 4)
    x = rng.normal(size=(ROWS, *shape)).astype("float32")
    y = np.arange(ROWS) % CLASSES
    mixed = mixer_class(0.5, seed=3, num_classes=CLASSES)(x, y, step=0)
    ours = train(
        MixupModel(linear(shape=shape), mixer_class(0.5, seed=3)), x, y, sparse()
    )
    plain = linear(shape=shape)
    plain.compile(keras.optimizers.SGD(0.3), keras.losses.CategoricalCrossentropy(True))
    plain.fit(*mixed, batch_size=len(mixed[0]), shuffle=False, verbose=0)
    for a, b in zip(ours[1], plain.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def activity_is_averaged():
    """Keras 3.12 sums over the rows: K times as many then count K times."""
    layer = keras.layers.Dense(1, kernel_initializer="ones", activity_regularizer="l1")
    totals = []
    for rows in (1, 3):
        layer(np.ones((rows, 1), "float32"))
        totals.append(keras.ops.convert_to_numpy(layer.losses[0]))
    return totals[0] == pytest.approx(totals[1])


@pytest.mark.spread
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("weights", ["none", "sample", "class"])
def test_alpha_zero_is_plain_training(data, rng, reduction, count, weights):
    arguments = {
        "none": {},
        "sample": {"sample_weight": rng.uniform(size=ROWS)},
        "class": {"class_weight": {0: 1.0, 1: 3.0, 2: 0.5}},
    }[weights]
    arguments |= {"metrics": ["accuracy"], "weighted_metrics": ["accuracy"]}
    regularized = {"kernel_regularizer": "l2"}
    if count == 1 or activity_is_averaged():
        regularized["activity_regularizer"] = "l1"
    runs = [
        train(model, *data, sparse(reduction), epochs=2, **dict(arguments))
        for model in (
            MixupModel(linear(**regularized), MixUp(0, count)),
            linear(**regularized),
        )
    ]
    assert_equal_training(*runs)


@pytest.mark.spread
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("kind", ["columns", "column", "sequence", "image"])
def test_alpha_zero_is_plain_training_for_other_targets(rng, reduction, count, kind):
    shape = {"columns": (2,), "column": (1,), "sequence": (5, 2), "image": (2, 3, 2)}
    units = int(np.prod(shape[kind]))
    x = rng.normal(size=(ROWS, 4)).astype("float32")
    y = rng.normal(size=(ROWS, *shape[kind])).astype("float32")

    def model():
        base = linear(units)
        return keras.Sequential([base, keras.layers.Reshape(shape[kind])])

    loss = keras.losses.MeanSquaredError(reduction=reduction)
    runs = [
        train(each, x, y, loss, metrics=["mae"])
        for each in (MixupModel(model(), MixUp(0, count)), model())
    ]
    assert_equal_training(*runs)


def test_temporal_weights_follow_their_rows(rng):
    x = rng.normal(size=(ROWS, 5, 4)).astype("float32")
    y = rng.integers(0, 3, size=(ROWS, 5))
    w = rng.uniform(size=(ROWS, 5)).astype("float32")

    def model():
        keras.utils.set_random_seed(1)
        return keras.Sequential([keras.Input((5, 4)), keras.layers.Dense(3)])

    runs = [
        train(each, x, y, sparse(), sample_weight=w, metrics=["accuracy"])
        for each in (MixupModel(model(), MixUp(0, 2)), model())
    ]
    assert_equal_training(*runs)


def test_regularization_counts_once(data):
    x, y = data
    strength = 10.0
    penalty = keras.regularizers.L2(strength)
    losses = []
    for regularizer in (None, penalty):
        base = linear(kernel_regularizer=regularizer)
        kernel = np.array(base.get_weights()[0])
        history, _ = train(MixupModel(base, MultiMix(seed=1)), x, y, sparse())
        losses.append(history["loss"][0])
    expected = strength * np.square(kernel).sum()
    np.testing.assert_allclose(losses[1] - losses[0], expected, rtol=1e-4)


def test_vectors_of_predictions(rng):
    """Outputs of shape (B,): the loss must not average over the batch itself."""
    x, y = rng.normal(size=(2, ROWS, 4)).astype("float32")

    def model():
        return keras.Sequential([linear(1), keras.layers.Reshape(())])

    mixer = MixUp(0.5, seed=2)
    drawn = mixer.get_random_transformation(x, step=0)
    base = model()
    mixed = oracle.interpolate(x, drawn["partner"], drawn["coefficients"])
    kernel, bias = base.get_weights()
    predictions = (mixed @ kernel + bias)[:, 0]
    y, lam = y[:, 0], drawn["coefficients"][:, 0]
    partner = np.asarray(drawn["partner"])
    expected = lam * (predictions - y) ** 2
    expected += (1 - lam) * (predictions - y[partner]) ** 2
    history, _ = train(MixupModel(base, mixer), x, y, "mse")
    np.testing.assert_allclose(history["loss"], expected.mean(), rtol=1e-5)


def test_pasted_masks_are_the_target_of_their_pixels(rng):
    x = rng.normal(size=(6, 4, 4, 2)).astype("float32")
    y = rng.integers(0, 3, size=(6, 4, 4))
    mixer = CutMix(1.0, 2, seed=0)
    drawn = mixer.get_random_transformation(x, step=0)
    pasted = [
        oracle.cut_and_paste(part, drawn["partner"], drawn["boxes"]) for part in (x, y)
    ]
    base = keras.Sequential([keras.Input((4, 4, 2)), keras.layers.Dense(3)])
    plain = keras.models.clone_model(base)
    plain.set_weights(base.get_weights())
    plain.compile("sgd", sparse())
    expected = plain.evaluate(*pasted, batch_size=12, verbose=0)
    history, _ = train(MixupModel(base, mixer), x, y, sparse())
    np.testing.assert_allclose(history["loss"], expected, rtol=1e-5)


@pytest.mark.spread
@pytest.mark.parametrize(
    "reduction", ["sum", "sum_over_batch_size", "mean_with_sample_weight"]
)
@pytest.mark.parametrize("mix_at", [None, ["masking"], ["recurrent"]])
def test_masked_places_of_outputs_do_not_count(rng, reduction, mix_at):
    x = rng.normal(size=(8, 5, 3)).astype("float32")
    x[::2, 3:] = 0
    y = rng.integers(0, 2, size=(8, 5))
    results = []
    for wrap in (False, True):
        keras.utils.set_random_seed(3)
        inputs = keras.Input((5, 3))
        hidden = keras.layers.Masking(name="masking")(inputs)
        hidden = keras.layers.SimpleRNN(4, return_sequences=True, name="recurrent")(
            hidden
        )
        plain = keras.Model(inputs, keras.layers.Dense(2)(hidden))
        model = MixupModel(plain, MixUp(0), mix_at) if wrap else plain
        model.compile(
            keras.optimizers.SGD(0.1),
            keras.losses.SparseCategoricalCrossentropy(
                from_logits=True, reduction=reduction
            ),
            metrics=["accuracy"],
        )
        history = model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
        results.append(history.history)
    for name in ("loss", "accuracy"):
        np.testing.assert_allclose(results[0][name], results[1][name], rtol=1e-5)

"""`keep_originals` in `MixupModel`: the loss of all rows, the metrics of the plain."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_multimix import CutMix, MixUp, MixupModel, RandomMix, RegMixup
from tests import helpers

ROWS = 6
X = np.random.default_rng(3).normal(size=(ROWS, 4, 4, 1)).astype("float32")
CLASSES = np.arange(ROWS) % 3
WEIGHTS = np.random.default_rng(4).uniform(size=ROWS).astype("float32")
EAGER = [True] if helpers.backend() == "torch" else [True, False]


def f_score(y, p):
    return ops.sum(ops.cast(y, p.dtype)) + ops.sum(p)


def metrics():
    return [
        "accuracy",
        f_score,
        keras.metrics.SparseCategoricalCrossentropy(from_logits=True, name="nll"),
        keras.metrics.SparseTopKCategoricalAccuracy(2, name="top"),
    ]


def compiled(mixer, *, steps=None, run_eagerly=False, **arguments):
    base_model = keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(5, "tanh", name="hidden"),
            keras.layers.Dense(3),
        ]
    )
    model = MixupModel(base_model, mixer, **arguments)
    model.compile(
        keras.optimizers.SGD(0.0, gradient_accumulation_steps=steps),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=metrics(),
        weighted_metrics=[keras.metrics.SparseCategoricalAccuracy(name="weighted")],
        run_eagerly=run_eagerly,
    )
    return model


MIXERS = {
    "reg_mixup": lambda: RegMixup(seed=1),
    "shared": lambda: MixUp(1.0, 4, keep_originals=True, sampling="shared", seed=1),
    "boxes": lambda: CutMix(1.0, 2, keep_originals=True, seed=1),
    "either": lambda: RandomMix(
        [RegMixup(seed=1), CutMix(1.0, 2, keep_originals=True, seed=2)], seed=3
    ),
}


@pytest.mark.spread
@pytest.mark.parametrize("run_eagerly", EAGER)
@pytest.mark.parametrize("mixer", MIXERS)
@pytest.mark.parametrize(
    "arguments",
    [{}, {"mix_at": ["hidden"]}, {"interpolations_at_once": 1}],
    ids=["input", "hidden", "parts"],
)
def test_train_metrics_are_those_of_the_plain_rows(mixer, arguments, run_eagerly):
    if mixer in ("boxes", "either") and "mix_at" in arguments:
        pytest.skip("boxes need pixels")
    mixer = MIXERS[mixer]()
    steps = mixer.num_interpolations if "interpolations_at_once" in arguments else None
    model = compiled(mixer, steps=steps, run_eagerly=run_eagerly, **arguments)
    data = {"sample_weight": WEIGHTS, "batch_size": 3, "verbose": 0}
    trained = model.fit(X, CLASSES, shuffle=False, **data).history
    base_model = model.base_model
    base_model.compile(
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=metrics(),
        weighted_metrics=[keras.metrics.SparseCategoricalAccuracy(name="weighted")],
    )
    plain = base_model.evaluate(X, CLASSES, return_dict=True, **data)
    for name in ("accuracy", "f_score", "nll", "top", "weighted"):
        np.testing.assert_allclose(trained[name], [plain[name]], rtol=1e-5)


@pytest.mark.parametrize("arguments", [{}, {"mix_at": ["hidden"]}])
def test_the_loss_is_the_mean_over_plain_and_mixed_rows(arguments):
    """RegMixup's with η = 1: ½ (CE(f(x), y) + λ CE(f(x̂), y) + (1 − λ) CE(f(x̂), y'))."""
    mixer = RegMixup(2.0, seed=1)
    model = compiled(mixer, **arguments)
    drawn = helpers.in_numpy(mixer.get_random_transformation(X, step=0))
    partner, weights = drawn["partner"], drawn["coefficients"][:, 1]
    history = model.fit(X, CLASSES, batch_size=ROWS, shuffle=False, verbose=0).history
    lower, upper = model.base_model.layers[:2], model.base_model.layers[2]
    features = X
    if arguments:
        for layer in lower:
            features = layer(features)
        features = helpers.in_numpy(features)
    aligned = weights.reshape(-1, *(1,) * (features.ndim - 1))
    mixed = aligned * features + (1 - aligned) * features[partner]
    run = upper if arguments else model.base_model

    def entropy(inputs, labels):
        logits = helpers.in_numpy(run(inputs)).astype("float64")
        shifted = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        return -shifted[np.arange(ROWS), labels]

    expected = entropy(features, CLASSES) + weights * entropy(mixed, CLASSES)
    expected += (1 - weights) * entropy(mixed, CLASSES[partner])
    np.testing.assert_allclose(history["loss"], [expected.mean() / 2], rtol=1e-5)


def test_masks_of_plain_rows_count_as_in_plain_keras():
    tokens = np.array([[1, 2, 0, 0], [3, 0, 0, 0], [1, 2, 3, 4]])
    y = np.array([[0, 1, 2, 0], [1, 1, 1, 1], [2, 0, 1, 2]])
    base_model = keras.Sequential(
        [
            keras.Input((4,), dtype="int32"),
            keras.layers.Embedding(5, 3, mask_zero=True, name="embedding"),
            keras.layers.Dense(3),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model = MixupModel(base_model, RegMixup(seed=1), mix_at=["embedding"])
    model.compile(keras.optimizers.SGD(0.0), loss, metrics=["accuracy"])
    trained = model.fit(tokens, y, batch_size=3, verbose=0).history["accuracy"]
    # Trained, because on JAX Keras' own training step loses the mask before metrics.
    base_model.compile(keras.optimizers.SGD(0.0), loss, metrics=["accuracy"])
    plain = base_model.fit(tokens, y, batch_size=3, verbose=0).history["accuracy"]
    np.testing.assert_allclose(trained, plain, rtol=1e-6)


def test_pairs_of_batches():
    model = compiled(RegMixup(seed=1))
    partners = X[::-1].copy(), CLASSES[::-1].copy()
    dataset = helpers.dataset(X, CLASSES, *partners, batch_size=3)
    dataset = dataset.map(lambda x, y, other, label: ((x, y), (other, label)))
    trained = model.fit(dataset, shuffle=False, verbose=0).history
    model.base_model.compile(loss=model.loss, metrics=["accuracy"])
    plain = model.base_model.evaluate(X, CLASSES, verbose=0, return_dict=True)
    np.testing.assert_allclose(trained["accuracy"], [plain["accuracy"]], rtol=1e-6)

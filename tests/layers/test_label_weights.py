"""Labels of rows and places that weigh unequally, cut weights, and unions of tags."""

import keras
import numpy as np
import pytest

from keras_multimix import CutMix, MixUp, MixupModel, MultiMix, RandomMix
from tests import helpers, oracle
from tests.layers.test_label_kinds import ROWS, WAYS

X = np.random.default_rng(7).normal(size=(ROWS, 4, 5, 2)).astype("float32")
SCORES = np.random.default_rng(8).uniform(size=(ROWS, 3)).astype("float32")
WEIGHTS = np.array([1.0, 0.0, 2.0, 0.0, 0.5, 1.0], "float32")


def run(layer, data, way, step=2):
    """Mixes a batch, eagerly, compiled or in `tf.data`."""
    if way == "numpy":
        return layer(*data, step=step)
    if way == "tensors":
        return helpers.in_numpy(layer(*helpers.tensors(data), step=step))
    if way == "dataset":
        import tensorflow as tf

        mixed = tf.data.Dataset.from_tensors(data).map(
            lambda *parts: layer(*parts, step=step)
        )
        return keras.tree.map_structure(lambda leaf: leaf.numpy(), next(iter(mixed)))
    if way == "compile":
        import torch

        torch._dynamo.reset()
    function = helpers.compiled(lambda *parts: layer(*parts, step=step), way)
    return helpers.in_numpy(function(*helpers.tensors(data)))


def draw(layer):
    drawn = helpers.in_numpy(layer.get_random_transformation(X, step=2))
    return drawn["partner"], drawn["coefficients"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("shape", [(ROWS,), (ROWS, 1)])
def test_a_row_of_weight_zero_gives_no_label(way, count, shape):
    layer = MultiMix(1.0, count, seed=1)
    _, y, w = run(layer, (X, SCORES, WEIGHTS.reshape(shape)), way)
    partner, coefficients = draw(layer)
    expected = oracle.interpolate_labels(SCORES, WEIGHTS, partner, coefficients)
    np.testing.assert_allclose(y, expected, rtol=1e-5)
    expected = oracle.interpolate(WEIGHTS.reshape(shape), partner, coefficients)
    np.testing.assert_allclose(w, expected, rtol=1e-5)
    own = np.repeat(np.arange(ROWS), count)
    unlabelled = np.repeat(WEIGHTS[partner] == 0, count) & (WEIGHTS[own] > 0)
    assert unlabelled.any()
    np.testing.assert_allclose(y[unlabelled], SCORES[own][unlabelled], rtol=1e-5)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("places", [False, True])
def test_a_label_that_is_missing_adds_nothing(way, places):
    """NaN where the weight is 0, of rows or of steps, is as good as any number."""
    scores, weights = SCORES.copy(), WEIGHTS
    if places:
        scores = np.repeat(scores[:, None], 4, axis=1)
        weights = np.repeat(WEIGHTS[:, None], 4, axis=1)
        weights[0, 2], weights[1, 1] = 0.0, 1.0
    layer = MultiMix(1.0, 3, seed=1)
    missing = np.where((weights == 0)[..., None], np.float32(np.nan), scores)
    _, y, w = run(layer, (X, missing, weights), way)
    _, expected, expected_w = run(layer, (X, scores, weights), way)
    np.testing.assert_array_equal(w, expected_w)
    assert np.isfinite(y).all()
    counts = w > 0
    np.testing.assert_allclose(y[counts], expected[counts], rtol=1e-6)


@pytest.mark.parametrize("way", WAYS)
def test_equal_weights_change_no_digit(way):
    layer = MultiMix(1.0, 2, seed=1)
    for weights in (np.full(ROWS, 3.0, "float32"), np.zeros(ROWS, "float32")):
        weighted = run(layer, (X, SCORES, weights), way)[1]
        # XLA contracts the multiplication and the sum in the one and not in the other.
        rtol = 2e-7 if way == "xla" else 0
        plain = run(layer, (X, SCORES), way)[1]
        np.testing.assert_allclose(weighted, plain, rtol=rtol, atol=0)


@pytest.mark.parametrize("way", WAYS)
def test_the_loss_is_that_of_mixup_model(way):
    """Mixed labels and weights in a pipeline train as two labels do in a model."""
    y, x = np.arange(ROWS) % 3, X.reshape(ROWS, -1)
    layer = MixUp(1.0, num_classes=3, seed=1)
    plain = keras.Sequential([keras.Input((40,)), keras.layers.Dense(3)])
    plain.compile(loss=keras.losses.CategoricalCrossentropy(from_logits=True))

    def loss_of(mixed):
        x, y, weights = helpers.in_numpy(mixed)
        return plain.evaluate(x, y, sample_weight=weights, batch_size=ROWS, verbose=0)

    expected = loss_of(run(layer, (x, y, WEIGHTS), way, step=0))
    model = MixupModel(plain, MixUp(1.0, seed=1))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.0), loss)
    got = model.train_on_batch(x, y, sample_weight=WEIGHTS)
    np.testing.assert_allclose(got, expected, rtol=1e-5)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("channel", [(), (1,)])
def test_weights_of_places(rng, way, count, channel):
    y = rng.integers(0, 3, size=(ROWS, 4, 5))
    w = (rng.uniform(size=(ROWS, 4, 5)) * (y > 0)).astype("float32")
    layer = MixUp(1.0, count, num_classes=3, seed=1)
    data = (X, y.astype("uint8"), w.reshape(*w.shape, *channel))
    _, got, weights = run(layer, data, way)
    drawn = draw(layer)
    expected = oracle.interpolate_labels(oracle.one_hot(y, 3), w, *drawn)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)
    expected = oracle.interpolate(w, *drawn).reshape(-1, 4, 5, *channel)
    np.testing.assert_allclose(weights, expected, rtol=1e-5, atol=1e-7)
    assert not got[..., 0][weights.reshape(-1, 4, 5) > 0].any()


def test_each_head_has_its_own_weights():
    other = WEIGHTS[::-1].copy()
    y = {"a": SCORES, "b": SCORES, "c": SCORES}
    layer = MixUp(1.0, seed=1)
    got = layer(X, y, {"a": WEIGHTS, "b": other}, step=2)[1]
    for key, weights in (("a", WEIGHTS), ("b", other), ("c", np.ones(ROWS))):
        expected = oracle.interpolate_labels(SCORES, weights, *draw(layer))
        np.testing.assert_allclose(got[key], expected, rtol=1e-5)
    batch = {"images": X, "labels": y, "sample_weights": {"a": WEIGHTS, "b": other}}
    for key, values in layer(batch, step=2)["labels"].items():
        np.testing.assert_array_equal(values, got[key])


@pytest.mark.parametrize(
    "weights",
    [np.ones((ROWS, 4)), np.ones((ROWS, 3, 2)), {"a": WEIGHTS}, [WEIGHTS, WEIGHTS]],
    ids=str,
)
def test_weights_that_fit_no_label_are_refused(weights):
    layer = MixUp(1.0)
    with pytest.raises(ValueError, match="sample weights") as error:
        layer(X, {"b": SCORES} if isinstance(weights, dict) else SCORES, weights)
    helpers.assert_three_parts(error)
    assert helpers.state(layer)[2] == 0


# Cut weights ----------------------------------------------------------------------


def pasted(layer, *parts):
    drawn = helpers.in_numpy(layer.get_random_transformation(X, step=2))
    boxes = drawn["boxes"]
    return [oracle.cut_and_paste(part, drawn["partner"], boxes) for part in parts]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("channel", [(), (1,)])
def test_weights_of_pixels_are_cut_with_them(rng, way, channel):
    y = rng.integers(0, 3, size=(ROWS, 4, 5))
    w = (rng.uniform(size=(ROWS, 4, 5)) * (y > 0)).astype("float32")
    layer = CutMix(1.0, 2, num_classes=3, seed=1)
    data = (X, y.astype("uint8"), w.reshape(*w.shape, *channel))
    _, got, weights = run(layer, data, way)
    masks, expected = pasted(layer, oracle.one_hot(y, 3), w)
    np.testing.assert_array_equal(got, masks)
    np.testing.assert_array_equal(weights, expected.reshape(-1, 4, 5, *channel))


@pytest.mark.parametrize("random", [False, True])
def test_weights_of_pixels_are_cut_in_a_model(rng, random):
    y = rng.integers(0, 3, size=(ROWS, 4, 5))
    w = (rng.uniform(size=(ROWS, 4, 5)) * (y > 0)).astype("float32")
    layer = CutMix(1.0, 2, seed=1)
    mixer = RandomMix([layer], seed=4) if random else layer
    base = keras.Sequential([keras.Input((4, 5, 2)), keras.layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model = MixupModel(base, mixer)
    model.compile(keras.optimizers.SGD(0.0), loss)
    got = model.train_on_batch(X, y, sample_weight=w)
    drawn = helpers.in_numpy(layer.get_random_transformation(X, step=0))
    mixed, classes, weights = (
        oracle.cut_and_paste(part, drawn["partner"], drawn["boxes"])
        for part in (X, y, w)
    )
    logits = helpers.in_numpy(base(mixed))
    logarithms = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    picked = np.take_along_axis(logarithms, classes[..., None], axis=-1)[..., 0]
    np.testing.assert_allclose(got, -(picked * weights).mean(), rtol=1e-5)


@pytest.mark.parametrize("shape", [(5, 4), (4, 1), (4,), (1, 5)])
def test_weights_of_another_size_are_refused(shape):
    masks = np.zeros((ROWS, 4, 5), "uint8")
    with pytest.raises(ValueError, match="Expected") as error:
        CutMix(num_classes=3)(X, masks, np.ones((ROWS, *shape)))
    helpers.assert_three_parts(error)


# Unions of tags -----------------------------------------------------------------------

TAGS = np.eye(3, dtype="float32")[[0, 1, 2, 0, 1, 2]]


def union(layer, y, counts=None):
    partner, coefficients = draw(layer)
    counts = np.ones(ROWS) if counts is None else counts != 0
    y = y * counts.reshape(-1, *(1,) * (y.ndim - 1))
    return np.repeat(np.maximum(y, y[partner]), coefficients.shape[1], axis=0)


@pytest.mark.spread
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("layer_class", [MixUp, CutMix])
@pytest.mark.parametrize("kind", ["tags", "classes", "binary"])
def test_a_union_has_the_tags_of_both(way, layer_class, kind):
    layer = layer_class(1.0, 2, mix_labels="union", num_classes=None, seed=1)
    y, expected = TAGS, TAGS
    if kind == "classes":
        layer = layer_class(1.0, 2, mix_labels="union", num_classes=3, seed=1)
        y = TAGS.argmax(axis=1)
    elif kind == "binary":
        y = expected = TAGS[:, 0]
    got = run(layer, (X, y), way)[1]
    np.testing.assert_array_equal(got, union(layer, expected))
    again = type(layer).from_config(layer.get_config())
    np.testing.assert_array_equal(run(again, (X, y), way)[1], got)


@pytest.mark.parametrize("way", WAYS)
def test_a_union_leaves_out_rows_of_weight_zero(way):
    layer = MixUp(1.0, 2, mix_labels="union", seed=1)
    got = run(layer, (X, TAGS, WEIGHTS), way)[1]
    np.testing.assert_array_equal(got, union(layer, TAGS, WEIGHTS))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_a_union_in_a_model(weighted, dtype):
    x = X.reshape(ROWS, -1)
    weights = WEIGHTS if weighted else np.ones(ROWS, "float32")
    base = keras.Sequential([keras.Input((40,)), keras.layers.Dense(3)])
    layer = MultiMix(1.0, 2, mix_labels="union", seed=1)
    model = MixupModel(base, layer)
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.0), loss, metrics=["binary_accuracy"])
    loss, _ = model.train_on_batch(x, TAGS.astype(dtype), sample_weight=weights)
    drawn = helpers.in_numpy(layer.get_random_transformation(x, step=0))
    mixed, w = (
        oracle.interpolate(part, drawn["partner"], drawn["coefficients"])
        for part in (x, weights)
    )
    tags = TAGS * (weights != 0)[:, None]
    tags = np.repeat(np.maximum(tags, tags[drawn["partner"]]), 2, axis=0)
    logits = helpers.in_numpy(base(mixed.astype("float32")))
    rows = (np.logaddexp(0, logits) - tags * logits).mean(axis=1)
    np.testing.assert_allclose(loss, (rows * w).mean(), rtol=1e-5)


@pytest.mark.parametrize("y", [np.arange(ROWS) % 3, np.arange(ROWS)[:, None] % 3])
def test_a_union_of_class_indices_in_a_model_is_refused(y):
    base = keras.Sequential([keras.Input((40,)), keras.layers.Dense(3)])
    model = MixupModel(base, MixUp(mix_labels="union"))
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    with pytest.raises(ValueError, match="union.*tags") as error:
        model.train_on_batch(X.reshape(ROWS, -1), y)
    helpers.assert_three_parts(error)


@pytest.mark.parametrize("value", ["max", None, 1, "Union"])
def test_other_ways_to_mix_labels_are_refused(value):
    with pytest.raises(ValueError, match="mix_labels") as error:
        MixUp(mix_labels=value)
    helpers.assert_three_parts(error)

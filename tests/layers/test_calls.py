"""Call forms, structures, dtypes and batch sizes; what comes back and what stays."""

import copy

import keras
import numpy as np
import pytest

from keras_multimix import CutMix, MixUp, MultiMix
from tests import helpers, oracle

LAYERS = [MixUp, MultiMix, CutMix]


def batch(rng, rows=4):
    return {
        "images": rng.uniform(size=(rows, 6, 5, 2)).astype("float32"),
        "labels": np.arange(rows) % 3,
        "segmentation_masks": rng.integers(0, 3, size=(rows, 6, 5, 1)),
        "sample_weights": np.arange(1.0, rows + 1).astype("float32"),
    }


def forms(data):
    x, y, w = data["images"], data["labels"], data["sample_weights"]
    return [
        ((x, y), (x, y)),
        ((x, y, w), (x, y, w)),
        (((x, y),), (x, y)),
        (((x, y, w),), (x, y, w)),
        (([x, y],), [x, y]),
        ((data,), data),
        (({"a": x, "b": [x, x]}, y), ({"a": x, "b": [x, x]}, y)),
        (([x, x, x], {"c": y, "d": y}), ([x, x, x], {"c": y, "d": y})),
        ((x,), x),
    ]


@pytest.mark.parametrize("layer_class", LAYERS)
@pytest.mark.parametrize("form", range(9))
def test_every_form_comes_back_in_its_structure(rng, layer_class, form):
    arguments, structure = forms(batch(rng))[form]
    layer = layer_class(1.0, num_classes=3, seed=0)
    for convert in (lambda data: data, helpers.tensors):
        mixed = layer(*convert(arguments), step=0)
        keras.tree.assert_same_structure(mixed, structure)
        rows = 4 * layer.num_interpolations
        assert all(leaf.shape[0] == rows for leaf in keras.tree.flatten(mixed))
    # Equal leaves mix equally, wherever they stand.
    first = helpers.in_numpy(keras.tree.flatten(mixed)[0])
    np.testing.assert_allclose(
        first,
        helpers.in_numpy(layer(batch(np.random.default_rng(0))["images"], step=0)),
        atol=1e-6,
    )


@pytest.mark.parametrize("layer_class", LAYERS)
def test_the_callers_data_is_not_modified(rng, layer_class):
    data = batch(rng)
    before = copy.deepcopy(data)
    layer_class(1.0, num_classes=3)(data)
    assert list(data) == list(before)
    for key in data:
        np.testing.assert_array_equal(data[key], before[key])


@pytest.mark.parametrize("layer_class", LAYERS)
def test_inference_is_the_identity_and_moves_nothing(rng, layer_class):
    data = batch(rng)
    layer = layer_class(seed=0)  # no `num_classes`: nothing is encoded
    assert layer(data, training=False)["labels"] is data["labels"]
    tensors = helpers.tensors((data["images"], data["labels"]))
    for got, expected in zip(layer(*tensors, training=False), tensors, strict=True):
        np.testing.assert_array_equal(helpers.in_numpy(got), helpers.in_numpy(expected))
    assert layer.get_random_transformation(data, training=False) is None
    assert helpers.state(layer)[2] == 0


@pytest.mark.parametrize("layer_class", LAYERS)
def test_numpy_gives_numpy_and_tensors_give_tensors(rng, layer_class):
    import tensorflow as tf

    x, y = rng.normal(size=(4, 3, 3)).astype("float32"), np.eye(4)
    layer = layer_class(seed=0)
    assert all(type(part) is np.ndarray for part in layer(x, y))
    assert all(keras.ops.is_tensor(part) for part in layer(*helpers.tensors((x, y))))
    assert keras.ops.is_tensor(layer(helpers.tensors(x), y)[1])
    assert all(
        isinstance(part, tf.Tensor) for part in layer(tf.constant(x), tf.constant(y))
    )


@pytest.mark.parametrize("rows", [1, 2, 3, 7])
@pytest.mark.parametrize("layer_class", LAYERS)
def test_any_number_of_rows(rng, layer_class, rows):
    x = rng.normal(size=(rows, 4, 4)).astype("float32")
    layer = layer_class(1.0, seed=0)
    mixed, labels = layer(x, np.eye(rows))
    assert len(mixed) == len(labels) == rows * layer.num_interpolations
    if rows == 1:
        np.testing.assert_allclose(mixed, np.repeat(x, len(mixed), axis=0), atol=1e-6)


def test_a_batch_of_three_rows_is_not_a_triple(rng):
    x = rng.normal(size=(3, 2))
    assert MixUp(seed=0)(x).shape == (3, 2)
    assert len(MixUp(seed=0)((x, x))) == 2


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ("float16", "float16"),
        ("float32", "float32"),
        ("uint8", "float32"),
        ("int16", "float32"),
        ("int32", "float32"),
        ("bool", "float32"),
    ],
)
@pytest.mark.parametrize("layer_class", LAYERS)
def test_dtypes_of_inputs(rng, dtype, expected, layer_class):
    x = (rng.uniform(size=(4, 5, 5)) * 2).astype(dtype)
    layer = layer_class(1.0, seed=0)
    drawn = layer.get_random_transformation(x, step=0)
    if layer_class is CutMix:
        oracle_rows = oracle.cut_and_paste(x, drawn["partner"], drawn["boxes"])
    else:
        oracle_rows = oracle.interpolate(x, drawn["partner"], drawn["coefficients"])
    for convert in (lambda data: data, helpers.tensors):
        mixed = helpers.in_numpy(layer(convert(x), step=0))
        assert mixed.dtype == expected
        np.testing.assert_allclose(mixed, oracle_rows.astype("float64"), atol=2e-3)


def test_bfloat16_inputs_and_half_labels():
    x = keras.ops.ones((4, 2), dtype="bfloat16")
    y = keras.ops.ones((4, 2), dtype="float16")
    mixed, labels = MixUp(seed=0)(x, y)
    assert keras.backend.standardize_dtype(mixed.dtype) == "bfloat16"
    assert keras.backend.standardize_dtype(labels.dtype) == "float32"


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision(rng, dtype_policy, policy):
    dtype_policy(policy)
    x, y = rng.normal(size=(4, 3)).astype("float32"), np.arange(4) % 3
    layer = MixUp(1.0, num_classes=3, seed=0)
    mixed, labels = helpers.in_numpy(layer(*helpers.tensors((x, y)), step=0))
    assert mixed.dtype == labels.dtype == "float32"
    np.testing.assert_allclose(labels.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize(
    ("y", "classes", "expected"),
    [
        (np.arange(4), 4, (4, 4)),
        (np.arange(4)[:, None], 4, (4, 4)),
        (np.zeros((4, 6), "int32"), 3, (4, 6, 3)),
        (np.zeros((4, 6, 3)), None, (4, 6, 3)),
        (np.zeros(4), None, (4,)),
        (np.zeros((4, 2)), None, (4, 2)),
        (np.zeros((4, 3), bool), None, (4, 3)),
        (np.zeros((4, 3, 2, 2)), None, (4, 3, 2, 2)),
    ],
)
@pytest.mark.parametrize("layer_class", [MixUp, MultiMix])
def test_labels_of_every_kind(rng, y, classes, expected, layer_class):
    layer = layer_class(num_classes=classes, seed=0)
    x = rng.normal(size=(4, 2)).astype("float32")
    for convert in (lambda data: data, helpers.tensors):
        _, labels = layer(*convert((x, y)))
        assert tuple(labels.shape) == (4 * layer.num_interpolations, *expected[1:])
        assert "float" in keras.backend.standardize_dtype(labels.dtype)


def test_arrays_among_tensors_become_tensors():
    layer = MixUp(1.0, seed=1)
    x, y = np.ones((4, 3), "float32"), np.eye(4, dtype="float32")
    data = (keras.ops.convert_to_tensor(x), y)
    transformation = layer.get_random_transformation(data, step=0)
    for mixed in (
        layer(*data, step=0),
        layer.apply(data, transformation),
        layer.mix_pairs(data, data, step=0),
    ):
        assert keras.ops.is_tensor(mixed[1]) and mixed[1].shape == (4, 4)

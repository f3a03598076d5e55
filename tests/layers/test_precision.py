"""Dtypes under policies, in datasets and at the edges of a float's range."""

import keras
import numpy as np
import pytest

from keras_multimix import CutMix, MixUp, MultiMix
from tests import helpers, oracle

LAYERS = [MixUp, MultiMix, CutMix]


def name(tensor):
    dtype = tensor.dtype
    return getattr(dtype, "name", None) or keras.backend.standardize_dtype(dtype)


@pytest.mark.parametrize("layer_class", LAYERS)
@pytest.mark.parametrize("policy", ["mixed_float16", "float16", "mixed_bfloat16"])
def test_integer_inputs_get_the_compute_dtype_and_labels_stay_single(
    layer_class, policy
):
    x, y = np.ones((4, 3, 3), "uint8"), np.arange(4) % 3
    layer = layer_class(num_classes=3, seed=0, dtype=policy)
    mixed, labels = layer(*helpers.tensors((x, y)))
    assert name(mixed) == layer.compute_dtype == policy.removeprefix("mixed_")
    assert name(labels) == "float32"


@pytest.mark.spread
@pytest.mark.parametrize("layer_class", LAYERS)
@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ("float16", "float16"),
        ("float64", "float64"),
        ("uint8", "float32"),
        ("uint16", "float32"),
        ("int8", "float32"),
        ("bool", "float32"),
        ("int64", "float32"),
    ],
)
def test_dtypes_in_a_dataset(layer_class, dtype, expected):
    x, y = np.ones((4, 3, 3), dtype), np.ones((4, 2), "float16")
    layer = layer_class(seed=0)
    dataset = helpers.dataset(x, y, batch_size=4).map(layer)
    assert [spec.dtype.name for spec in dataset.element_spec] == [expected, "float32"]
    for mixed, labels in dataset:
        got, want = layer(x, y, step=0)
        assert got.dtype == expected and want.dtype == "float32"
        np.testing.assert_allclose(mixed, got, atol=1e-3)
        np.testing.assert_allclose(labels, want, atol=1e-6)


def test_half_precision_inputs_are_mixed_in_single_precision(rng):
    x = (1000 + rng.uniform(size=(8, 50))).astype("float16")
    layer = MixUp(1.0, seed=0)
    drawn = layer.get_random_transformation(x, step=0)
    expected = oracle.interpolate(x, drawn["partner"], drawn["coefficients"])
    for convert in (lambda data: data, helpers.tensors):
        mixed = helpers.in_numpy(layer(convert(x), step=0))
        assert mixed.dtype == "float16"
        # One rounding at the end: half a unit in the last place of 1000 is ¼.
        np.testing.assert_allclose(mixed.astype("float64"), expected, atol=0.2501)


def test_large_half_values_do_not_overflow():
    x = np.full((4, 2), 60_000, "float16")
    for convert in (lambda data: data, helpers.tensors):
        mixed = helpers.in_numpy(MixUp(1.0, seed=0)(convert(x)))
        np.testing.assert_array_equal(mixed, x)


def test_unsigned_values_do_not_wrap_around(rng):
    x = rng.choice(np.array([0, 255], "uint8"), size=(6, 4, 4))
    layer = MixUp(1.0, seed=0)
    drawn = layer.get_random_transformation(x, step=0)
    expected = oracle.interpolate(x, drawn["partner"], drawn["coefficients"])
    for convert in (lambda data: data, helpers.tensors):
        mixed = helpers.in_numpy(layer(convert(x), step=0))
        np.testing.assert_allclose(mixed, expected, atol=1e-3)


@pytest.mark.parametrize("layer_class", LAYERS)
def test_weights_come_back_at_least_in_single_precision(layer_class):
    x, y = np.zeros((4, 3, 3), "float32"), np.eye(4, dtype="float32")
    for dtype in ("float16", "int32", "bool", "float32"):
        *_, weights = layer_class(seed=0)(x, y, np.ones(4, dtype))
        assert weights.dtype == "float32"
        np.testing.assert_allclose(weights, 1, atol=1e-6)


@pytest.mark.parametrize(
    "make",
    [
        lambda x: np.asfortranarray(x),
        lambda x: x[::-1],
        lambda x: np.broadcast_to(x[:1], x.shape),
        lambda x: x.astype(">f4"),
    ],
)
def test_arrays_of_any_layout_and_read_only_ones(rng, make):
    x = make(rng.normal(size=(6, 4, 3)).astype("float32"))
    if x.flags.writeable:
        x.flags.writeable = False
    layer = MixUp(1.0, seed=0)
    drawn = layer.get_random_transformation(x, step=0)
    expected = oracle.interpolate(x, drawn["partner"], drawn["coefficients"])
    np.testing.assert_allclose(layer(x, step=0), expected, atol=1e-6)

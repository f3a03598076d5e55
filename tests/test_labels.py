import keras
import numpy as np
import pytest

from keras_multimix import (
    label_checks,
    label_kinds,
    labels,
    namespaces,
)


def in_numpy(tensor):
    return np.array(keras.ops.convert_to_numpy(tensor))


@pytest.mark.parametrize(
    ("shape", "expected_shape"),
    [
        ((4,), (4, 3)),
        ((4, 1), (4, 3)),
        ((4, 5), (4, 5, 3)),
        ((4, 2, 2), (4, 2, 2, 3)),
        ((4, 2, 2, 1), (4, 2, 2, 3)),
        ((1,), (1, 3)),
    ],
)
@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
def test_integers_become_one_hot(shape, expected_shape, dtype):
    classes = np.arange(np.prod(shape)).reshape(shape).astype(dtype) % 3
    flat = classes[..., 0] if shape[-1] == 1 and len(shape) > 1 else classes
    expected = np.eye(3, dtype="float32")[flat]
    assert label_kinds.encoded_shape(classes, 3) == expected_shape
    for ops in (namespaces.numpy_ops, keras.ops, namespaces.tensorflow_ops()):
        got, _ = label_kinds.encode(ops.convert_to_tensor(classes), 3, ops)
        np.testing.assert_array_equal(in_numpy(got), expected)


@pytest.mark.parametrize(
    ("inputs_shape", "shape", "expected_shape"),
    [
        ((4, 2, 1, 3), (4, 2, 1), (4, 2, 1, 3)),
        ((4, 2, 1, 3), (4, 2, 1, 1), (4, 2, 1, 3)),
        ((4, 2, 5, 3), (4, 2, 1), (4, 2, 3)),
        ((4, 1, 7), (4, 1), (4, 3)),
        ((None, None, None, 3), (None, None, 1), (None, None, 1, 3)),
    ],
)
def test_masks_keep_an_axis_that_is_their_images_width(
    inputs_shape, shape, expected_shape
):
    inputs = label_kinds.places_of(keras.KerasTensor(inputs_shape))
    given = keras.KerasTensor(shape, dtype="uint8")
    assert label_kinds.encoded_shape(given, 3, inputs) == expected_shape
    if None not in shape:
        zeros, ops = np.zeros(shape, "uint8"), namespaces.numpy_ops
        got, _ = label_kinds.encode(zeros, 3, ops, inputs)
        assert got.shape == expected_shape


def test_masks_that_may_end_in_a_channel_are_refused():
    masks = keras.KerasTensor((4, 2, 2, None), dtype="uint8")
    with pytest.raises(ValueError, match="ensure_shape"):
        label_checks.check_labels(
            3, masks, label_kinds.places_of(keras.KerasTensor((4, 2, 2, 3)))
        )
    # Masks without a channel, and sequences, may have any length.
    for shape in ((4, 2, None), (4, None)):
        inputs = label_kinds.places_of(keras.KerasTensor((*shape, 3)))
        symbolic = keras.KerasTensor(shape, dtype="uint8")
        label_checks.check_labels(3, symbolic, inputs)


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("float16", "float32"), ("bool", "float32"), ("float64", "float64")],
)
def test_other_labels_keep_their_values_at_least_in_single(dtype, expected):
    values = np.array([[0, 1], [1, 1]]).astype(dtype)
    got, dtype = label_kinds.encode(values, None, namespaces.numpy_ops)
    assert got.dtype == expected
    np.testing.assert_array_equal(got, values.astype(expected))


def test_classes_of_indices_and_of_scores():
    for values in (np.array([2, 0]), np.array([[2], [0]]), np.eye(3)[[2, 0]]):
        labels.check_classes(values)
        got = labels.class_indices(values, namespaces.numpy_ops)
        np.testing.assert_array_equal(got, [2, 0])


@pytest.mark.parametrize(
    "values", [None, np.zeros(3), np.zeros((3, 1)), np.zeros((3, 2), int)]
)
def test_labels_without_one_class_per_row_are_refused(values):
    with pytest.raises(ValueError, match="Expected class indices"):
        labels.check_classes(values)


def test_integer_labels_need_num_classes():
    with pytest.raises(ValueError, match="num_classes") as error:
        label_checks.check_labels(None, np.array([0, 1]))
    assert "MixupModel" in str(error.value)


@pytest.mark.parametrize("values", [[0, 3], [-1, 0]])
def test_labels_out_of_range_are_refused_where_looking_is_free(values):
    for convert in (np.array, keras.ops.convert_to_tensor):
        with pytest.raises(ValueError, match="class indices from 0 to 2"):
            label_checks.check_labels(3, convert(values))

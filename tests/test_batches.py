import collections

import keras
import numpy as np
import pytest

from keras_multimix import batches

X, Y, W = np.zeros((3, 2)), np.zeros((3, 4)), np.zeros(3)


def repack(batch):
    return batch.pack(*batch.parts)


@pytest.mark.parametrize(
    "data",
    [
        (X, Y),
        [X, Y],
        (X, Y, W),
        [X, Y, W],
        (X,),
        (X, Y, None),
        {"images": X, "labels": Y},
        {"labels": Y, "a": X, "sample_weights": W, "segmentation_mask": X},
        ({"a": X, "b": [X, X]}, Y),
    ],
)
def test_a_batch_comes_back_in_its_own_structure(data):
    back = repack(batches.split(data))
    keras.tree.assert_same_structure(back, data)
    if isinstance(data, dict):
        assert list(back) == list(data)
    for a, b in zip(keras.tree.flatten(back), keras.tree.flatten(data), strict=True):
        assert a is b


def test_named_tuples_stay_named():
    Pair = collections.namedtuple("Pair", "x y")
    back = repack(batches.split(Pair(X, Y)))
    assert isinstance(back, Pair) and back.y is Y


def test_separate_arguments_come_back_as_a_tuple():
    assert len(repack(batches.split(X, Y))) == 2
    assert len(repack(batches.split(X, Y, W))) == 3
    assert repack(batches.split(X)) is X


def test_an_array_of_three_rows_is_no_triple():
    batch = batches.split(X)
    assert batch.inputs is X and batch.labels is None and batch.sample_weight is None


def test_keys_of_a_dict_have_their_roles():
    data = {"x1": 1, "label": 2, "segmentation_masks": 3, "sample_weight": 4, "x2": 5}
    batch = batches.split(data)
    assert batch.inputs == {"x1": 1, "x2": 5}
    assert batch.labels == {"label": 2}
    assert batch.masks == {"segmentation_masks": 3}
    assert batch.sample_weight == {"sample_weight": 4}


def test_a_dict_of_inputs_with_labels_beside_it_is_all_inputs():
    batch = batches.split({"labels": X}, Y)
    assert batch.inputs == {"labels": X} and batch.labels is Y


@pytest.mark.parametrize("data", [(), (X, Y, W, W)])
def test_tuples_of_other_lengths_are_refused(data):
    with pytest.raises(ValueError, match="Expected .* Received: a tuple of"):
        batches.split(data)


@pytest.mark.parametrize("key", ["bounding_boxes", "boxes"])
def test_boxes_are_refused(key):
    with pytest.raises(ValueError, match="cannot be averaged"):
        batches.split({"images": X, key: Y})


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.zeros(()), None, "axis 0 counts the rows"),
        (np.array(["a"]), None, "encode strings"),
        (np.array([object()]), None, "encode strings"),
        ([1.0, 2.0], Y, "numpy.asarray"),
        (np.zeros((3, 2), "int64"), Y, "after the embedding"),
        (X, np.zeros((2, 4)), "as many rows as the inputs have, 3"),
        (None, Y, "no inputs"),
    ],
)
def test_check_refuses_what_cannot_be_mixed(x, y, message):
    with pytest.raises(ValueError, match=message) as error:
        batches.check_batch(batches.split(x, y))
    assert "Expected" in str(error.value) and "Received" in str(error.value)


@pytest.mark.parametrize(
    "x",
    [
        np.zeros((3, 4, 4, 1), "uint8"),
        np.zeros((3, 16), "int16"),
        np.zeros((3, 4, 4), "int32"),
        np.zeros((3, 4), bool),
        np.zeros((3, 4), "float16"),
    ],
)
def test_check_takes_quantities_of_any_dtype(x):
    batches.check_batch(batches.split(x, Y))


def test_unknown_batch_sizes_are_not_compared():
    symbolic = keras.KerasTensor((None, 2))
    batches.check_batch(batches.split(symbolic, keras.KerasTensor((4, 3))))


def test_sparse_and_ragged_tensors_are_refused():
    import tensorflow as tf

    for x in (
        tf.ragged.constant([[1.0], [2.0, 3.0]]),
        tf.sparse.from_dense([[1.0, 0.0]]),
    ):
        with pytest.raises(ValueError, match="ragged or sparse"):
            batches.check_batch(batches.split(x, None, np.zeros(2)))

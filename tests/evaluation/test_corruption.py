import numpy as np
import pytest

from keras_multimix.evaluation import corrupt_labels


def test_chosen_rows_get_uniform_labels_and_the_others_keep_theirs():
    y = np.arange(20_000) % 4
    noisy, chosen = corrupt_labels(y, 0.5, 4, seed=1)
    assert chosen.dtype == bool and chosen.sum() == 10_000
    np.testing.assert_array_equal(noisy[~chosen], y[~chosen])
    # Four standard errors of a share of one in four.
    for true in range(4):
        drawn = noisy[chosen & (y == true)]
        shares = np.bincount(drawn, minlength=4) / len(drawn)
        assert np.abs(shares - 0.25).max() < 4 * np.sqrt(0.25 * 0.75 / len(drawn))
    assert y.tolist() == (np.arange(20_000) % 4).tolist()


def test_without_the_true_class_every_chosen_label_is_wrong():
    y = np.arange(9_000) % 3
    noisy, chosen = corrupt_labels(y, 0.2, 3, seed=1, exclude_true=True)
    np.testing.assert_array_equal(noisy != y, chosen)
    steps = (noisy - y)[chosen] % 3
    assert abs(np.mean(steps == 1) - 0.5) < 4 * 0.5 / np.sqrt(len(steps))


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32"])
def test_labels_come_back_in_their_form(dtype):
    y = np.arange(10) % 3
    noisy, chosen = corrupt_labels(y, 0.5, 3, seed=2)
    column, same = corrupt_labels(y[:, None].astype(dtype), 0.5, 3, seed=2)
    assert column.shape == (10, 1) and column.dtype == dtype
    np.testing.assert_array_equal(column[:, 0], noisy)
    np.testing.assert_array_equal(same, chosen)
    one_hot, same = corrupt_labels(np.eye(3, dtype=dtype)[y], 0.5, 3, seed=2)
    assert one_hot.dtype == dtype
    np.testing.assert_array_equal(one_hot, np.eye(3)[noisy])


@pytest.mark.parametrize(("fraction", "count"), [(0, 0), (0.25, 2), (1, 10)])
def test_fractions(fraction, count):
    noisy, chosen = corrupt_labels(np.zeros(10, int), fraction, 2, seed=1)
    assert chosen.sum() == count and (noisy[~chosen] == 0).all()


def test_seeds():
    y = np.zeros(100, int)
    first, second, other = (corrupt_labels(y, 0.5, 5, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(first[0], second[0])
    assert (first[1] != other[1]).any()
    assert corrupt_labels(y, 0.5, 5)[1].sum() == 50


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fraction": 1.5}, "argument `fraction`"),
        ({"fraction": -0.1}, "argument `fraction`"),
        ({"fraction": float("nan")}, "argument `fraction`"),
        ({"fraction": "half"}, "argument `fraction`"),
        ({"num_classes": 1}, "argument `num_classes`"),
        ({"num_classes": 2}, "whole numbers from 0 to 1"),
        ({"y": np.array([0, -1])}, "whole numbers from 0 to 2"),
        ({"y": np.zeros((2, 2))}, "labels of shape"),
        ({"y": 1}, "argument `y`"),
        ({"seed": -1}, "argument `seed`"),
        ({"exclude_true": 1}, "argument `exclude_true`"),
    ],
)
def test_bad_input(arguments, message):
    given = {"y": np.array([0, 2]), "fraction": 0.5, "num_classes": 3} | arguments
    with pytest.raises(ValueError, match=message):
        corrupt_labels(**given)

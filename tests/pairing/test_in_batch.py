import keras
import numpy as np
import pytest

from keras_multimix import namespaces, pairing, randomness
from keras_multimix.pairing import by_content
from tests.pairing.partners import partners_of

STATE = np.array([3, 0, 0], "int32")


def namespaces_here():
    return [namespaces.numpy_ops, keras.ops, namespaces.tensorflow_ops()]


def in_numpy(tensor):
    return np.array(keras.ops.convert_to_numpy(tensor))


@pytest.mark.parametrize("num_rows", [1, 2, 5, 8])
def test_fixed_pairings(num_rows):
    rows = np.arange(num_rows)
    for ops in namespaces_here():
        state = ops.convert_to_tensor(STATE)
        roll = partners_of("roll", state, num_rows, ops)
        mirror = partners_of("mirror", state, num_rows, ops)
        np.testing.assert_array_equal(in_numpy(roll), np.roll(rows, -1))
        np.testing.assert_array_equal(in_numpy(mirror), rows[::-1])


def test_mirror_rows_share_their_draw():
    for ops in namespaces_here():
        rows = ops.arange(5, dtype="int32")
        ids = in_numpy(pairing.get("mirror").draw_ids(rows, 5, ops))
        np.testing.assert_array_equal(ids, [0, 1, 2, 1, 0])
        ids = in_numpy(pairing.get("shuffle").draw_ids(rows, 5, ops))
        np.testing.assert_array_equal(ids, np.arange(5))


def test_shuffle_sorts_random_words():
    words = randomness.random_words(
        STATE,
        randomness.PARTNERS,
        np.arange(50, dtype="int32"),
        namespaces.numpy_ops,
    )
    expected = np.argsort(words, kind="stable")
    for ops in namespaces_here():
        state = ops.convert_to_tensor(STATE)
        got = in_numpy(partners_of("shuffle", state, 50, ops))
        np.testing.assert_array_equal(got, expected)
    assert sorted(expected) == list(range(50))


def test_every_partner_is_as_likely_as_another():
    counts = np.zeros((4, 4))
    for step in range(2000):
        state = np.array([9, 0, step], "int32")
        partners = partners_of("shuffle", state, 4, namespaces.numpy_ops)
        counts[np.arange(4), partners] += 1
    # 500 expected, standard deviation 19; five of them.
    assert np.abs(counts - 500).max() < 5 * 19.4


def test_choose_partners_takes_candidates_only_and_all_of_them():
    candidates = np.array(
        [[0, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0], [1, 1, 1, 0]], bool
    )
    seen = [set() for _ in range(4)]
    rows = np.arange(4, dtype="int32")
    for step in range(100):
        state = np.array([1, 0, step], "int32")
        ops = namespaces.numpy_ops
        words = randomness.random_words(state, randomness.PARTNERS, rows, ops)
        expected = by_content.choose_partners(words, candidates, ops)
        for row, partner in enumerate(expected):
            seen[row].add(int(partner))
        if step < 3:
            for ops in namespaces_here():
                got = by_content.choose_partners(
                    ops.convert_to_tensor(words),
                    ops.convert_to_tensor(candidates),
                    ops,
                )
                np.testing.assert_array_equal(in_numpy(got), expected)
    assert seen == [{1, 2}, {0}, {2}, {0, 1, 2}]


def test_same_class_candidates():
    classes = np.array([0, 1, 0, 2, 1], "int32")
    expected = (classes[:, None] == classes) & ~np.eye(5, dtype=bool)
    for ops in namespaces_here():
        got = by_content.same_class_candidates(ops.convert_to_tensor(classes), ops)
        np.testing.assert_array_equal(in_numpy(got), expected)


@pytest.mark.parametrize("num_rows", [1, 2, 4, 9])
def test_neighbor_candidates(num_rows):
    features = np.random.default_rng(0).normal(size=(num_rows, 6)).astype("float32")
    distances = ((features[:, None] - features[None]) ** 2).sum(-1)
    np.fill_diagonal(distances, np.inf)
    expected = np.zeros((num_rows, num_rows), bool)
    for row in range(num_rows):
        nearest = [j for j in np.argsort(distances[row]) if j != row][:3]
        expected[row, nearest] = True
    for ops in namespaces_here():
        got = by_content.neighbor_candidates(ops.convert_to_tensor(features), ops)
        np.testing.assert_array_equal(in_numpy(got), expected)


@pytest.mark.parametrize(
    "partners", [np.zeros((3,)), np.zeros((4,), int), np.zeros((3, 1), int), 2, None]
)
def test_check_partners_refuses_other_shapes_and_dtypes(partners):
    with pytest.raises(ValueError, match="Expected one row number"):
        by_content.check_partners(partners, 3)


def test_check_partners_takes_any_number_of_rows_where_it_is_unknown():
    by_content.check_partners(np.zeros((3,), "int64"), None)

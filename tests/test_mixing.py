import keras
import numpy as np
import pytest

from keras_multimix import mixing, namespaces

RNG = np.random.default_rng(0)


def namespaces_here():
    return [namespaces.numpy_ops, keras.ops, namespaces.tensorflow_ops()]


def in_numpy(tensor):
    return np.array(keras.ops.convert_to_numpy(tensor))


@pytest.mark.parametrize("shape", [(3,), (3, 2), (3, 4, 2), (3, 2, 2, 2, 2)])
@pytest.mark.parametrize("count", [1, 4])
def test_interpolate_is_pair_major(shape, count):
    x, other = RNG.normal(size=(2, *shape)).astype("float32")
    weights = RNG.uniform(size=(shape[0], count)).astype("float32")
    expected = np.stack(
        [
            weights[i, k] * x[i] + (1 - weights[i, k]) * other[i]
            for i in range(shape[0])
            for k in range(count)
        ]
    )
    shuffled = np.roll(np.arange(shape[0], dtype="int32"), 1)[::-1].copy()
    holder = np.empty_like(other)
    holder[shuffled] = other
    for ops in namespaces_here():
        for others, rows in ((other, None), (holder, shuffled)):
            x_, others, weights_ = map(ops.convert_to_tensor, (x, others, weights))
            rows = rows if rows is None else ops.convert_to_tensor(rows)
            partners = mixing.Partners(others, rows)
            got = mixing.interpolate(x_, partners, weights_, "float32", ops)
            np.testing.assert_allclose(in_numpy(got), expected, atol=1e-6)


def test_half_precision_is_mixed_in_single():
    x, other = np.full((2, 1, 1), [[[1000]], [[1001]]]).astype("float16")
    weights = np.array([[0.3]], "float32")
    partners, ops = mixing.Partners(other), namespaces.numpy_ops
    got = mixing.interpolate(x, partners, weights, "float16", ops)
    assert got.dtype == "float16"
    assert got[0, 0] == np.float16(1000.7)


@pytest.mark.parametrize("shape", [(2, 5, 4), (2, 5, 4, 3)])
def test_paste(shape):
    x, other = RNG.normal(size=(2, *shape)).astype("float32")
    boxes = np.array(
        [[[0, 0, 2, 2], [1, 1, 3, 2]], [[0, 0, 0, 0], [0, 0, 5, 4]]], "int32"
    )
    expected = np.repeat(x, 2, axis=0)
    for row, (top, left, height, width) in enumerate(boxes.reshape(-1, 4)):
        place = (row, slice(top, top + height), slice(left, left + width))
        expected[place] = other[row // 2][place[1:]]
    for ops in namespaces_here():
        got = mixing.paste(
            ops.convert_to_tensor(x),
            mixing.Partners(ops.convert_to_tensor(other)),
            ops.convert_to_tensor(boxes),
            (1, 2),
            ops,
        )
        np.testing.assert_array_equal(in_numpy(got), expected)


def test_box_sizes_cover_the_share_to_the_nearest_pixel():
    weights = np.linspace(0, 1, 101).astype("float32")[:, None]
    for ops in namespaces_here():
        sides = mixing.box_sizes(ops.convert_to_tensor(weights), (32, 20), ops)
        for side, pixels in zip(sides, (32, 20), strict=True):
            side = in_numpy(side)
            assert np.all(np.abs(side - pixels * np.sqrt(1 - weights)) <= 0.5 + 1e-4)
            assert side[0, 0] == pixels and side[-1, 0] == 0

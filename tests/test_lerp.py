"""The short cuts of each backend give what the formula says."""

import keras
import numpy as np
import pytest

from keras_multimix import MixUp, mixing, namespaces
from tests import oracle

RNG = np.random.default_rng(0)
LARGE = (4, 33, 32)  # rows that TensorFlow's graphs hand to XLA
ORDERS = {
    "shuffled": [2, 0, 3, 1],
    "next": [1, 2, 3, 0],
    "own": [0, 1, 2, 3],
    "one of few": [0, 0, 0, 0],
    "none": None,
}


def case(rows, count):
    x, others = RNG.normal(size=(2, *LARGE)).astype("float32")
    weights = RNG.uniform(size=(4, count)).astype("float32")
    weights[0], weights[1] = 1.0, 0.0
    numbers = np.arange(4) if rows is None else np.array(rows)
    expected = oracle.interpolate(
        np.concatenate([x, others]), 4 + numbers, weights
    ).reshape(4, count, *LARGE[1:])
    return x, others, weights, expected[:, 0] if count == 1 else expected


def combined(x, others, rows, weights, ops):
    rows = None if rows is None else ops.convert_to_tensor(np.array(rows, "int32"))
    tensors = [ops.convert_to_tensor(part) for part in (x, others, weights)]
    x, others, weights = tensors
    return mixing.lerp(x, mixing.Partners(others, rows), weights, ops)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("rows", ORDERS.values(), ids=ORDERS)
def test_eager(rows, count):
    x, others, weights, expected = case(rows, count)
    before = others.copy()
    for ops in (namespaces.numpy_ops, keras.ops, namespaces.tensorflow_ops()):
        got = combined(x, others, rows, weights, ops)
        got = np.array(keras.ops.convert_to_numpy(got))
        np.testing.assert_allclose(got, expected, atol=1e-6)
        # λ of 0 and 1 leave rows as they are, to the last bit.
        np.testing.assert_array_equal(got[:2], expected[:2])
    np.testing.assert_array_equal(others, before)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("rows", [ORDERS["shuffled"], None], ids=["shuffled", "none"])
def test_in_a_graph_of_tensorflow(rows, count):
    tf = pytest.importorskip("tensorflow")
    x, others, weights, expected = case(rows, count)
    ops = namespaces.tensorflow_ops()
    graph = tf.function(lambda *parts: combined(*parts[:2], rows, parts[2], ops))
    got = graph(*map(tf.constant, (x, others, weights)))
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_a_pipeline_of_large_rows():
    tf = pytest.importorskip("tensorflow")
    x = RNG.normal(size=(10, *LARGE[1:])).astype("float32")
    y = np.eye(10, dtype="float32")
    layer = MixUp(1.0, 2, seed=0)
    # The last batch is smaller, and the graph knows no batch's size.
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).batch(4).map(layer)
    for step, (mixed_x, mixed_y) in enumerate(dataset):
        rows = slice(4 * step, 4 * step + 4)
        drawn = layer.get_random_transformation(x[rows], step=step)
        for part, mixed in ((x, mixed_x), (y, mixed_y)):
            expected = oracle.interpolate(
                part[rows], drawn["partner"], drawn["coefficients"]
            )
            np.testing.assert_allclose(mixed, expected, atol=1e-5)
    assert step == 2


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="PyTorch's autograd")
@pytest.mark.parametrize("pairing", ["shuffle", "roll"])
def test_gradients_flow_to_both_parents(pairing):
    import torch

    x = torch.ones((4, 3), requires_grad=True)
    layer = MixUp(1.0, pairing=pairing, seed=0)
    layer(x, step=0)[0].sum().backward()
    drawn = layer.get_random_transformation(np.ones((4, 3)), step=0)
    expected = np.zeros((4, 3))
    expected[0] += drawn["coefficients"][0]
    expected[drawn["partner"][0]] += 1 - drawn["coefficients"][0]
    np.testing.assert_allclose(x.grad, expected, atol=1e-6)

"""Compiled calls: every way of mixing, replay, pairs, inference and gradients."""

import numpy as np
import pytest

from keras_multimix import CutMix, MixUp, MultiMix
from tests import helpers

LAYERS = [MixUp, MultiMix, CutMix]
HOW = helpers.compilations()
TO_COMPILE = LAYERS
if helpers.backend() == "torch":  # which traces one call for 10 to 20 seconds
    HOW = [pytest.param(how, marks=pytest.mark.slow) for how in HOW]
    TO_COMPILE = [CutMix]


@pytest.fixture(autouse=True)
def nothing_compiled_before():
    """PyTorch stops compiling a function that it has compiled eight times."""
    if helpers.backend() == "torch":
        import torch

        torch._dynamo.reset()


def batch(rng, rows=8):
    return {
        "images": rng.normal(size=(rows, 6, 5, 2)).astype("float32"),
        "labels": np.arange(rows) % 3,
        "segmentation_masks": rng.integers(0, 3, size=(rows, 6, 5)),
        "sample_weights": rng.uniform(size=rows).astype("float32"),
    }


def assert_close(got, expected):
    got = helpers.in_numpy(got)
    assert len(got) == len(expected)
    for key in expected if isinstance(expected, dict) else range(len(expected)):
        np.testing.assert_allclose(got[key], expected[key], atol=1e-5)


@pytest.mark.spread
@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("layer_class", TO_COMPILE)
@pytest.mark.parametrize(
    "arguments",
    [
        {"pairing": "roll"},
        {"pairing": "mirror", "num_interpolations": 2},
        {"pairing": "same_class"},
        {"pairing": "neighbors"},
        {"sampling": "shared", "num_interpolations": 3},
        {"keep_batch_size": True, "num_interpolations": 3},
        {"mix_labels": False},
        {"alpha": 0},
    ],
)
def test_every_way_of_mixing(rng, how, layer_class, arguments):
    layer = layer_class(**{"alpha": 0.4, "num_classes": 3, "seed": 7} | arguments)
    data = batch(rng)
    function = helpers.compiled(lambda data, step: layer(data, step=step), how)
    for step in (0, 3):
        number = helpers.tensors(np.array(step, "int32"))
        assert_close(function(helpers.tensors(data), number), layer(data, step=step))
    assert helpers.state(layer)[2] == 0


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("layer_class", TO_COMPILE)
def test_replay_pairs_and_inference(rng, how, layer_class):
    layer = layer_class(num_classes=3, seed=7)
    data, other = batch(rng), batch(rng)
    drawn = layer.get_random_transformation(data, step=2)
    tensors, others = helpers.tensors(data), helpers.tensors(other)
    apply = helpers.compiled(layer.apply, how)
    assert_close(apply(tensors, helpers.tensors(drawn)), layer(data, step=2))
    pairs = helpers.compiled(lambda a, b: layer.mix_pairs(a, b, step=2), how)
    assert_close(pairs(tensors, others), layer.mix_pairs(data, other, step=2))
    inference = helpers.compiled(lambda data: layer(data, training=False), how)
    assert_close(inference(tensors), data)
    assert helpers.state(layer)[2] == 0


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("layer_class", TO_COMPILE)
def test_one_function_takes_batches_of_any_size(rng, how, layer_class):
    layer = layer_class(num_classes=3, pairing="mirror", seed=7)
    data = batch(rng)
    x, y = data["images"], data["labels"]

    def mix(x, y):
        return layer(x, y, step=1)

    if helpers.backend() == "tensorflow":
        import tensorflow as tf

        signature = [
            tf.TensorSpec((None, 6, 5, 2), tf.float32),
            tf.TensorSpec((None,), tf.int64),
        ]
        function = tf.function(mix, jit_compile=how == "xla", input_signature=signature)
    else:
        function = helpers.compiled(mix, how)
    for rows in (8, 5, 1):
        got = function(*helpers.tensors((x[:rows], y[:rows])))
        assert_close(got, layer(x[:rows], y[:rows], step=1))


def input_gradient(function, x):
    """The gradient of the sum of what a function returns."""
    x = helpers.tensors(x)
    if helpers.backend() == "jax":
        import jax

        return jax.grad(lambda x: function(x).sum())(x)
    if helpers.backend() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(x)
            total = tf.reduce_sum(function(x))
        return tape.gradient(total, x)
    x = x.requires_grad_(True)
    function(x).sum().backward()
    return x.grad


@pytest.mark.parametrize("layer_class", [MixUp, MultiMix])
@pytest.mark.parametrize("pairing", ["shuffle", "mirror"])
def test_gradients_reach_both_rows_of_a_pair(rng, layer_class, pairing):
    x = rng.normal(size=(6, 3)).astype("float32")
    layer = layer_class(1.0, pairing=pairing, seed=2)
    drawn = layer.get_random_transformation(x, step=0)
    gradient = helpers.in_numpy(input_gradient(lambda x: layer(x, step=0), x))
    expected = drawn["coefficients"].sum(axis=1)
    np.add.at(expected, drawn["partner"], (1 - drawn["coefficients"]).sum(axis=1))
    np.testing.assert_allclose(gradient, np.tile(expected[:, None], 3), atol=1e-5)


def test_gradients_reach_the_rows_that_a_box_came_from(rng):
    x = rng.normal(size=(4, 5, 5)).astype("float32")
    layer = CutMix(1.0, seed=2)
    drawn = layer.get_random_transformation(x, step=0)
    gradient = helpers.in_numpy(input_gradient(lambda x: layer(x, step=0), x))
    expected = np.ones_like(x)
    for row, partner in enumerate(drawn["partner"]):
        top, left, height, width = drawn["boxes"][row, 0]
        box = np.s_[top : top + height, left : left + width]
        expected[row][box] -= 1
        expected[partner][box] += 1
    np.testing.assert_allclose(gradient, expected, atol=1e-6)


@pytest.mark.skipif(helpers.backend() != "jax", reason="transformations of JAX")
def test_scan_and_vmap_over_steps(rng):
    import jax

    x = rng.normal(size=(4, 3)).astype("float32")
    layer = MixUp(1.0, seed=2)
    steps = np.arange(3)
    expected = np.stack([layer(x, step=step) for step in steps])
    tensor = helpers.tensors(x)
    scanned = jax.lax.scan(lambda c, step: (c, layer(tensor, step=step)), 0, steps)[1]
    np.testing.assert_allclose(scanned, expected, atol=1e-6)
    mapped = jax.vmap(lambda step: layer(tensor, step=step))(steps)
    np.testing.assert_allclose(mapped, expected, atol=1e-6)
    assert helpers.state(layer)[2] == 0


@pytest.mark.slow
@pytest.mark.skipif(helpers.backend() != "torch", reason="PyTorch's compiler")
def test_a_call_is_one_graph(rng):
    import torch

    compiled, eager = (MixUp(0.4, seed=7) for _ in range(2))
    x, y = rng.normal(size=(8, 6)).astype("float32"), np.eye(8, dtype="float32")
    call = torch.compile(compiled.__call__, fullgraph=True, backend="eager")
    for _ in range(2):
        mixed = call(torch.from_numpy(x), torch.from_numpy(y))
        assert_close(mixed, eager(x, y))
    assert helpers.state(compiled)[2] == 2

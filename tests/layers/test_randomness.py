"""One seed, one stream: on every backend, eager, compiled and in `tf.data`."""

import threading

import keras
import numpy as np
import pytest

from keras_multimix import CutMix, MixUp, MultiMix
from tests import helpers

LAYERS = [MixUp, MultiMix, CutMix]


def data(rng, rows=8):
    return rng.normal(size=(rows, 4, 4)).astype("float32"), np.arange(rows) % 3


# PyTorch takes half a minute and more to trace each.
@pytest.mark.spread
@pytest.mark.parametrize(
    "layer_class",
    [helpers.slow_on("torch", MixUp), helpers.slow_on("torch", MultiMix), CutMix],
)
def test_every_batch_of_an_epoch_is_the_same_eager_compiled_and_in_a_dataset(
    rng, layer_class
):
    num_batches = 4
    x, y = data(rng, 8 * num_batches)
    batches = [(x[i : i + 8], y[i : i + 8]) for i in range(0, len(x), 8)]

    def new_layer():
        return layer_class(0.5, num_classes=3, seed=17)

    layer = new_layer()
    expected = [layer(*batch) for batch in batches]
    layer = new_layer()
    streams = {"tensors": [layer(*helpers.tensors(batch)) for batch in batches]}
    layer = new_layer()
    streams["tf.data"] = list(helpers.dataset(x, y, batch_size=8).map(layer))
    layer = new_layer()
    streams["steps"] = [layer(*batch, step=i) for i, batch in enumerate(batches)]
    streams["steps backwards"] = [
        layer(*batches[i], step=i) for i in reversed(range(num_batches))
    ][::-1]
    assert helpers.state(layer)[2] == 0
    for how in helpers.compilations():
        function = helpers.compiled(
            lambda x, y, step, layer=layer: layer(x, y, step=step), how
        )
        streams[how] = [
            function(*helpers.tensors((*batch, np.array(i, "int32"))))
            for i, batch in enumerate(batches)
        ]
    for name, stream in streams.items():
        for number, (got, want) in enumerate(zip(stream, expected, strict=True)):
            for a, b in zip(helpers.in_numpy(got), want, strict=True):
                np.testing.assert_allclose(
                    a, b, atol=1e-5, err_msg=f"{name}, batch {number}"
                )


# Drawn once and checked to be equal on TensorFlow, JAX and PyTorch.
GOLDEN = {
    0: (
        [1, 0, 4, 5, 3, 2],
        [
            [0.7466875, 0.3264239],
            [0.8327037, 0.2181665],
            [0.5855775, 0.4085977],
            [0.7396246, 0.0207232],
            [0.779264, 0.0007395],
            [0.7861562, 0.3513647],
        ],
    ),
    1: (
        [0, 5, 3, 2, 4, 1],
        [
            [0.9999402, 0.4646026],
            [0.9999967, 0.1936153],
            [0.9976062, 0.0957881],
            [0.6450961, 0.2985518],
            [0.9347025, 0.0820225],
            [0.9046567, 0.0415062],
        ],
    ),
    1000: (
        [4, 3, 5, 2, 0, 1],
        [
            [0.5098838, 0.4273651],
            [0.9488079, 0.4071618],
            [0.7741883, 0.2860376],
            [0.7864547, 0.054236],
            [0.6270133, 0.3767607],
            [0.8799616, 0.0011284],
        ],
    ),
}


@pytest.mark.parametrize("step", GOLDEN)
@pytest.mark.parametrize("convert", [lambda x: x, helpers.tensors])
def test_the_stream_of_a_seed_never_changes(step, convert):
    layer = MultiMix(0.4, 2, seed=2024)
    rows = convert(np.zeros((6, 1), "float32"))
    drawn = helpers.in_numpy(layer.get_random_transformation(rows, step=step))
    partner, coefficients = GOLDEN[step]
    assert drawn["partner"].tolist() == partner
    np.testing.assert_allclose(drawn["coefficients"], coefficients, atol=1e-6)


@pytest.mark.skipif(helpers.backend() == "jax", reason="jax.jit takes a step")
def test_compiled_functions_count_their_calls(rng):
    x, y = helpers.tensors(data(rng))
    for how in helpers.compilations():
        layer = MixUp(0.5, num_classes=3, seed=4)
        function = helpers.compiled(lambda x, y, layer=layer: layer(x, y), how)
        for step in range(3):
            got = helpers.in_numpy(function(x, y))
            expected = helpers.in_numpy(layer(x, y, step=step))
            np.testing.assert_allclose(got[1], expected[1], atol=1e-6)
        assert helpers.state(layer)[2] == 3


@pytest.mark.skipif(helpers.backend() != "jax", reason="Keras' scope is for JAX")
def test_a_stateless_call_counts_in_the_state_it_is_given(rng):
    import jax

    x, y = helpers.tensors(data(rng))
    layer = MixUp(0.5, num_classes=3, seed=4)

    @jax.jit
    def step(state, x, y):
        return layer.stateless_call([], state, x, y)

    state = [layer.random_state.value]
    for number in range(3):
        mixed, state = step(state, x, y)
        expected = helpers.in_numpy(layer(x, y, step=number))
        np.testing.assert_allclose(mixed[1], expected[1], atol=1e-6)
    assert state[0].tolist() == [4, 0, 3]
    assert helpers.state(layer)[2] == 0


def draws(seed, count=2000):
    layer = MixUp(1.0, pairing="roll", seed=seed)
    rows = np.zeros((count, 1), "float32")
    drawn = [layer.get_random_transformation(rows)["coefficients"] for _ in range(3)]
    return np.concatenate(drawn).ravel()


def test_seeds_give_unrelated_streams():
    streams = {seed: draws(seed) for seed in (0, 1, 2, 2**32, 2**63)}
    for first in streams:
        for second in streams:
            if first < second:
                # Correlations have deviation 1 / sqrt(6000); five of them.
                pair = np.corrcoef(streams[first], streams[second])[0, 1]
                assert abs(pair) < 5 / np.sqrt(6000)
                # Nor is one the other shifted by a call.
                assert not np.array_equal(
                    streams[first][2000:], streams[second][:-2000]
                )


def test_consecutive_draws_are_unrelated():
    stream = draws(3)
    for lag in (1, 2, 2000):
        correlation = np.corrcoef(stream[:-lag], stream[lag:])[0, 1]
        assert abs(correlation) < 5 / np.sqrt(len(stream) - lag)


def test_partners_and_coefficients_are_independent():
    layer = MixUp(1.0, seed=0)
    rows = np.zeros((500, 1), "float32")
    drawn = [layer.get_random_transformation(rows) for _ in range(10)]
    partner = np.concatenate([each["partner"] for each in drawn])
    weights = np.concatenate([each["coefficients"][:, 0] for each in drawn])
    assert abs(np.corrcoef(partner, weights)[0, 1]) < 5 / np.sqrt(5000)


def test_without_a_seed_keras_sets_it():
    keras.utils.set_random_seed(7)
    first, second = MixUp(), MixUp()
    keras.utils.set_random_seed(7)
    again = MixUp()
    assert first.seed == again.seed != second.seed
    assert first.get_config()["seed"] == first.seed


def test_threads_draw_nothing_twice():
    layer = MixUp(0.5, seed=1)
    rows = np.zeros((3, 1), "float32")
    drawn = []

    def work():
        for _ in range(50):
            drawn.append(layer.get_random_transformation(rows)["coefficients"][0, 0])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert helpers.state(layer)[2] == 400 and len(np.unique(drawn)) > 380


@pytest.mark.parametrize("step", [3, np.int64(3), np.array(3, "uint8")])
def test_steps_of_any_integer_kind(rng, step):
    layer = MixUp(0.5, num_classes=3, seed=1)
    x, y = data(rng)
    np.testing.assert_array_equal(layer(x, y, step=step)[1], layer(x, y, step=3)[1])
    got = layer(*helpers.tensors((x, y)), step=helpers.tensors(np.array(3)))[1]
    np.testing.assert_allclose(helpers.in_numpy(got), layer(x, y, step=3)[1], atol=1e-6)

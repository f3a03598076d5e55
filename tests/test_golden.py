"""A seed's stream is what version 0.1.0 drew, whatever was asked for before."""

import copy
import pickle
import threading

import keras
import numpy as np
import pytest

from keras_multimix import CutMix, MixUp, MixupModel, MixupSchedule, RandomMix
from tests import helpers
from tests.golden import write


def test_streams_are_those_of_the_first_version():
    golden = np.load(write.FILE)
    integers, floats = golden["integers"], golden["floats"]
    for name, (make, num_rows) in write.cases().items():
        drawn = write.flat(write.draws(make(), write.batch(num_rows)))
        for got, expected in zip(drawn, (integers, floats), strict=True):
            np.testing.assert_array_equal(got, expected[: got.size], err_msg=name)
        integers, floats = integers[drawn[0].size :], floats[drawn[1].size :]
    assert not integers.size and not floats.size


def some(cases, every):
    """Cases that a compiler can trace: no callable that reads its seed."""
    names = [name for name in cases if "callable" not in name]
    return {name: cases[name] for name in names[::every]}


@pytest.mark.spread
@pytest.mark.parametrize("how", ["eager", *helpers.compilations()])
def test_tensors_give_the_same_draws(how):
    every = 11 if how == "eager" else 67
    for name, (make, num_rows) in some(write.cases(), every).items():
        x, y = write.batch(num_rows)
        expected = make().get_random_transformation((x, y), step=7)
        layer = make()

        def draw(x, y, layer=layer):
            return layer.get_random_transformation((x, y), step=7)

        run = draw if how == "eager" else helpers.compiled(draw, how)
        got = run(*helpers.tensors((x, y)))
        assert set(got) == set(expected)
        for key, value in expected.items():
            np.testing.assert_allclose(
                helpers.in_numpy(got[key]), value, atol=1e-6, err_msg=f"{name} {key}"
            )


def assert_same(first, second):
    assert set(first) == set(second)
    for key in first:
        np.testing.assert_array_equal(first[key], second[key])


def layers():
    return [
        MixUp(1.0, seed=1),
        MixUp(0.2, seed=1),
        MixUp(1.0, 3, seed=1),
        MixUp(1.0, seed=2),
        MixUp(1.0, sampling="shared", seed=1),
        MixUp(1.0, pairing="mirror", seed=1),
        CutMix(1.0, 2, seed=1),
        RandomMix([MixUp(1.0, seed=1), CutMix(seed=1)], [0.4, 0.4], seed=1),
    ]


def fresh(number, data, step):
    return layers()[number].get_random_transformation(data, step=step)


def test_draws_do_not_depend_on_what_was_drawn_before():
    asked = [0, 1, 2, 3, 4, 9, 8, 8, 3, 70, 71, 72, 73, 74, 5, 2**31 - 2, 2**31 - 1, 0]
    batches = [write.batch(5), write.batch(8), write.batch(5)]
    kept = layers()
    for place, step in enumerate(asked):
        # Layers take turns, and so do batch sizes.
        for number, layer in enumerate(kept):
            data = batches[(place + number) % 3]
            got = layer.get_random_transformation(data, step=step)
            assert_same(got, fresh(number, data, step))


def test_counting_calls_draw_what_steps_draw():
    kept, data = layers(), write.batch(6)
    for step in range(70):
        for number, layer in enumerate(kept):
            got = layer.get_random_transformation(data)
            if step in (0, 1, 2, 3, 31, 64, 69):
                assert_same(got, fresh(number, data, step))


def test_draws_that_a_caller_writes_to_stay_what_they_are():
    data = write.batch(6)
    for number, layer in enumerate(layers()):
        for tensors in (data, helpers.tensors(data)):
            for _ in range(2):
                got = layer.get_random_transformation(tensors, step=4)
                np.testing.assert_array_equal(
                    helpers.in_numpy(got["partner"]),
                    fresh(number, data, 4)["partner"],
                )
                if isinstance(got["partner"], np.ndarray):
                    got["partner"][:] = 0
                    got["coefficients"][:] = 0
                elif keras.backend.backend() == "torch":
                    got["partner"].zero_()
                    got["coefficients"].zero_()


def test_threads_share_a_layer():
    layer, data, wrong = MixUp(1.0, seed=1), write.batch(6), []
    expected = [fresh(0, data, step) for step in range(40)]

    def run(steps):
        for step in steps:
            got = layer.get_random_transformation(data, step=step)
            if not all((got[key] == expected[step][key]).all() for key in got):
                wrong.append(step)

    orders = [range(40), range(39, -1, -1), range(0, 40, 3), range(1, 40, 2)]
    threads = [threading.Thread(target=run, args=(order,)) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize(
    "how", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_copies_go_on_with_the_stream(how):
    data = write.batch(6)
    for number, layer in enumerate(layers()):
        for _ in range(5):
            layer.get_random_transformation(data)
        assert_same(how(layer).get_random_transformation(data), fresh(number, data, 5))
        assert_same(layer.get_random_transformation(data), fresh(number, data, 5))


def test_a_state_that_is_assigned_takes_effect():
    layer, data = MixUp(1.0, seed=1), write.batch(6)
    for _ in range(5):
        layer.get_random_transformation(data)
    other = MixUp(1.0, seed=2)
    other.get_random_transformation(data)
    layer.random_state.assign(other.random_state)
    got = layer.get_random_transformation(data)
    assert_same(got, MixUp(1.0, seed=2).get_random_transformation(data, step=1))


def test_an_alpha_that_changes_takes_effect():
    inputs = keras.Input((2,))
    model = MixupModel(
        keras.Model(inputs, keras.layers.Dense(1)(inputs)), MixUp(1.0, seed=1)
    )
    model.compile("sgd", "mse")
    x = np.zeros((6, 2), "float32")
    drawn = []

    def note(epoch, logs):
        drawn.append(model.mixer.get_random_transformation(x, step=3))

    callbacks = [
        MixupSchedule(alpha=lambda epoch: [0.3, 5.0][epoch]),
        keras.callbacks.LambdaCallback(on_epoch_end=note),
    ]
    model.fit(x, x[:, :1], epochs=2, verbose=0, callbacks=callbacks)
    drawn.append(model.mixer.get_random_transformation(x, step=3))
    for got, alpha in zip(drawn, (0.3, 5.0, 1.0), strict=True):
        assert_same(got, MixUp(alpha, seed=1).get_random_transformation(x, step=3))

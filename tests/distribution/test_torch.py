"""`torch.distributed`: ranks draw apart and train as one, by averaged gradients."""

import json

import keras
import numpy as np
import pytest

from keras_multimix import MixUp, MixupModel
from tests import helpers
from tests.distribution import by_hand, processes

POINTS = ["hidden", "input", "hidden", "plain"]  # drawn by the seed, then a schedule

on_torch = pytest.mark.skipif(helpers.backend() != "torch", reason="on PyTorch only")


def ranks(way, points):
    (port,) = processes.free_ports(1)
    return processes.found_by(
        *[
            processes.start("torch_worker", rank, port, way, json.dumps(points))
            for rank in range(2)
        ]
    )


@on_torch
@pytest.mark.parametrize(
    ("way", "points"),
    [
        ("model", POINTS),
        pytest.param("model", ["input"] * 3, marks=pytest.mark.slow),
        pytest.param("loop", ["input"] * 3, marks=pytest.mark.slow),
    ],
)
def test_ranks_train_by_the_averaged_gradient(way, points):
    found = ranks(way, points)
    expected = by_hand.trained(points, num_replicas=2)
    for rank in found:
        np.testing.assert_allclose(rank["weights"], expected, atol=1e-6)
        assert rank["state"] == [by_hand.SEED, 0, len(points)]
        assert not rank.get("warned")
    assert found[0]["weights"] == found[1]["weights"]
    for number, rank in enumerate(found):
        drawn = by_hand.coefficients(number, 0)["coefficients"]
        np.testing.assert_allclose(rank["coefficients"], drawn, atol=1e-6)
    drawn = np.array([rank["coefficients"] for rank in found])
    assert len(np.unique(drawn)) == drawn.size


@on_torch
@pytest.mark.slow
def test_ranks_that_train_apart_are_warned_of():
    first, second = ranks("apart", ["input"] * 2)
    assert np.abs(np.subtract(first["weights"], second["weights"])).max() > 1e-3
    assert first["warned"] == second["warned"] == 2  # once in each `fit`


@on_torch
def test_ranks_of_a_gan_train_by_the_averaged_gradient():
    (port,) = processes.free_ports(1)
    both = processes.found_by(
        *[processes.start("torch_gan_worker", rank, port) for rank in range(2)]
    )
    for found in both:
        assert np.abs(np.subtract(found["one"], found["before"])).max() > 0.1
        np.testing.assert_allclose(found["two"], found["one"], atol=1e-6)
    latents = np.array([found["latents"] for found in both])
    assert len(np.unique(latents)) == latents.size


def model():
    base = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    return MixupModel(base, MixUp(seed=0))


class Wrapper:
    def __init__(self, module):
        self.module = module

    def __call__(self, *args, **kwargs):
        return self.module(*args, **kwargs)


def test_what_wraps_another_model_is_refused():
    received = "PyTorch backend" if helpers.backend() != "torch" else "base_model"
    for wrapper in (Wrapper(model().base_model), model().base_model, 3):
        with pytest.raises(ValueError, match=f"Expected .*{received}.*To fix it, "):
            model().train_through(wrapper)


@on_torch
def test_only_training_goes_through_the_wrapper():
    calls = []

    class Counting(Wrapper):
        def __call__(self, *args, **kwargs):
            calls.append(kwargs)
            return super().__call__(*args, **kwargs)

    through = model()
    through.compile("sgd", "mse")
    through.train_through(Counting(through.base_model))
    x, y = np.ones((6, 2), "float32"), np.ones((6, 1), "float32")
    through.fit(x, y, batch_size=3, validation_data=(x, y), verbose=0)
    through.predict(x, verbose=0)
    assert calls == [{"training": True}] * 2
    through.train_through(None)
    through.fit(x, y, verbose=0)
    assert len(calls) == 2

"""The recipes' networks: sizes, costs, a step of training and where rows can be mixed.

What a network's docstring says about its size is what is counted.
"""

import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_multimix import MixUp, MixupModel
from recipes.networks import (
    densenet,
    keras_example,
    lenet,
    preact_resnet,
    resnet9,
    small_resnet,
    vgg,
    wide_resnet,
)

CIFAR = (32, 32, 3)
FASHION = (28, 28, 1)
SPEECH = (160, 101, 1)


IMPORTS = """
import importlib, pkgutil, random
import keras, numpy, recipes

def state():
    return random.getstate(), numpy.random.get_state()[1].tolist()

keras.utils.set_random_seed(0)
for module in pkgutil.walk_packages(recipes.__path__, "recipes."):
    # The notebooks have an environment of their own.
    if not module.name.endswith("__main__") and ".notebooks." not in module.name:
        before = state()
        importlib.import_module(module.name)
        if state() != before:
            print(module.name)
"""


@pytest.mark.spread
def test_no_import_draws_numbers():
    """It would give the first run of a process other weights than the same run later.

    Recipes import networks after they have set the seed.
    """
    command = [sys.executable, "-c", IMPORTS]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    assert found.stdout == ""


def parameters(network):
    """Counts the numbers that training changes."""
    return sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)


def multiply_adds(network):
    """Counts those of the convolutions and dense layers, for one row."""
    total = 0
    for layer in network.layers:
        if isinstance(layer, (keras.layers.Conv2D, keras.layers.Dense)):
            places = layer.output.shape[1:-1]
            total += int(np.prod(places)) * int(np.prod(layer.kernel.shape))
    return total


def spaced(number):
    """Writes a number as docstrings do: 1 234 567."""
    return f"{number:,}".replace(",", " ")


@pytest.fixture(autouse=True)
def weights_of_numpy(monkeypatch, rng):
    """Draws weights at once: JAX would compile that anew for every shape."""

    def draw(initializer, shape, dtype=None):
        values = 0.1 * rng.standard_normal(shape, dtype="float32")
        return keras.ops.convert_to_tensor(values, dtype)

    monkeypatch.setattr(keras.initializers.VarianceScaling, "__call__", draw)


@pytest.mark.spread
@pytest.mark.parametrize(
    "network, shape, num_classes, num_parameters",
    [
        (preact_resnet, CIFAR, 10, 11_171_146),
        (wide_resnet, CIFAR, 10, 36_479_194),
        (densenet, CIFAR, 10, 25_624_430),
        (resnet9, CIFAR, 10, 6_573_120),
        (small_resnet, FASHION, 10, 308_346),
        (keras_example, FASHION, 10, 26 * 16 + 401 * 32 + 33 * 128 + 129 * 10),
        (lenet, SPEECH, 30, 520 + 10_020 + 1000 * (20 * 37 * 22 + 1) + 30 * 1001),
        (vgg, SPEECH, 30, 9_216_576 + 5504 + 512 * (512 * 5 * 3 + 1) + 30 * 513),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_sizes(network, shape, num_classes, num_parameters):
    model = network.build(shape, num_classes)
    assert model.output_shape == (None, num_classes)
    assert parameters(model) == num_parameters
    described = " ".join(network.build.__doc__.split())
    assert f"{spaced(num_parameters)} parameters to train, " in described
    assert f", {spaced(multiply_adds(model))} multiply-adds" in described


@pytest.mark.spread
@pytest.mark.parametrize(
    "network, shape, options, num_stages",
    [
        (preact_resnet, (16, 16, 3), {"width": 4, "blocks_per_stage": 1}, 4),
        (wide_resnet, (16, 16, 3), {"depth": 10, "widen_factor": 1}, 3),
        (densenet, (16, 16, 3), {"depth": 16, "growth": 4}, 3),
        (resnet9, (8, 8, 3), {"width": 2}, 3),
        (small_resnet, (16, 16, 1), {"width": 2}, 4),
        (keras_example, (16, 16, 1), {}, 0),
        (lenet, (16, 16, 1), {"width": 4}, 0),
        (vgg, (32, 32, 1), {"width": 4}, 0),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_step_of_training(network, shape, options, num_stages, rng):
    stages = [f"stage_{stage + 1}" for stage in range(num_stages)]
    base_model = network.build(shape, 5, **options)
    if stages:  # each is where everything passes: no ValueError
        MixupModel(base_model, MixUp(), mix_at=["input", "stem", *stages])
    before = base_model.get_weights()
    model = MixupModel(base_model, MixUp(), mix_at=stages[-1:] or None)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss)
    x = rng.normal(size=(4, *shape)).astype("float32")
    y = np.eye(5, dtype="float32")[:4]
    (loss,) = model.fit(x, y, batch_size=4, verbose=0).history["loss"]
    assert np.isfinite(loss)
    after = base_model.get_weights()
    assert not any(map(np.array_equal, before, after))

"""The recipes' networks: sizes, costs, a step of training and where rows can be mixed.

What a network's docstring says about its size is what is counted.
"""

import keras
import numpy as np
import pytest

from keras_multimix import MixUp, MixupModel
from recipes.networks import preact_resnet

CIFAR = (32, 32, 3)
STAGES_3 = ["stem", "stage_1", "stage_2", "stage_3"]
STAGES_4 = [*STAGES_3, "stage_4"]


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


def sizes(network):
    """Writes both counts as docstrings do."""
    counts = parameters(network), multiply_adds(network)
    return [f"{count:,}".replace(",", " ") for count in counts]


@pytest.mark.parametrize(
    "module, shape, classes, expected",
    [
        (preact_resnet, CIFAR, 10, 11_171_146),
    ],
)
def test_sizes(module, shape, classes, expected):
    network = module.build(shape, classes)
    assert parameters(network) == expected
    described = " ".join(module.build.__doc__.split())
    num_parameters, num_multiply_adds = sizes(network)
    assert f"{num_parameters} parameters to train" in described
    assert f"{num_multiply_adds} multiply-adds" in described
    assert network.output_shape == (None, classes)


TINY = {
    "preact_resnet": lambda: preact_resnet.build(
        (16, 16, 3), 5, width=4, dropout=0.3, blocks_per_stage=1
    ),
}


@pytest.mark.parametrize("name, points", [("preact_resnet", STAGES_4)])
def test_a_step_that_mixes_hidden_rows(name, points, rng):
    network = TINY[name]()
    MixupModel(network, MixUp(), mix_at=["input", *points])  # or a ValueError
    before = [np.array(weight) for weight in network.get_weights()]
    model = MixupModel(network, MixUp(), mix_at=points[-1:])
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss)
    x = rng.normal(size=(4, *network.input_shape[1:])).astype("float32")
    y = np.eye(5, dtype="float32")[:4]
    history = model.fit(x, y, batch_size=4, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    changed = [
        not np.array_equal(old, new)
        for old, new in zip(before, network.get_weights(), strict=True)
    ]
    assert all(changed)
    assert np.isfinite(network.predict(x, verbose=0)).all()

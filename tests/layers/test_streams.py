"""Partners, coefficients and boxes: the same wherever a draw is made."""

import numpy as np
import pytest

from keras_multimix import CutMix, MixUp, MultiMix
from tests import helpers

STEPS = (0, 1, 2, 5)
ROWS, SIZE = 6, 8
# Spread out, so that the nearest rows are told apart by far more than rounding.
IMAGES = (np.arange(ROWS, dtype="float32") ** 2).reshape(-1, 1, 1) + np.zeros(
    (SIZE, SIZE), "float32"
)
CLASSES = np.array([0, 1, 0, 1, 1, 0])

CASES = [
    (MixUp, {}),
    (MixUp, {"num_interpolations": 3}),
    (MixUp, {"alpha": 0.01}),
    (MixUp, {"alpha": 8}),
    (MixUp, {"alpha": 0}),
    (MultiMix, {}),
    (MultiMix, {"sampling": "shared", "num_interpolations": 3}),
    (MultiMix, {"pairing": "mirror", "num_interpolations": 2}),
    (MixUp, {"pairing": "roll"}),
    (MixUp, {"pairing": "same_class"}),
    (MixUp, {"pairing": "neighbors"}),
    (MixUp, {"seed": 2**63 + 5}),
    (CutMix, {}),
    (CutMix, {"num_interpolations": 3, "sampling": "stratified"}),
]


def new_layer(layer_class, arguments):
    return layer_class(**{"alpha": 0.4, "num_classes": 2, "seed": 3} | arguments)


def assert_same_draw(got, expected):
    got = helpers.in_numpy(dict(got))
    assert sorted(got) == sorted(expected)
    for key in expected:
        assert got[key].dtype.kind == expected[key].dtype.kind
        np.testing.assert_allclose(
            got[key], expected[key], rtol=0, atol=1e-6, err_msg=key
        )


# PyTorch takes ten seconds and more to trace each.
@pytest.mark.spread
@pytest.mark.parametrize(
    ("layer_class", "arguments"),
    [CASES[0], CASES[-1], *(helpers.slow_on("torch", *each) for each in CASES[1:-1])],
)
def test_draws_agree_eager_and_compiled(layer_class, arguments):
    layer = new_layer(layer_class, arguments)
    data = (IMAGES, CLASSES)
    expected = [layer.get_random_transformation(data, step=step) for step in STEPS]
    tensors = helpers.tensors(data)
    functions = {"eager": lambda data, step: draw(data, step)}

    def draw(data, step):
        return layer.get_random_transformation(data, step=step)

    for how in helpers.compilations():
        functions[how] = helpers.compiled(draw, how)
    for function in functions.values():
        for step, want in zip(STEPS, expected, strict=True):
            number = helpers.tensors(np.array(step, "int32"))
            assert_same_draw(function(tensors, number), want)
    assert helpers.state(layer)[2] == 0


@pytest.mark.spread
@pytest.mark.parametrize(("layer_class", "arguments"), CASES)
def test_draws_agree_in_a_dataset(layer_class, arguments):
    counted, layer = (new_layer(layer_class, arguments) for _ in range(2))
    repeats = 3
    data = helpers.dataset(
        np.tile(IMAGES, (repeats, 1, 1)), np.tile(CLASSES, repeats), batch_size=ROWS
    )
    stream = data.map(lambda x, y: counted.get_random_transformation((x, y)))
    for step, got in enumerate(stream):
        expected = layer.get_random_transformation((IMAGES, CLASSES), step=step)
        assert_same_draw(got, expected)
    assert helpers.state(counted)[2] == repeats


# Drawn once and checked to be equal on TensorFlow, JAX and PyTorch.
GOLDEN_BOXES = {
    0: ([1, 0, 3, 2], [[5, 6, 2, 2], [2, 4, 4, 4], [0, 5, 1, 1], [1, 0, 7, 7]]),
    1: ([0, 3, 2, 1], [[4, 7, 0, 0], [3, 8, 0, 0], [2, 0, 1, 1], [3, 0, 3, 3]]),
    2: ([0, 2, 1, 3], [[2, 0, 5, 5], [0, 2, 2, 2], [1, 1, 5, 5], [1, 1, 7, 7]]),
}


@pytest.mark.parametrize("step", GOLDEN_BOXES)
@pytest.mark.parametrize("convert", [lambda x: x, helpers.tensors])
def test_the_boxes_of_a_seed_never_change(step, convert):
    images = convert(np.zeros((4, 8, 8, 1), "float32"))
    layer = CutMix(0.5, 2, seed=2024)
    drawn = helpers.in_numpy(layer.get_random_transformation(images, step=step))
    partner, first_boxes = GOLDEN_BOXES[step]
    assert drawn["partner"].tolist() == partner
    assert drawn["boxes"][:, 0].tolist() == first_boxes


# The same for the other ways of sampling and pairing, at step 3 of seed 7.
GOLDEN_WEIGHTS = np.array(
    [
        [0.9935651, 0.9024481],
        [0.9928277, 0.1353192],
        [0.8706650, 0.0115079],
        [0.2506419, 0.0128910],
    ]
)


@pytest.mark.parametrize(
    ("arguments", "partner", "rows"),
    [
        ({}, [2, 0, 3, 1], [0, 1, 2, 3]),
        ({"sampling": "shared"}, [2, 0, 3, 1], [0, 0, 0, 0]),
        ({"pairing": "mirror"}, [3, 2, 1, 0], [0, 1, 1, 0]),
        ({"pairing": "roll"}, [1, 2, 3, 0], [0, 1, 2, 3]),
        ({"pairing": "same_class"}, [2, 3, 0, 1], [0, 1, 2, 3]),
        ({"pairing": "neighbors"}, [2, 2, 0, 1], [0, 1, 2, 3]),
    ],
)
@pytest.mark.parametrize("convert", [lambda x: x, helpers.tensors])
def test_the_draws_of_every_way_never_change(arguments, partner, rows, convert):
    data = convert((np.arange(4, dtype="float32")[:, None], np.array([0, 1, 0, 1])))
    layer = MixUp(0.4, 2, num_classes=2, seed=7, **arguments)
    drawn = helpers.in_numpy(layer.get_random_transformation(data, step=3))
    assert drawn["partner"].tolist() == partner
    np.testing.assert_allclose(drawn["coefficients"], GOLDEN_WEIGHTS[rows], atol=1e-6)


def test_a_tf_function_inside_a_dataset_counts():
    import tensorflow as tf

    layer = MixUp(0.4, num_classes=2, seed=3)
    inner = tf.function(lambda x, y: layer(x, y))
    stream = list(helpers.dataset(IMAGES, CLASSES, batch_size=3).map(inner))
    for step, got in enumerate(stream):
        rows = slice(3 * step, 3 * step + 3)
        want = layer(IMAGES[rows], CLASSES[rows], step=step)
        for a, b in zip(helpers.in_numpy(got), want, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)


def test_a_tf_function_counts_its_calls_under_every_backend():
    import tensorflow as tf

    layer = MixUp(0.4, num_classes=2, seed=3)
    function = tf.function(lambda x, y: layer(x, y))
    data = tf.constant(IMAGES), tf.constant(CLASSES)
    try:
        labels = [np.array(function(*data)[1]) for _ in range(3)]
    except ValueError as error:  # where it cannot count, it has to say so
        assert "step" in str(error)
    else:
        assert not np.array_equal(labels[0], labels[1])
        assert not np.array_equal(labels[1], labels[2])

"""Label smoothing of class indices and scores, `(1 - ε) y + ε / C`."""

import numpy as np
import pytest

from keras_multimix import CutMix, MixUp, MixupModel, MultiMix, RandomMix
from tests import helpers, oracle
from tests.layers.test_label_kinds import ROWS, WAYS
from tests.layers.test_label_weights import run

X = np.random.default_rng(7).normal(size=(ROWS, 4, 5, 2)).astype("float32")
CLASSES = np.arange(ROWS) % 3
SCORES = np.random.default_rng(8).dirichlet(np.ones(3), ROWS).astype("float32")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("labels", [CLASSES, SCORES], ids=["classes", "scores"])
@pytest.mark.parametrize("layer_class", [MixUp, CutMix])
def test_mixed_labels_are_smoothed(way, labels, layer_class):
    arguments = {"num_interpolations": 2, "num_classes": 3, "seed": 1}
    smooth = layer_class(1.0, label_smoothing=0.1, **arguments)
    plain = run(layer_class(1.0, **arguments), (X, labels), way)[1]
    smoothed = run(smooth, (X, labels), way)[1]
    np.testing.assert_allclose(smoothed, 0.9 * plain + 0.1 / 3, atol=1e-6)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mix_labels", [False, "union"])
def test_every_law_of_labels(way, mix_labels):
    arguments = {"num_classes": 3, "mix_labels": mix_labels, "seed": 1}
    weights = np.linspace(0.5, 1.0, ROWS).astype("float32")
    for data in ((X, CLASSES), (X, CLASSES, weights)):
        smooth = run(MixUp(1.0, label_smoothing=0.2, **arguments), data, way)[1]
        plain = run(MixUp(1.0, **arguments), data, way)[1]
        np.testing.assert_allclose(smooth, 0.8 * plain + 0.2 / 3, atol=1e-6)


@pytest.mark.parametrize("way", WAYS)
def test_masks_and_quantities(way):
    """Masks are smoothed along their classes, quantities not at all."""
    masks = (np.arange(ROWS * 20) % 3).reshape(ROWS, 4, 5)
    batch = {"images": X, "segmentation_masks": masks}
    layer = CutMix(1.0, num_classes=3, label_smoothing=0.3, seed=1)
    (mixed,) = run_dict(layer, batch, way)
    drawn = helpers.in_numpy(layer.get_random_transformation(X, step=2))
    pasted = oracle.cut_and_paste(masks, drawn["partner"], drawn["boxes"])
    expected = 0.7 * oracle.one_hot(pasted, 3) + 0.1
    np.testing.assert_allclose(mixed, expected, atol=1e-6)
    labels = {"kind": CLASSES, "age": np.arange(ROWS).astype("float32")}
    classes = {"kind": 3, "age": None}
    y = run(MixUp(1.0, num_classes=classes, label_smoothing=0.3), (X, labels), way)[1]
    ages = y["age"]
    z = run(MixUp(0.0, num_classes=classes, label_smoothing=0.3), (X, labels), way)[1]
    np.testing.assert_array_equal(z["age"], labels["age"])
    np.testing.assert_allclose(z["kind"], 0.7 * oracle.one_hot(CLASSES, 3) + 0.1)
    assert ages.min() >= 0 and ages.max() <= ROWS - 1


def run_dict(layer, batch, way):
    def masks_of(images, segmentation_masks):
        return {"images": images, "segmentation_masks": segmentation_masks}

    data = (batch["images"], batch["segmentation_masks"])

    class OfTuple:
        def __call__(self, *data, step):
            return (layer(masks_of(*data), step=step)["segmentation_masks"],)

    return run(OfTuple(), data, way)


def test_a_step_without_a_class_stays_zeros():
    import keras

    labels = keras.ops.convert_to_tensor(np.array([[0, 255], [2, 1]] * 3))
    layer = MixUp(0.0, num_classes=3, label_smoothing=0.3)
    how = {"tensorflow": "graph", "jax": "jit", "torch": "compile"}
    if helpers.backend() == "torch":
        pytest.skip("PyTorch reads labels eagerly, and refuses them")
    mix = helpers.compiled(lambda x, y: layer(x, y, step=0)[1], how[helpers.backend()])
    mixed = helpers.in_numpy(mix(keras.ops.convert_to_tensor(X), labels))
    np.testing.assert_array_equal(mixed[0, 1], np.zeros(3))
    np.testing.assert_allclose(mixed[0, 0], [0.8, 0.1, 0.1], atol=1e-6)


def test_a_batch_left_alone_is_smoothed_like_the_others():
    layers = [MixUp(0.8, num_classes=3, label_smoothing=0.1)]
    _, y = RandomMix(layers, [0.0], seed=1)(X, CLASSES)
    np.testing.assert_allclose(y, 0.9 * oracle.one_hot(CLASSES, 3) + 0.1 / 3, atol=1e-6)


@pytest.mark.parametrize("value", [1.0, -0.1, float("nan"), True, "0.1", None, 2])
def test_other_numbers_are_refused(value):
    with pytest.raises(ValueError, match="label_smoothing") as error:
        MultiMix(1.0, num_classes=3, label_smoothing=value)
    helpers.assert_three_parts(error)


def test_it_needs_classes_and_no_model():
    import keras

    with pytest.raises(ValueError, match="num_classes") as error:
        MixUp(1.0, label_smoothing=0.1)
    helpers.assert_three_parts(error)
    base_model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    with pytest.raises(ValueError, match="losses") as error:
        MixupModel(base_model, MixUp(1.0, num_classes=3, label_smoothing=0.1))
    helpers.assert_three_parts(error)

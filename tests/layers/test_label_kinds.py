"""What labels are: class indices or scores, and of how many classes."""

import keras
import numpy as np
import pytest

from keras_multimix import CutMix, MixUp, MultiMix, RandomMix
from tests import helpers, oracle

ROWS = 6
# PyTorch takes seconds to trace each case.
COMPILED = [helpers.slow_on("torch", how) for how in helpers.compilations()]
WAYS = ["numpy", "tensors", *COMPILED, "dataset"]


def run(layer, x, y, way):
    """Mixes at step 2, eagerly, compiled or in `tf.data`."""
    if way == "numpy":
        return layer(x, y, step=2)
    if way == "tensors":
        return helpers.in_numpy(layer(*helpers.tensors((x, y)), step=2))
    if way == "dataset":
        import tensorflow as tf

        data = tf.data.Dataset.from_tensors((x, y))
        data = data.map(lambda x, y: layer(x, y, step=2))
        return keras.tree.map_structure(lambda leaf: leaf.numpy(), next(iter(data)))
    if way == "compile":
        import torch

        torch._dynamo.reset()  # after some traces torch runs a function uncompiled
    function = helpers.compiled(lambda x, y: layer(x, y, step=2), way)
    return helpers.in_numpy(function(*helpers.tensors((x, y))))


def mixed(layer, x, y):
    """The oracle's mixture of labels that are numbers already."""
    drawn = layer.get_random_transformation(x, step=2)
    return oracle.interpolate(y, drawn["partner"], drawn["coefficients"])


CLASSES = np.array([0, 2, 1, 2, 0, 1])
INDICES = {
    "integers": CLASSES,
    "floats": CLASSES.astype("float32"),
    "doubles": CLASSES.astype("float64"),
    "half": CLASSES.astype("float16"),
    "bytes": CLASSES.astype("uint8"),
    "column of floats": CLASSES.astype("float32")[:, None],
    "column of integers": CLASSES[:, None],
    "steps": np.stack([CLASSES, CLASSES[::-1]], axis=1).astype("float32"),
    "booleans": CLASSES > 0,
}


@pytest.mark.parametrize("kind", INDICES)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("count", [1, 3])
def test_class_indices_of_any_dtype_become_one_hot(rng, kind, way, count):
    x = rng.normal(size=(ROWS, 4)).astype("float32")
    layer = MultiMix(1.0, count, num_classes=3, seed=1)
    classes = INDICES[kind].astype("int64")
    if "column" in kind:
        classes = classes[:, 0]
    got = run(layer, x, INDICES[kind], way)[1]
    expected = mixed(layer, x, oracle.one_hot(classes, 3))
    assert got.dtype == "float32" and got.shape == expected.shape
    np.testing.assert_allclose(got, expected, atol=1e-6)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shape", [(3,), (5, 3)])
@pytest.mark.parametrize("dtype", ["float32", "float16", "bool"])
def test_scores_stay_scores(rng, way, shape, dtype):
    x = rng.normal(size=(ROWS, 4)).astype("float32")
    y = (rng.uniform(size=(ROWS, *shape)) * 2).astype(dtype)
    layer = MixUp(1.0, num_classes=3, seed=1)
    got = run(layer, x, y, way)[1]
    np.testing.assert_allclose(got, mixed(layer, x, y), atol=1e-3)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("layer_class", [MixUp, CutMix])
def test_masks_as_wide_as_there_are_classes(rng, way, dtype, layer_class):
    """The images show that the last axis is their width, and holds no scores."""
    x = rng.normal(size=(ROWS, 4, 3, 2)).astype("float32")
    y = rng.integers(0, 3, size=(ROWS, 4, 3))
    layer = layer_class(1.0, num_classes=3, seed=1)
    got = run(layer, x, y.astype(dtype), way)[1]
    one_hot = oracle.one_hot(y, 3)
    expected = mixed(layer, x, one_hot)
    if layer_class is CutMix:
        drawn = layer.get_random_transformation(x, step=2)
        expected = oracle.cut_and_paste(one_hot, drawn["partner"], drawn["boxes"])
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_after_keras_augmentation_has_made_floats_of_labels(rng):
    batch = {"images": rng.uniform(size=(ROWS, 4, 4, 3)), "labels": CLASSES}
    flip = keras.layers.RandomFlip("horizontal", seed=1)
    layer = MixUp(1.0, num_classes=3, seed=1)
    flipped = helpers.in_numpy(flip(helpers.tensors(batch)))
    flipped["labels"] = flipped["labels"].astype("float32")  # some versions of Keras
    got = layer(flipped, step=2)["labels"]
    expected = mixed(layer, batch["images"], oracle.one_hot(CLASSES, 3))
    np.testing.assert_allclose(got, expected, atol=1e-6)


# What is refused ---------------------------------------------------------------------

BOTH_WAYS = {
    "one-hot": np.eye(3, dtype="int64")[CLASSES],
    "tags": np.ones((ROWS, 3), "uint8"),
    "steps": np.zeros((ROWS, 5, 3), "int32"),
}


@pytest.mark.parametrize("kind", BOTH_WAYS)
@pytest.mark.parametrize("way", WAYS)
def test_integers_that_can_be_read_both_ways_are_refused(rng, kind, way):
    x = rng.normal(size=(ROWS, 4)).astype("float32")
    layer = MixUp(num_classes=3, seed=1)
    with pytest.raises(
        ValueError, match="cast 0/1 labels to float32, or make"
    ) as error:
        run(layer, x, BOTH_WAYS[kind], way)
    helpers.assert_three_parts(error)
    assert helpers.state(layer)[2] == 0
    as_floats = BOTH_WAYS[kind].astype("float32")
    np.testing.assert_allclose(
        run(layer, x, as_floats, way)[1], mixed(layer, x, as_floats), atol=1e-6
    )


NO_INDICES = {
    "half": np.array([0.0, 1.5, 1, 1, 1, 1], "float32"),
    "below": np.array([0.0, -1.0, 1, 1, 1, 1]),
    "above": np.array([0.0, 3.0, 1, 1, 1, 1], "float32"),
    "nan": np.array([0.0, np.nan, 1, 1, 1, 1], "float32"),
    "infinite": np.array([0.0, np.inf, 1, 1, 1, 1], "float32"),
    "large": np.array([0.0, 1e30, 1, 1, 1, 1], "float32"),
    "integers": np.array([0, 7, 1, 1, 1, 1]),
}


@pytest.mark.parametrize("kind", NO_INDICES)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
def test_what_is_no_class_index(rng, kind, way):
    """It is refused where it can be read, and is NaN in a graph."""
    x = rng.normal(size=(ROWS, 4)).astype("float32")
    layer = MixUp(1.0, num_classes=3, seed=1, pairing="roll")
    y = NO_INDICES[kind]
    if way in ("numpy", "tensors"):
        with pytest.raises(ValueError, match="class indices from 0 to 2") as error:
            run(layer, x, y, way)
        helpers.assert_three_parts(error)
        return
    known = oracle.one_hot([0, 0, 1, 1, 1, 1], 3)
    known[1] = np.nan
    got = run(layer, x, y, way)[1]
    np.testing.assert_allclose(got, mixed(layer, x, known), atol=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_places_without_a_class_are_left_out_in_a_graph(rng, smoothing):
    """Of masks and sequences, such as the pixels of class 255."""
    x = rng.normal(size=(ROWS, 4, 5, 3)).astype("float32")
    layer = MixUp(1.0, num_classes=3, label_smoothing=smoothing, seed=1)
    masks = rng.integers(0, 3, size=(ROWS, 4, 5))
    known = oracle.one_hot(masks, 3) * (1 - smoothing) + smoothing / 3
    known[:, 1] = 0
    masks[:, 1] = 255
    got = run(layer, x, masks, "dataset")[1]
    np.testing.assert_allclose(got, mixed(layer, x, known), atol=1e-6)


@pytest.mark.parametrize("layer_class", [MixUp, MultiMix, CutMix])
def test_classes_without_labels_are_refused(rng, layer_class):
    x = rng.normal(size=(ROWS, 4, 5, 3)).astype("float32")
    layer = layer_class(num_classes=3, seed=1)
    with pytest.raises(ValueError, match="labels, because `num_classes`") as error:
        layer({"image": x, "depth": x})
    helpers.assert_three_parts(error)
    with pytest.raises(ValueError, match="sees no labels"):
        keras.Sequential([keras.Input((4, 5, 3)), layer, keras.layers.Flatten()])
    assert helpers.state(layer)[2] == 0
    # Who names none, mixes inputs alone, or mixes nothing, is asked for none.
    layer_class(seed=1)({"image": x, "depth": x})
    layer(x)
    assert layer({"image": x}, training=False)["image"] is x


def test_integers_without_num_classes_name_all_ways_out():
    with pytest.raises(ValueError) as error:
        MixUp()(np.ones((4, 2)), np.arange(4))
    helpers.assert_three_parts(error)
    for word in ("num_classes", "float32", "0/1", "counts", "MixupModel"):
        assert word in str(error.value)


def test_complex_numbers_are_no_classes():
    with pytest.raises(ValueError, match="complex64") as error:
        MixUp(num_classes=3)(np.ones((4, 2)), np.ones(4, "complex64"))
    helpers.assert_three_parts(error)


@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_an_unknown_last_axis_is_refused_in_a_graph(dtype):
    import tensorflow as tf

    signature = tf.TensorSpec((None, 4)), tf.TensorSpec((None, None), dtype)
    data = tf.data.Dataset.from_generator(lambda: iter([]), output_signature=signature)
    with pytest.raises(ValueError, match="ensure_shape") as error:
        data.map(MixUp(num_classes=3))
    helpers.assert_three_parts(error)


def test_sequences_of_unknown_length_are_class_indices(rng):
    import tensorflow as tf

    x = rng.normal(size=(ROWS, 2, 3)).astype("float32")
    y = np.stack([CLASSES, CLASSES], axis=1)
    signature = tf.TensorSpec((None, None, 3)), tf.TensorSpec((None, None), "int64")
    data = tf.data.Dataset.from_generator(
        lambda: iter([(x, y)]), output_signature=signature
    )
    layer = MixUp(1.0, num_classes=3, seed=1)
    got = next(iter(data.map(lambda x, y: layer(x, y, step=2))))[1]
    np.testing.assert_allclose(got, mixed(layer, x, oracle.one_hot(y, 3)), atol=1e-6)


# Heads of different numbers of classes -----------------------------------------------


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("form", ["dict", "list", "nested"])
def test_each_head_has_its_own_classes(rng, way, form):
    x = rng.normal(size=(ROWS, 4)).astype("float32")
    age = rng.uniform(size=ROWS).astype("float32")
    digits = CLASSES + 7
    y = {"kind": CLASSES, "digit": digits, "age": age}
    num_classes = {"kind": 3, "digit": 10}
    if form == "list":
        y, num_classes = (CLASSES, digits, age), [3, 10, None]
    elif form == "nested":
        y, num_classes = (
            {"both": y, "more": y},
            {"both": num_classes, "more": num_classes},
        )
    layer = MixUp(1.0, num_classes=num_classes, seed=1)
    got = run(layer, x, y, way)[1]
    keras.tree.assert_same_structure(got, y)
    got = got["more"] if form == "nested" else got
    keys = (0, 1, 2) if form == "list" else ("kind", "digit", "age")
    expected = oracle.one_hot(CLASSES, 3), oracle.one_hot(digits, 10), age
    for key, values in zip(keys, expected, strict=True):
        np.testing.assert_allclose(got[key], mixed(layer, x, values), atol=1e-6)
    again = MixUp.from_config(layer.get_config())
    assert again.num_classes == layer.num_classes


@pytest.mark.parametrize("layer_class", [MixUp, CutMix])
def test_labels_and_masks_of_one_batch(rng, layer_class):
    batch = {
        "images": rng.normal(size=(ROWS, 4, 5, 3)).astype("float32"),
        "labels": CLASSES,
        "segmentation_masks": rng.integers(0, 21, size=(ROWS, 4, 5)),
    }
    classes = {"labels": 3, "segmentation_masks": 21}
    layer = layer_class(1.0, num_classes=classes, seed=1)
    drawn = layer.get_random_transformation(batch, step=2)
    got = layer(batch, step=2)
    masks = oracle.one_hot(batch["segmentation_masks"], 21)
    expected = oracle.interpolate(masks, drawn["partner"], drawn["coefficients"])
    if layer_class is CutMix:
        expected = oracle.cut_and_paste(masks, drawn["partner"], drawn["boxes"])
    np.testing.assert_allclose(got["segmentation_masks"], expected, atol=1e-6)
    labels = oracle.one_hot(CLASSES, 3)
    expected = oracle.interpolate(labels, drawn["partner"], drawn["coefficients"])
    np.testing.assert_allclose(got["labels"], expected, atol=1e-6)


def test_classes_by_head_inside_a_batch_that_is_one_dict(rng):
    x = rng.normal(size=(ROWS, 4)).astype("float32")
    layer = MixUp(1.0, num_classes={"kind": 3, "digit": 10}, seed=1)
    labels = {"kind": CLASSES, "digit": CLASSES + 7}
    got = layer({"x": x, "labels": labels}, step=2)["labels"]
    for key, want in layer(x, labels, step=2)[1].items():
        np.testing.assert_array_equal(got[key], want)


def test_heads_under_random_mix(rng):
    x = rng.normal(size=(ROWS, 4, 4, 1)).astype("float32")
    classes = {"kind": 3, "digit": 10}
    layers = [each(num_classes=classes, seed=1) for each in (MixUp, CutMix)]
    labels = {"kind": CLASSES, "digit": CLASSES + 7}
    got = RandomMix(layers, seed=2)(x, labels, step=0)[1]
    assert {key: value.shape for key, value in got.items()} == {
        "kind": (ROWS, 3),
        "digit": (ROWS, 10),
    }
    np.testing.assert_allclose(got["digit"][:, 7:], got["kind"], atol=1e-6)


@pytest.mark.parametrize(
    "num_classes", [{"other": 3}, [3], [3, 10, 4], {"kind": {"inner": 3}}]
)
def test_classes_of_heads_that_are_not_there(num_classes):
    layer = MixUp(num_classes=num_classes)
    with pytest.raises(ValueError, match="num_classes") as error:
        layer(np.ones((ROWS, 2)), {"kind": CLASSES, "digit": CLASSES})
    helpers.assert_three_parts(error)
    assert helpers.state(layer)[2] == 0


@pytest.mark.parametrize("num_classes", [{"kind": 0}, [2.5], {"kind": [3, "4"]}])
def test_bad_numbers_of_classes(num_classes):
    with pytest.raises(ValueError, match="num_classes") as error:
        MixUp(num_classes=num_classes)
    helpers.assert_three_parts(error)


def test_a_symbolic_batch_has_the_shapes_of_a_real_one():
    layer = MixUp(1.0, 2, num_classes={"kind": 3, "age": None, "score": 4})
    x = keras.Input((4,))
    y = {
        "kind": keras.Input((), dtype="float32"),
        "age": keras.Input(()),
        "score": keras.Input((4,)),
    }
    _, spec = layer(x, y)
    shapes = {key: tuple(leaf.shape) for key, leaf in spec.items()}
    assert shapes == {"kind": (None, 3), "age": (None,), "score": (None, 4)}

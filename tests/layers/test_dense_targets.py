"""Masks, sequences of labels, several labels per row and regression targets."""

import numpy as np
import pytest

from keras_multimix import CutMix, MixUp, MultiMix
from tests import helpers, oracle

ROWS, CLASSES = 5, 3
# Not square, and a single row or column of pixels: nothing may depend on either.
SIZES = [(4, 4), (5, 3), (1, 7), (4, 1)]
# How a mask comes: classes one-hot, or class indices without and with a channel.
FORMS = {
    "one_hot": ("float32", (CLASSES,)),
    "uint8": ("uint8", ()),
    "int32": ("int32", ()),
    "uint8_channel": ("uint8", (1,)),
    "int32_channel": ("int32", (1,)),
}
convex_mixers = pytest.mark.parametrize("layer_class", [MixUp, MultiMix])
counts = pytest.mark.parametrize("count", [1, 3])


def images_and_classes(rng, size, rows=ROWS):
    images = rng.normal(size=(rows, *size, 3)).astype("float32")
    return images, rng.integers(0, CLASSES, size=(rows, *size))


def as_masks(classes, form):
    dtype, last = FORMS[form]
    if form == "one_hot":
        return oracle.one_hot(classes, CLASSES)
    return classes.reshape(*classes.shape, *last).astype(dtype)


def mixtures(layer, drawn, images, classes):
    """Images and masks as the oracle mixes them."""
    partner = np.asarray(drawn["partner"])
    masks = oracle.one_hot(classes, CLASSES)
    if isinstance(layer, CutMix):
        return [
            oracle.cut_and_paste(part, partner, drawn["boxes"])
            for part in (images, masks)
        ]
    return [
        oracle.interpolate(part, partner, drawn["coefficients"])
        for part in (images, masks)
    ]


def assert_all_close(results, expected):
    for got, want in zip(results, expected, strict=True):
        assert got.shape == want.shape
        np.testing.assert_allclose(got, want, atol=1e-5)


@counts
@pytest.mark.parametrize("layer_class", [MixUp, MultiMix, CutMix])
@pytest.mark.parametrize("size", SIZES)
def test_masks_are_mixed_like_their_images(rng, size, layer_class, count):
    images, classes = images_and_classes(rng, size)
    layer = layer_class(0.7, num_interpolations=count, num_classes=CLASSES, seed=2)
    drawn = layer.get_random_transformation(images, step=4)
    expected = mixtures(layer, drawn, images, classes)
    for form in FORMS:
        masks = as_masks(classes, form)
        assert_all_close(layer(images, masks, step=4), expected)
        named = layer({"images": images, "segmentation_masks": masks}, step=4)
        assert list(named) == ["images", "segmentation_masks"]
        assert_all_close(named.values(), expected)


@pytest.mark.parametrize(
    ("layer_class", "count"), [(MixUp, 1), (MultiMix, 3), (CutMix, 3)]
)
@pytest.mark.parametrize("form", ["one_hot", "int32_channel"])
def test_masks_that_are_tensors(rng, form, layer_class, count):
    images, classes = images_and_classes(rng, (5, 3))
    data = {"images": images, "segmentation_masks": as_masks(classes, form)}
    layer = layer_class(0.7, num_interpolations=count, num_classes=CLASSES, seed=2)
    drawn = layer.get_random_transformation(data, step=4)
    mixed = helpers.in_numpy(layer(helpers.tensors(data), step=4))
    assert_all_close(mixed.values(), mixtures(layer, drawn, images, classes))


@pytest.mark.parametrize(
    ("layer_class", "count"), [(MixUp, 1), (MixUp, 3), (MultiMix, 3), (CutMix, 3)]
)
def test_masks_of_sizes_unknown_to_the_graph(rng, layer_class, count):
    import tensorflow as tf

    # The number of rows is unknown, too, and differs.
    batches = [
        images_and_classes(rng, size, rows)
        for size, rows in zip(SIZES, (ROWS, 2, ROWS, ROWS), strict=True)
    ]
    forms = ["one_hot", "uint8_channel", "int32"]

    def generate():
        for images, classes in batches:
            yield images, {form: as_masks(classes, form) for form in forms}

    unknown = [None, None, None]
    dataset = tf.data.Dataset.from_generator(
        generate,
        output_signature=(
            tf.TensorSpec([*unknown, 3], "float32"),
            {
                form: tf.TensorSpec([*unknown, *FORMS[form][1]], FORMS[form][0])
                for form in forms
            },
        ),
    )
    layer = layer_class(0.7, num_interpolations=count, num_classes=CLASSES, seed=2)

    def mix(i, batch):
        images, masks = batch
        named = {"images": images, "segmentation_masks": masks["int32"]}
        masks = {form: masks[form] for form in ("one_hot", "uint8_channel")}
        return layer(images, masks, step=i), layer(named, step=i)

    dataset = dataset.enumerate().map(mix)
    (images, masks), named = dataset.element_spec
    # A model is built from the channels, which stay known.
    assert images.shape[-1] == 3
    for mask in (*masks.values(), named["segmentation_masks"]):
        assert mask.shape[-1] == CLASSES
    results = helpers.in_numpy(list(dataset))
    for step, (batch, result) in enumerate(zip(batches, results, strict=True)):
        drawn = layer.get_random_transformation(batch[0], step=step)
        expected = mixtures(layer, drawn, *batch)
        (images, masks), named = result
        for mask in masks.values():
            assert_all_close((images, mask), expected)
        assert_all_close(named.values(), expected)


@counts
@pytest.mark.parametrize("form", FORMS)
def test_labels_of_cut_images_follow_the_pixels_of_their_masks(rng, form, count):
    images, _ = images_and_classes(rng, (7, 5))
    # Masks of one class per row: the pixels of a class are the share of its row.
    labels = np.arange(ROWS) % CLASSES
    classes = np.broadcast_to(labels[:, None, None], images.shape[:-1])
    data = {
        "images": images,
        "labels": labels,
        "segmentation_masks": as_masks(classes, form),
    }
    layer = CutMix(1.0, count, num_classes=CLASSES, seed=3)
    drawn = layer.get_random_transformation(data, step=1)
    mixed = layer(data, step=1)
    rows = np.arange(ROWS)[:, None, None]
    origin = oracle.cut_and_paste(
        np.broadcast_to(rows, images.shape[:-1]), drawn["partner"], drawn["boxes"]
    ).reshape(ROWS, count, -1)
    # A row that is its own partner keeps every pixel, whatever its coefficient.
    others = np.asarray(drawn["partner"]) != np.arange(ROWS)
    kept = (origin == rows).mean(axis=-1)
    assert others.any() and 0 < kept[others].min() < 1
    np.testing.assert_allclose(drawn["coefficients"][others], kept[others], atol=1e-7)
    shares = mixed["segmentation_masks"].mean(axis=(1, 2))
    np.testing.assert_allclose(mixed["labels"], shares, atol=1e-6)


def dense_targets(rng, kind):
    """Inputs and targets that are no class per row."""
    x = rng.normal(size=(ROWS, 6)).astype("float32")
    if kind == "sequence":
        x = rng.normal(size=(ROWS, 4, 2)).astype("float32")
        return x, oracle.one_hot(rng.integers(0, CLASSES, (ROWS, 4)), CLASSES)
    if kind == "multi_label":
        # Neither 0 nor 1, and a row's sum is free.
        return x, rng.uniform(size=(ROWS, 4)).astype("float32")
    shape = {"scalar": (ROWS,), "column": (ROWS, 1), "vector": (ROWS, 2)}[kind]
    return x, (100 * rng.normal(size=shape)).astype("float32")


@counts
@convex_mixers
@pytest.mark.parametrize(
    "kind", ["sequence", "multi_label", "scalar", "column", "vector"]
)
def test_targets_keep_their_shape_and_are_interpolated(rng, kind, layer_class, count):
    x, y = dense_targets(rng, kind)
    layer = layer_class(0.7, num_interpolations=count, seed=2)
    drawn = layer.get_random_transformation((x, y), step=3)
    expected = [
        oracle.interpolate(part, drawn["partner"], drawn["coefficients"])
        for part in (x, y)
    ]
    for got, want in zip(layer(x, y, step=3), expected, strict=True):
        assert got.shape == want.shape and got.dtype == "float32"
        # Targets of a hundred round to a few millionths of it.
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("kind", ["sequence", "multi_label", "scalar", "vector"])
def test_targets_that_are_tensors(rng, kind):
    data = dense_targets(rng, kind)
    layer = MultiMix(0.7, num_interpolations=3, seed=2)
    mixed = helpers.in_numpy(layer(*helpers.tensors(data), step=3))
    for got, want in zip(mixed, layer(*data, step=3), strict=True):
        assert got.shape == want.shape and got.dtype == want.dtype
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-4)


def test_num_classes_leaves_scores_alone(rng):
    x, y = dense_targets(rng, "sequence")
    plain, counting = (MixUp(0.7, num_classes=c, seed=2) for c in (None, CLASSES))
    np.testing.assert_array_equal(counting(x, y, step=0)[1], plain(x, y, step=0)[1])


@counts
@convex_mixers
def test_sequences_of_class_indices_become_one_hot(rng, layer_class, count):
    x = rng.normal(size=(ROWS, 4, 2)).astype("float32")
    y = rng.integers(0, CLASSES, size=(ROWS, 4))
    layer = layer_class(0.7, num_interpolations=count, num_classes=CLASSES, seed=2)
    drawn = layer.get_random_transformation((x, y), step=3)
    expected = [
        oracle.interpolate(part, drawn["partner"], drawn["coefficients"])
        for part in (x, oracle.one_hot(y, CLASSES))
    ]
    assert_all_close(layer(x, y, step=3), expected)

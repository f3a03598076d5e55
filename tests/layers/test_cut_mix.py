"""CutMix against the oracle: boxes, shares, masks."""

import keras
import numpy as np
import pytest
from scipy import stats

from keras_multimix import CutMix
from tests import helpers, oracle


@pytest.mark.parametrize("shape", [(5, 9, 7), (5, 9, 7, 3)])
@pytest.mark.parametrize("count", [1, 3])
def test_boxes_are_pasted_and_labels_follow_their_share(rng, shape, count):
    x, y = rng.normal(size=shape).astype("float32"), np.eye(5, dtype="float32")
    layer = CutMix(1.0, count, seed=3)
    drawn = layer.get_random_transformation((x, y), step=1)
    boxes, height, width = drawn["boxes"], *shape[1:3]
    assert boxes.shape == (5, count, 4) and boxes.dtype == "int32"
    share = boxes[..., 2] * boxes[..., 3] / (height * width)
    np.testing.assert_allclose(drawn["coefficients"], 1 - share, atol=1e-6)
    assert np.all(boxes >= 0)
    assert np.all(boxes[..., 0] + boxes[..., 2] <= height)
    assert np.all(boxes[..., 1] + boxes[..., 3] <= width)
    for convert in (lambda data: data, helpers.tensors):
        mixed, labels = helpers.in_numpy(layer(*convert((x, y)), step=1))
        expected = oracle.cut_and_paste(x, drawn["partner"], boxes)
        np.testing.assert_array_equal(mixed, expected)
        expected = oracle.interpolate(y, drawn["partner"], drawn["coefficients"])
        np.testing.assert_allclose(labels, expected, atol=1e-6)


@pytest.mark.parametrize("alpha", [0.3, 1.0])
def test_the_share_follows_the_law_up_to_the_pixel(alpha):
    size, count = 64, 20_000
    layer = CutMix(alpha, pairing="roll", seed=0)
    images = np.broadcast_to(np.zeros(1, "float32"), (count, size, size))
    shares = layer.get_random_transformation(images)["coefficients"].ravel()
    thresholds = np.linspace(0.05, 0.95, 50)
    observed = np.searchsorted(np.sort(shares), thresholds) / count
    law = stats.beta(alpha, alpha).cdf
    # A side off by half a pixel moves the share by up to about 1 / size.
    tolerance = 1.95 / np.sqrt(count)
    assert np.all(observed <= law(thresholds + 1 / size) + tolerance)
    assert np.all(observed >= law(thresholds - 1 / size) - tolerance)


def test_boxes_reach_every_place():
    layer = CutMix(1.0, pairing="roll", seed=0)
    images = np.zeros((3000, 4, 4), "float32")
    boxes = layer.get_random_transformation(images)["boxes"].reshape(-1, 4)
    single = boxes[(boxes[:, 2] == 2) & (boxes[:, 3] == 2)]
    counts = np.histogram2d(single[:, 0], single[:, 1], bins=3)[0]
    expected = len(single) / 9
    # Nine equally likely places; five standard deviations of a count.
    assert np.abs(counts - expected).max() < 5 * np.sqrt(expected)


@pytest.mark.parametrize("mask_shape", [(4, 6, 5), (4, 6, 5, 1)])
def test_masks_are_cut_like_the_images(rng, mask_shape):
    masks = rng.integers(0, 3, size=mask_shape).astype("uint8")
    data = {
        "images": rng.normal(size=(4, 6, 5, 3)).astype("float32"),
        "labels": np.arange(4) % 3,
        "segmentation_masks": masks,
        "sample_weights": np.arange(4.0),
    }
    layer = CutMix(1.0, 2, num_classes=3, seed=1)
    drawn = layer.get_random_transformation(data, step=0)
    mixed = layer(data, step=0)
    assert list(mixed) == list(data)
    one_hot = oracle.one_hot(masks.reshape(4, 6, 5), 3)
    expected = oracle.cut_and_paste(one_hot, drawn["partner"], drawn["boxes"])
    np.testing.assert_array_equal(mixed["segmentation_masks"], expected)
    expected = oracle.interpolate(
        data["sample_weights"], drawn["partner"], drawn["coefficients"]
    )
    np.testing.assert_allclose(mixed["sample_weights"], expected, atol=1e-6)


def test_dense_labels_beside_images_are_masks(rng):
    x, y = rng.normal(size=(3, 6, 5, 1)), rng.normal(size=(3, 6, 5, 2))
    layer = CutMix(1.0, seed=1)
    drawn = layer.get_random_transformation((x, y), step=0)
    expected = oracle.cut_and_paste(y, drawn["partner"], drawn["boxes"])
    np.testing.assert_allclose(layer(x, y, step=0)[1], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (np.zeros((3, 4)), np.eye(3)),
        (np.zeros((3, 4, 4, 1)), np.zeros((3, 5, 4, 2))),
        ([np.zeros((3, 4, 4, 1)), np.zeros((3, 8, 8, 1))], np.eye(3)),
        ([np.zeros((3, 4, 4, 1)), np.zeros((3, 8))], np.eye(3)),
    ],
)
def test_sizes_that_differ_are_refused(x, y):
    layer = CutMix(seed=0)
    before = helpers.state(layer)
    with pytest.raises(ValueError, match="Expected images and masks of one height"):
        layer(x, y)
    assert helpers.state(layer) == before


def test_channels_first_images(rng):
    x = rng.normal(size=(4, 3, 6, 5)).astype("float32")
    keras.config.set_image_data_format("channels_first")
    try:
        layer = CutMix(1.0, seed=0)
        drawn = layer.get_random_transformation(x, step=0)
        mixed = layer(x, step=0)
    finally:
        keras.config.set_image_data_format("channels_last")
    last = np.moveaxis(x, 1, -1)
    expected = oracle.cut_and_paste(last, drawn["partner"], drawn["boxes"])
    np.testing.assert_array_equal(np.moveaxis(mixed, 1, -1), expected)


def test_alpha_zero_cuts_nothing(rng):
    x = rng.normal(size=(3, 4, 4))
    np.testing.assert_array_equal(CutMix(0)(x, np.eye(3))[0], x)

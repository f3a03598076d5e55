"""`apply` and `mix_pairs`: transformations and partners of the caller's own."""

import numpy as np
import pytest

from keras_multimix import CutMix, MixUp, MultiMix
from tests import helpers, oracle

CONVERSIONS = [lambda data: data, helpers.tensors]


@pytest.mark.parametrize("convert", CONVERSIONS)
def test_a_transformation_fits_any_batch_of_its_size(rng, convert):
    layer = MultiMix(0.5, 3, seed=1)
    drawn = layer.get_random_transformation(np.zeros((5, 2), "float32"))
    state = helpers.state(layer)
    for shape in [(5,), (5, 7), (5, 3, 2, 2)]:
        x = rng.normal(size=shape).astype("float32")
        got = helpers.in_numpy(layer.apply(convert(x), convert(drawn)))
        expected = oracle.interpolate(x, drawn["partner"], drawn["coefficients"])
        np.testing.assert_allclose(got, expected, atol=1e-6)
    assert helpers.state(layer) == state


@pytest.mark.parametrize("convert", CONVERSIONS)
def test_boxes_of_ones_own(rng, convert):
    x = rng.normal(size=(2, 4, 6, 3)).astype("float32")
    y = np.eye(2, dtype="float32")
    drawn = {
        "partner": np.array([1, 0], "int32"),
        "boxes": np.array([[[0, 0, 2, 3]], [[1, 2, 3, 4]]], "int32"),
        "coefficients": np.array([[0.75], [0.5]], "float32"),
    }
    mixed, labels = helpers.in_numpy(CutMix().apply(convert((x, y)), convert(drawn)))
    expected = oracle.cut_and_paste(x, drawn["partner"], drawn["boxes"])
    np.testing.assert_array_equal(mixed, expected)
    np.testing.assert_allclose(labels, [[0.75, 0.25], [0.5, 0.5]])


@pytest.mark.parametrize("layer_class", [MixUp, MultiMix, CutMix])
def test_half_a_pair_keeps_its_own_label_without_mixed_labels(layer_class):
    images = np.zeros((2, 4, 4), "float32")
    layer = layer_class(num_interpolations=2, mix_labels=False, seed=0)
    drawn = {
        "partner": np.array([1, 0]),
        "boxes": np.array([[[0, 0, 2, 4], [0, 0, 3, 4]]] * 2),
        "coefficients": np.array([[0.5, 0.25]] * 2, "float32"),
    }
    keys = drawn if layer_class is CutMix else ["partner", "coefficients"]
    _, labels, weights = layer.apply(
        (images, np.eye(2), np.array([1.0, 3.0])), {key: drawn[key] for key in keys}
    )
    np.testing.assert_array_equal(labels, [[1, 0], [0, 1], [0, 1], [1, 0]])
    np.testing.assert_array_equal(weights, [1, 3, 3, 1])


@pytest.mark.parametrize("convert", CONVERSIONS)
@pytest.mark.parametrize("layer_class", [MixUp, CutMix])
def test_pairs_of_dicts_keep_masks_and_weights(rng, convert, layer_class):
    def batch():
        return {
            "images": rng.normal(size=(4, 5, 5, 1)).astype("float32"),
            "segmentation_masks": rng.integers(0, 3, size=(4, 5, 5)),
            "sample_weights": rng.uniform(size=4).astype("float32"),
        }

    ours, theirs = batch(), batch()
    layer = layer_class(0.6, 2, num_classes=3, seed=5)
    drawn = layer.get_random_transformation(ours, step=3)
    mixed = helpers.in_numpy(layer.mix_pairs(convert(ours), convert(theirs), step=3))
    both = {key: np.concatenate([ours[key], theirs[key]]) for key in ours}
    both["segmentation_masks"] = oracle.one_hot(both["segmentation_masks"], 3)
    partner = np.arange(4, 8)
    for key, values in both.items():
        if layer_class is CutMix and key != "sample_weights":
            expected = oracle.cut_and_paste(values, partner, drawn["boxes"])
        elif key == "segmentation_masks":
            expected = oracle.interpolate_labels(
                values, both["sample_weights"], partner, drawn["coefficients"]
            )
        else:
            expected = oracle.interpolate(values, partner, drawn["coefficients"])
        np.testing.assert_allclose(mixed[key], expected, atol=1e-5, err_msg=key)


def test_pairs_count_like_calls(rng):
    a, b = rng.normal(size=(2, 4, 3))
    layer = MixUp(0.5, seed=1)
    first = layer.mix_pairs(a, b)
    np.testing.assert_array_equal(layer.mix_pairs(a, b, step=0), first)
    assert helpers.state(layer)[2] == 1
    layer.mix_pairs(a, b, training=False)
    assert helpers.state(layer)[2] == 1
    with pytest.raises(ValueError, match="Expected .* Received"):
        layer.mix_pairs(a, b[:2])
    assert helpers.state(layer)[2] == 1


BAD = {
    "a row that is not there": {"partner": np.array([0, 1, 2, 4])},
    "a row number below 0": {"partner": np.array([0, 1, 2, -5])},
    "partners that are no integers": {"partner": np.array([0.0, 1.5, 2.0, 3.0])},
    "a coefficient above 1": {"coefficients": np.full((4, 1), 2.0, "float32")},
    "a coefficient below 0": {"coefficients": np.full((4, 1), -1.0, "float32")},
    "a coefficient that is no number": {"coefficients": np.full((4, 1), np.nan)},
    "lists": {"partner": [0, 1, 2, 3]},
}


@pytest.mark.parametrize("name", BAD)
def test_a_transformation_that_makes_no_sense_is_refused(rng, name):
    good = {
        "partner": np.array([1, 2, 3, 0]),
        "coefficients": np.full((4, 1), 0.5, "float32"),
    }
    error = None
    try:
        MixUp().apply((rng.normal(size=(4, 2)), np.eye(4)), good | BAD[name])
    except Exception as raised:
        error = raised
    assert isinstance(error, ValueError) and "Expected" in str(error)


@pytest.mark.parametrize(
    "partners",
    [
        lambda x, y: {"images": x, "labels": y},
        lambda x, y: ({"a": x}, y),
    ],
)
def test_pairs_of_other_structures_are_refused(rng, partners):
    x, y = rng.normal(size=(4, 2)), np.eye(4)
    error = None
    try:
        MixUp().mix_pairs((x, y), partners(x, y))
    except Exception as raised:
        error = raised
    assert isinstance(error, ValueError) and "Expected" in str(error)


def test_drawing_needs_no_number_of_classes(rng):
    x, y = rng.normal(size=(6, 2)), np.array([0, 0, 1, 1, 2, 2])
    drawn, counted = (
        MixUp(pairing="same_class", num_classes=n, seed=1).get_random_transformation(
            (x, y), step=0
        )
        for n in (None, 3)
    )
    np.testing.assert_array_equal(drawn["partner"], counted["partner"])


def test_lists_are_told_to_become_arrays(rng):
    lists = {"partner": [1, 0, 3, 2], "coefficients": [[0.5], [1.0], [0.0], [0.25]]}
    with pytest.raises(ValueError, match="numpy.asarray") as error:
        MixUp().apply(rng.normal(size=(4, 2)), lists)
    helpers.assert_three_parts(error)

"""Where the pixels are: channels first, clips, series, tables, and other axes."""

import contextlib

import keras
import numpy as np
import pytest

from keras_multimix import CutMix, MixUp, MixupModel, MultiMix, RandomMix
from tests import helpers, oracle
from tests.layers.test_label_kinds import COMPILED
from tests.layers.test_label_weights import run

ROWS, CLASSES = 4, 3
WAYS = ["numpy", "tensors", *COMPILED, "dataset"]


@contextlib.contextmanager
def global_format(data_format):
    before = keras.config.image_data_format()
    keras.config.set_image_data_format(data_format)
    try:
        yield
    finally:
        keras.config.set_image_data_format(before)


def check(layer, x, y, axes, y_axes, way, encoded=None):
    """A call is what the oracle cuts along these axes; None mixes by the share."""
    drawn = helpers.in_numpy(layer.get_random_transformation(x, step=2))
    partner, boxes = drawn["partner"], drawn["boxes"]
    sizes = [x.shape[axis] for axis in axes]
    share = boxes[..., len(axes) :].prod(axis=-1) / np.prod(sizes)
    np.testing.assert_allclose(drawn["coefficients"], 1 - share, atol=1e-6)
    assert share.max() > 0
    mixed, labels = run(layer, (x, y), way)
    np.testing.assert_array_equal(mixed, oracle.cut_along(x, partner, boxes, axes))
    y = y if encoded is None else encoded
    if y_axes is None:
        expected = oracle.interpolate(y, partner, drawn["coefficients"])
    else:
        expected = oracle.cut_along(y, partner, boxes, y_axes)
    assert labels.shape == expected.shape
    np.testing.assert_allclose(labels, expected, atol=1e-6)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("setting", ["argument", "global", "random_mix"])
@pytest.mark.parametrize("channel", [False, True])
def test_channels_first(rng, way, setting, channel):
    x = rng.normal(size=(ROWS, 3, 6, 8)).astype("float32")
    masks = rng.integers(0, CLASSES, size=(ROWS, 6, 8))
    encoded = np.moveaxis(oracle.one_hot(masks, CLASSES), -1, 1)
    given = masks[:, None] if channel else masks
    arguments = {"num_classes": CLASSES, "pairing": "roll", "seed": 1}
    with global_format("channels_first" if setting == "global" else "channels_last"):
        if setting == "random_mix":
            layer = RandomMix(
                [CutMix(1.0, 2, **arguments)], data_format="channels_first"
            )
        elif setting == "argument":
            layer = CutMix(1.0, 2, data_format="channels_first", **arguments)
        else:
            layer = CutMix(1.0, 2, **arguments)
        check(layer, x, given, (2, 3), (2, 3), way, encoded)


@pytest.mark.parametrize("way", WAYS)
def test_channels_last_under_the_other_setting(rng, way):
    x = rng.normal(size=(ROWS, 6, 8, 3)).astype("float32")
    masks = rng.integers(0, CLASSES, size=(ROWS, 6, 8))
    with global_format("channels_first"):
        layer = CutMix(1.0, data_format="channels_last", num_classes=CLASSES, seed=1)
        check(layer, x, masks, (1, 2), (1, 2), way, oracle.one_hot(masks, CLASSES))


@pytest.mark.parametrize("way", WAYS)
def test_masks_of_mixup_have_their_classes_where_images_have_channels(rng, way):
    x = rng.normal(size=(ROWS, 2, 6, 8)).astype("float32")
    masks = rng.integers(0, CLASSES, size=(ROWS, 6, 8)).astype("uint8")
    layer = MixUp(1.0, 2, data_format="channels_first", num_classes=CLASSES, seed=1)
    drawn = layer.get_random_transformation(x, step=2)
    encoded = np.moveaxis(oracle.one_hot(masks, CLASSES), -1, 1)
    expected = oracle.interpolate(encoded, drawn["partner"], drawn["coefficients"])
    np.testing.assert_allclose(run(layer, (x, masks), way)[1], expected, atol=1e-6)
    symbolic = layer(keras.Input((2, 6, 8)), keras.Input((6, 8), dtype="uint8"))
    assert tuple(symbolic[1].shape) == (None, CLASSES, 6, 8)


def test_dense_scores_with_channels_first(rng):
    x = rng.normal(size=(ROWS, 2, 6, 8)).astype("float32")
    scores = rng.uniform(size=(ROWS, CLASSES, 6, 8)).astype("float32")
    layer = CutMix(1.0, data_format="channels_first", num_classes=CLASSES, seed=1)
    check(layer, x, scores, (2, 3), (2, 3), "numpy")
    with pytest.raises(ValueError, match="cast 0/1 labels") as error:
        layer(x, np.ones((ROWS, CLASSES, 6, 8), "uint8"))
    helpers.assert_three_parts(error)


@pytest.mark.parametrize("setting", ["channels_last", "channels_first"])
@pytest.mark.parametrize("form", ["images", "clips", "random", "model"])
def test_a_shape_that_fits_the_other_layout_is_refused(setting, form):
    other = {"channels_last", "channels_first"} - {setting}
    shape = (3, 16, 20) if setting == "channels_last" else (16, 20, 3)
    if form == "clips":
        shape = (3, 7, 16, 20) if setting == "channels_last" else (7, 16, 20, 3)
    x, y = np.zeros((ROWS, *shape), "float32"), np.eye(ROWS, dtype="float32")
    with global_format(setting):
        layer = RandomMix([CutMix()]) if form == "random" else CutMix()
        call = layer
        if form == "model":
            base = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(ROWS)])
            model = MixupModel(base, layer)
            model.compile("sgd", "mse")
            call = model.fit
        with pytest.raises(ValueError, match=f'data_format="{other.pop()}"') as error:
            call(x, y)
        helpers.assert_three_parts(error)
        assert helpers.state(layer)[2] == 0
        CutMix(data_format=setting)(x, y)  # whoever says so gets it


def test_a_mask_that_fits_the_other_layout_only(rng):
    x = rng.normal(size=(ROWS, 3, 4, 5)).astype("float32")
    masks = rng.integers(0, CLASSES, size=(ROWS, 4, 5))
    batch = {"images": x, "segmentation_masks": masks}
    with pytest.raises(ValueError, match="data_format") as error:
        CutMix(num_classes=CLASSES)(batch)
    helpers.assert_three_parts(error)


@pytest.mark.parametrize("seed", [1, 2])
def test_channels_first_in_a_model(rng, seed):
    """What a model reports is the loss of pasted images and masks."""
    x = rng.normal(size=(ROWS, 2, 6, 8)).astype("float32")
    y = rng.normal(size=(ROWS, 2, 6, 8)).astype("float32")
    layer = CutMix(1.0, 2, data_format="channels_first", seed=seed)
    inputs = keras.Input((2, 6, 8))
    outputs = keras.layers.Dense(8, kernel_initializer="identity")(inputs)
    model = MixupModel(keras.Model(inputs, outputs), layer)
    model.compile(keras.optimizers.SGD(0.0), "mse")
    drawn = helpers.in_numpy(layer.get_random_transformation(x, step=0))
    pasted = [
        oracle.cut_along(part, drawn["partner"], drawn["boxes"], (2, 3))
        for part in (x, y)
    ]
    expected = np.square(pasted[0] - pasted[1]).mean()
    np.testing.assert_allclose(model.train_on_batch(x, y), expected, rtol=1e-5)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_a_mask_that_contradicts_the_layout_is_refused(rng, data_format):
    shape = (3, 6, 8) if data_format == "channels_last" else (6, 8, 3)
    layer = CutMix(data_format=data_format, num_classes=CLASSES)
    masks = rng.integers(0, CLASSES, size=(ROWS, 6, 8))
    with pytest.raises(ValueError, match="data_format") as error:
        layer(np.zeros((ROWS, *shape), "float32"), masks)
    helpers.assert_three_parts(error)


FEATURES = [(4, 4, 512), (1, 1, 512), (3, 3, 64), (4, 32, 128), (2, 5, 64), (1, 98, 8)]


@pytest.mark.parametrize("shape", FEATURES)
def test_small_feature_maps_are_no_images(shape):
    x = np.random.default_rng(0).normal(size=(ROWS, *shape)).astype("float32")
    check(CutMix(1.0, 3, seed=1), x, np.eye(ROWS), (1, 2), None, "numpy")


def test_images_of_unknown_size_in_the_other_layout():
    import tensorflow as tf

    signature = tf.TensorSpec((None, 3, None, None)), tf.TensorSpec((None, 2))
    data = tf.data.Dataset.from_generator(lambda: iter([]), output_signature=signature)
    with pytest.raises(ValueError, match='data_format="channels_first"') as error:
        data.map(CutMix())
    helpers.assert_three_parts(error)


def test_a_saved_layer_keeps_its_layout():
    with global_format("channels_first"):
        config = CutMix(num_classes=CLASSES).get_config()
    assert CutMix.from_config(config).data_format == "channels_first"
    # A layer saved by an earlier version says nothing of it.
    del config["data_format"], config["axes"], config["unmixed"]
    assert CutMix.from_config(config).data_format == "channels_last"


@pytest.mark.parametrize("mix_at", [None, ["c"]])
@pytest.mark.parametrize("mixer", ["cut", "random"])
def test_a_model_of_the_other_layout(mix_at, mixer):
    inputs = keras.Input((5, 9, 9))
    x = keras.layers.Conv2D(6, 3, data_format="channels_first", name="c")(inputs)
    base = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(x)))
    layer = CutMix() if mixer == "cut" else RandomMix([MixUp(), CutMix()])
    with pytest.raises(ValueError, match='data_format="channels_first"') as error:
        MixupModel(base, layer, mix_at)
    helpers.assert_three_parts(error)
    MixupModel(base, MixUp(), mix_at)
    MixupModel(base, CutMix(data_format="channels_first"), mix_at)


# Clips --------------------------------------------------------------------------------

CLIP_LABELS = {
    "all frames": ((5, 6, 8), (2, 3)),
    "all frames, a channel": ((5, 6, 8, 1), (2, 3)),
    "one mask for all frames": ((6, 8), (1, 2)),
    "scores": ((CLASSES,), None),
}


@pytest.mark.spread
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", CLIP_LABELS)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_a_clip_gets_one_box_in_all_frames(rng, way, kind, data_format):
    x = rng.normal(size=(ROWS, 5, 6, 8, 2)).astype("float32")
    shape, axes = CLIP_LABELS[kind]
    y = rng.uniform(size=(ROWS, *shape)).astype("float32")
    cut = (2, 3)
    if data_format == "channels_first":
        x, cut = np.moveaxis(x, -1, 1), (3, 4)
        if y.ndim == 5:
            y, axes = np.moveaxis(y, -1, 1), (3, 4)
    layer = CutMix(1.0, 2, data_format=data_format, seed=1)
    check(layer, x, y, cut, axes, way)


def test_integer_masks_of_clips(rng):
    x = rng.normal(size=(ROWS, 5, 6, 8, 2)).astype("float32")
    masks = rng.integers(0, CLASSES, size=(ROWS, 5, 6, 8))
    layer = CutMix(1.0, num_classes=CLASSES, seed=1)
    check(layer, x, masks, (2, 3), (2, 3), "numpy", oracle.one_hot(masks, CLASSES))


def test_masks_of_the_clip_beside_an_image(rng):
    image = rng.normal(size=(ROWS, 6, 8, 3)).astype("float32")
    clip = rng.normal(size=(ROWS, 5, 6, 8, 3)).astype("float32")
    masks = rng.integers(0, CLASSES, size=(ROWS, 5, 6, 8))
    layer = CutMix(1.0, num_classes=CLASSES, seed=1)
    drawn = layer.get_random_transformation(([image, clip], masks), step=2)
    got = layer([image, clip], masks, step=2)
    cut = drawn["partner"], drawn["boxes"]
    np.testing.assert_array_equal(got[0][0], oracle.cut_along(image, *cut, (1, 2)))
    np.testing.assert_array_equal(got[0][1], oracle.cut_along(clip, *cut, (2, 3)))
    one_hot = oracle.one_hot(masks, CLASSES)
    np.testing.assert_array_equal(got[1], oracle.cut_along(one_hot, *cut, (2, 3)))


# Other axes ---------------------------------------------------------------------------


@pytest.mark.spread
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("axes", [(1,), (-2,)])
@pytest.mark.parametrize("labels", ["scores", "steps", "classes of steps", "class"])
def test_a_series_is_cut_along_time(rng, way, axes, labels):
    x = rng.normal(size=(ROWS, 9, 2)).astype("float32")
    classes = rng.integers(0, CLASSES, size=(ROWS, 9))
    y, y_axes, encoded = {
        "scores": (rng.uniform(size=(ROWS, 3)).astype("float32"), None, None),
        "steps": (rng.uniform(size=(ROWS, 9, 4)).astype("float32"), (1,), None),
        "classes of steps": (classes, (1,), oracle.one_hot(classes, CLASSES)),
        "class": (classes[:, 0], None, oracle.one_hot(classes[:, 0], CLASSES)),
    }[labels]
    num_classes = None if encoded is None else CLASSES
    layer = CutMix(1.0, 2, axes=axes, num_classes=num_classes, seed=1)
    check(layer, x, y, (1,), y_axes, way, encoded)
    again = CutMix.from_config(layer.get_config())
    check(again, x, y, (1,), y_axes, way, encoded)


@pytest.mark.parametrize("way", WAYS)
def test_a_table_is_cut_along_its_columns(rng, way):
    x = rng.normal(size=(ROWS, 7)).astype("float32")
    y = rng.uniform(size=(ROWS, 3)).astype("float32")
    check(CutMix(1.0, 2, axes=(1,), seed=1), x, y, (1,), None, way)


@pytest.mark.parametrize("axes", [(1, 2, 3), (3, 1), (2,)])
def test_any_axes_of_a_volume(rng, axes):
    x = rng.normal(size=(ROWS, 5, 6, 7, 2)).astype("float32")
    masks = rng.integers(0, CLASSES, size=(ROWS, 5, 6, 7))
    layer = CutMix(1.0, 2, axes=axes, num_classes=CLASSES, seed=1)
    for way in ("numpy", "tensors"):
        check(layer, x, masks, axes, axes, way, oracle.one_hot(masks, CLASSES))


def test_a_volume_whose_axes_are_named_has_its_mask_cut(rng):
    x = rng.normal(size=(ROWS, 2, 5, 6, 7)).astype("float32")
    masks = rng.integers(0, CLASSES, size=(ROWS, 5, 6, 7))
    layer = CutMix(1.0, axes=(2, 3, 4), num_classes=CLASSES, seed=1)
    one_hot = oracle.one_hot(masks, CLASSES)
    check(layer, x, masks, (2, 3, 4), (1, 2, 3), "numpy", one_hot)


def test_steps_of_a_waveform(rng):
    x = rng.normal(size=(ROWS, 9)).astype("float32")
    y = rng.integers(0, CLASSES, size=(ROWS, 9))
    layer = CutMix(1.0, axes=(1,), num_classes=CLASSES, seed=1)
    check(layer, x, y, (1,), (1,), "numpy", oracle.one_hot(y, CLASSES))
    with pytest.raises(ValueError, match="step") as error:
        CutMix(axes=(1,))(x, x)
    helpers.assert_three_parts(error)


def test_the_share_of_any_number_of_axes_follows_lambda():
    for axes, shape in (((1,), (64, 2)), ((1, 2, 3), (16, 16, 16, 1))):
        x = np.broadcast_to(np.zeros(1, "float32"), (4000, *shape))
        layer = CutMix(1.0, axes=axes, seed=1)
        kept = layer.get_random_transformation(x, step=0)["coefficients"]
        # λ is uniform at α = 1; half a pixel of rounding moves the mean little.
        assert abs(kept.mean() - 0.5) < 0.02
        assert abs(kept.std() - 12**-0.5) < 0.02


def test_time_and_frequency_stay_the_axes_of_three():
    x = np.random.default_rng(0).normal(size=(ROWS, 9, 7)).astype("float32")
    check(CutMix(1.0, seed=1), x, np.eye(ROWS), (1, 2), None, "numpy")


def test_floats_that_are_steps_or_scores_are_refused(rng):
    x = rng.normal(size=(ROWS, 9, 2)).astype("float32")
    y = rng.uniform(size=(ROWS, 9)).astype("float32")
    with pytest.raises(ValueError, match="step") as error:
        CutMix(axes=(1,))(x, y)
    helpers.assert_three_parts(error)
    check(CutMix(1.0, axes=(1,), seed=1), x, y[..., None], (1,), (1,), "numpy")


def test_weights_of_steps_are_cut(rng):
    x = rng.normal(size=(ROWS, 9, 2)).astype("float32")
    y, w = rng.uniform(size=(ROWS, 9, 4)), rng.uniform(size=(ROWS, 9))
    layer = CutMix(1.0, axes=(1,), seed=1)
    drawn = layer.get_random_transformation(x, step=2)
    got = layer(x, y, w, step=2)[2]
    expected = oracle.cut_along(w, drawn["partner"], drawn["boxes"], (1,))
    np.testing.assert_allclose(got, expected, atol=1e-6)


@pytest.mark.parametrize(
    "axes", [(), (0,), (1, 1), 1, "1", (1.5,), (True,), (1, 2, 3, 4), (-1, 0)]
)
def test_bad_axes(axes):
    with pytest.raises(ValueError, match="axes") as error:
        CutMix(axes=axes)
    helpers.assert_three_parts(error)


@pytest.mark.parametrize("axes", [(3,), (-3,), (1, -2)])
def test_axes_that_an_input_has_not(axes):
    layer = CutMix(axes=axes)
    with pytest.raises(ValueError, match="axes") as error:
        layer(np.ones((ROWS, 9, 2)), np.eye(ROWS))
    helpers.assert_three_parts(error)
    assert helpers.state(layer)[2] == 0


@pytest.mark.parametrize("data_format", ["NCHW", 1, "first"])
def test_bad_formats(data_format):
    for make in (
        CutMix,
        MixUp,
        MultiMix,
        lambda **given: RandomMix([MixUp()], **given),
    ):
        with pytest.raises(ValueError, match="data_format") as error:
            make(data_format=data_format)
        helpers.assert_three_parts(error)


def test_layers_of_different_layouts_do_not_go_together():
    first = {"data_format": "channels_first"}
    for layers in (
        [CutMix(data_format="channels_last"), CutMix(**first)],
        [CutMix(axes=(1,)), CutMix()],
    ):
        with pytest.raises(ValueError, match="axes|data_format") as error:
            RandomMix(layers)
        helpers.assert_three_parts(error)
    mixer = RandomMix([MixUp(pairing=lambda x, y, seed: None), CutMix(**first)])
    assert mixer.layers[0].data_format == mixer.data_format == "channels_first"
    with pytest.raises(ValueError, match="data_format") as error:
        RandomMix([CutMix(**first)], data_format="channels_last")
    helpers.assert_three_parts(error)
    mixer = RandomMix([MixUp(), CutMix(axes=(1, 2))], **first)
    again = RandomMix.from_config(mixer.get_config())
    assert again.data_format == again.layers[1].data_format == "channels_first"

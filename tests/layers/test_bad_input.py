"""Every refusal is a ValueError in three parts, and moves nothing."""

import copy

import keras
import numpy as np
import pytest

from keras_multimix import CutMix, MixUp, MultiMix, RandomMix
from tests import helpers

LAYERS = [MixUp, MultiMix, CutMix]
X, Y = np.ones((4, 3, 3), "float32"), np.arange(4) % 3


@pytest.mark.parametrize("layer_class", LAYERS)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("alpha", value) for value in (-0.1, np.nan, np.inf, "1", None, True, [1.0])),
        *(("num_interpolations", value) for value in (0, -1, 1.5, "2", None, True)),
        *(("sampling", value) for value in ("random", None, 1)),
        *(("pairing", value) for value in ("random", None, 1)),
        *(("num_classes", value) for value in (0, -3, 2.5, "3", True)),
        *(("keep_batch_size", value) for value in (1, "yes", None)),
        *(("mix_labels", value) for value in (1, "yes", None)),
        *(("seed", value) for value in (-1, 1.5, "a", 2**64)),
        *(("dtype", value) for value in ("uint8", "int32", "int8", "bool", "string")),
        *(("dtype", value) for value in (np.uint8, "float8_e4m3fn", "complex64", 8)),
        ("dtype", keras.DTypePolicy("uint8")),
    ],
)
def test_arguments(layer_class, name, value):
    with pytest.raises(ValueError, match=f"argument `{name}`") as error:
        layer_class(**{name: value})
    helpers.assert_three_parts(error)
    assert repr(value) in str(error.value)


def test_a_dtype_that_a_layer_takes_from_elsewhere(dtype_policy):
    with pytest.raises(ValueError, match="argument `dtype`") as error:
        RandomMix([MixUp()], dtype="uint8")
    helpers.assert_three_parts(error)
    with pytest.raises(ValueError, match="argument `dtype`"):
        MixUp.from_config(MixUp().get_config() | {"dtype": "uint8"})
    dtype_policy("uint8")
    with pytest.raises(ValueError, match="dtype='uint8' of Keras' global policy"):
        MixUp()


def test_dtypes_of_integer_inputs_and_the_way_back():
    """Halves between 0 and 255 are 127.5 in any dtype, and round to a whole number."""
    x, partner = (np.full((2, 4, 4, 3), value, "uint8") for value in (255, 0))
    x = np.concatenate([x, partner])
    given = {"partner": np.array([2, 3, 0, 1]), "coefficients": np.full((4, 1), 0.5)}
    given["coefficients"] = given["coefficients"].astype("float32")
    for dtype in ("float16", "bfloat16", "float32", "int8_from_float32"):
        for batch in (x, helpers.tensors(x)):
            layer = MixUp(dtype=dtype, seed=0)
            mixed = layer.apply(batch, given)
            np.testing.assert_array_equal(np.float32(helpers.in_numpy(mixed)), 127.5)
            back = keras.ops.cast(keras.ops.round(mixed), "uint8")
            np.testing.assert_array_equal(helpers.in_numpy(back), 128)


def ragged():
    import tensorflow as tf

    return tf.ragged.constant([[1.0], [2.0, 3.0], [1.0], [2.0]])


def sparse():
    import tensorflow as tf

    return tf.sparse.from_dense(np.ones((4, 2)))


@pytest.mark.parametrize("layer_class", LAYERS)
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: (X, np.arange(4)), "num_classes"),
        (lambda: (X, np.array([0, 1, 2, 9])), "class indices from 0 to 2"),
        (lambda: (X, np.array([0, 1, 2, -1])), "class indices from 0 to 2"),
        (lambda: (X, np.eye(3)), "as many rows as the inputs"),
        (lambda: (X, np.eye(4), np.ones(3)), "sample weights"),
        (lambda: (np.float32(1.0), np.eye(4)), "axis 0 counts the rows"),
        (lambda: (X, np.float32(1.0)), "axis 0 counts the rows"),
        (lambda: (np.ones((4, 7), "int32"), np.eye(4)), "after the embedding"),
        (lambda: (np.arange(4), np.eye(4)), "after the embedding"),
        (lambda: (np.array(["a"] * 4), np.eye(4)), "strings"),
        (lambda: (X, np.array(["a"] * 4)), "strings"),
        (lambda: ("abc",), "numpy.asarray"),
        (lambda: ([[1.0, 2.0], [3.0, 4.0]],), "numpy.asarray"),
        (lambda: (None,), "no inputs"),
        (lambda: ((X, Y, Y, Y),), "a tuple of 4 parts"),
        (lambda: ({"images": X, "bounding_boxes": X},), "averaged"),
        (lambda: (ragged(), np.eye(4)), "ragged or sparse"),
        (lambda: (sparse(), np.eye(4)), "ragged or sparse"),
    ],
)
def test_batches(layer_class, make, message):
    arguments = make()
    classes = None if message == "num_classes" else 3
    layer = layer_class(num_classes=classes, seed=1)
    before = helpers.state(layer)
    kept = copy.deepcopy(arguments)
    with pytest.raises(ValueError, match=message) as error:
        layer(*arguments)
    helpers.assert_three_parts(error)
    assert helpers.state(layer) == before
    for got, expected in zip(arguments, kept, strict=True):
        if isinstance(got, np.ndarray):
            np.testing.assert_array_equal(got, expected)
    layer(X, np.eye(4))  # still works
    assert helpers.state(layer)[2] == 1


@pytest.mark.parametrize("convert", [helpers.tensors, lambda data: data])
def test_tensors_are_refused_as_arrays_are(convert):
    layer = MixUp(num_classes=3, seed=1)
    for x, y, message in [
        (X, np.array([0, 1, 2, 9]), "class indices from 0 to 2"),
        (X, np.eye(3), "as many rows"),
        (np.ones((4, 7), "int32"), np.eye(4), "after the embedding"),
    ]:
        with pytest.raises(ValueError, match=message):
            layer(*convert((x, y)))
    assert helpers.state(layer)[2] == 0


@pytest.mark.parametrize(
    "step", [-1, 1.5, "a", True, np.array([1, 2]), np.float32(2), 2**31]
)
def test_steps(step):
    layer = MixUp(seed=1)
    with pytest.raises(ValueError, match="`step`") as error:
        layer(X, np.eye(4), step=step)
    helpers.assert_three_parts(error)


def test_labels_that_same_class_pairing_cannot_read():
    layer = MixUp(pairing="same_class", seed=1)
    for y in (None, np.ones(4), np.ones((4, 3, 3))):
        with pytest.raises(ValueError, match="same_class"):
            layer(X, y)
    assert helpers.state(layer)[2] == 0


def test_a_callable_pairing_that_returns_something_else():
    for partners in (np.zeros(4), np.zeros(3, int), [0, 1, 2, 3]):
        layer = MixUp(pairing=lambda x, y, seed, result=partners: result, seed=1)
        with pytest.raises(ValueError, match="one row number for each row"):
            layer(X, np.eye(4))


@pytest.mark.parametrize(
    "transformation",
    [
        {},
        [],
        {"partner": np.zeros(4, int)},
        {"partner": np.zeros(3, int), "coefficients": np.ones((4, 1))},
        {"partner": np.zeros(4, int), "coefficients": np.ones((4, 2))},
    ],
)
def test_transformations_that_do_not_fit(transformation):
    with pytest.raises(ValueError, match="transformation, entry"):
        MixUp().apply((X, np.eye(4)), transformation)


@pytest.mark.skipif(helpers.backend() != "jax", reason="only JAX traces purely")
def test_jit_without_step():
    import jax

    layer = MixUp(seed=1)
    with pytest.raises(ValueError, match="step") as error:
        jax.jit(lambda x: layer(x))(X)
    helpers.assert_three_parts(error)
    with pytest.raises(ValueError, match="step"):
        jax.jit(lambda x: layer(helpers.tensors(x)))(X)
    assert helpers.state(layer) == [1, 0, 0]


def test_unbatched_elements_of_a_dataset():
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensor_slices((X, Y))
    with pytest.raises(ValueError, match="axis 0 counts the rows"):
        dataset.map(MixUp(num_classes=3))


@pytest.mark.parametrize("key", ["y", "target", "targets", "classes"])
@pytest.mark.parametrize("dtype", ["uint8", "int64"])
def test_labels_under_another_key_are_offered_the_right_one(key, dtype):
    layer = MixUp(num_classes=3)
    with pytest.raises(ValueError, match='"labels"') as error:
        layer({"x": np.ones((4, 2)), key: np.zeros(4, dtype)})
    helpers.assert_three_parts(error)
    # Coordinates, and what stands beside real labels, are inputs.
    MixUp()({"x": np.ones((4, 2)), key: np.zeros(4)})
    layer(
        {
            "x": np.ones((4, 2)),
            key: np.zeros((4, 1), "uint8"),
            "labels": np.eye(4)[:, :3],
        }
    )


@pytest.mark.parametrize("key", ["y", "target", "mask", "masks", "segmentation"])
@pytest.mark.parametrize("layer", [MixUp(), MixUp(num_classes=3), CutMix()])
def test_masks_under_another_key_are_offered_the_right_one(key, layer):
    images, masks = np.ones((4, 6, 5, 3)), np.zeros((4, 6, 5), "uint8")
    with pytest.raises(ValueError, match='"segmentation_masks"') as error:
        layer({"images": images, key: masks})
    helpers.assert_three_parts(error)
    # A mask of tokens is an input that stays as it is.
    tokens = {"x": np.ones((4, 6, 5)), "mask": np.ones((4, 6), "int32")}
    MixUp(unmixed=["mask"])(tokens)


@pytest.mark.parametrize("masks", [(3, 5), (3, 5, 1), (3, 5, 4)])
def test_masks_of_another_size_are_refused_in_any_form(masks):
    images, layer = np.ones((4, 6, 10, 3)), CutMix(1.0, num_classes=4)
    masks = np.zeros((4, *masks), "float32" if masks[-1] == 4 else "int32")
    for batch in (
        (images, masks),
        {"images": images, "labels": masks},
        {"images": images, "segmentation_masks": masks},
    ):
        with pytest.raises(ValueError, match=r"one height and width") as error:
            layer(batch)
        helpers.assert_three_parts(error)
    # MixUp averages each place of a row with that of its partner.
    assert MixUp(1.0, num_classes=4)(images, masks)[1].shape == (4, 3, 5, 4)


@pytest.mark.skipif(helpers.backend() != "jax", reason="JAX has keys")
def test_a_random_key_is_no_step():
    import jax

    for key in (jax.random.key(0), jax.random.PRNGKey(0)):
        with pytest.raises(ValueError, match="step") as error:
            MixUp()(np.ones((4, 2)), step=key)
        helpers.assert_three_parts(error)

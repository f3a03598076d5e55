"""The sparse loss with label smoothing against NumPy and Keras' losses."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_multimix.losses import SparseCategoricalCrossentropy
from tests import helpers

C = 4
REDUCTIONS = ["sum", "sum_over_batch_size", "mean", "mean_with_sample_weight", None]


def places(rng, shape):
    """Class indices of a shape and logits with the classes last."""
    y = rng.integers(0, C, shape)
    return y, rng.normal(size=(*shape, C)).astype("float32") * 2


def softmax(z):
    p = np.exp(z - z.max(axis=-1, keepdims=True))
    return p / p.sum(axis=-1, keepdims=True)


def oracle(y, z, smoothing):
    """The loss of each place, in float64."""
    logarithms = np.log(softmax(z.astype("float64")))
    target = (1 - smoothing) * np.eye(C)[y] + smoothing / C
    return -(target * logarithms).sum(axis=-1)


def value(loss, *arguments):
    return helpers.in_numpy(loss(*arguments))


# Values -------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(6,), (5, 3), (2, 4, 3)])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
@pytest.mark.parametrize("from_logits", [True, False])
def test_every_rank_and_form_of_labels(rng, shape, smoothing, from_logits):
    y, z = places(rng, shape)
    expected = oracle(y, z, smoothing)
    given = z if from_logits else softmax(z)
    loss = SparseCategoricalCrossentropy(from_logits, smoothing, reduction=None)
    for labels in (y, y.astype("uint8"), y.astype("float32"), y[..., None]):
        np.testing.assert_allclose(value(loss, labels, given), expected, rtol=2e-5)
    theirs = keras.losses.CategoricalCrossentropy(from_logits, smoothing)
    ours = SparseCategoricalCrossentropy(from_logits, smoothing)
    np.testing.assert_allclose(
        value(ours, y, given), value(theirs, np.eye(C)[y], given), rtol=1e-5
    )


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("axis", [1, -3])
def test_channels_first(rng, from_logits, axis):
    y, z = places(rng, (2, 5, 3))
    expected = oracle(y, z, 0.1)
    given = np.moveaxis(z if from_logits else softmax(z), -1, 1)
    loss = SparseCategoricalCrossentropy(from_logits, 0.1, axis=axis, reduction=None)
    for labels in (y, y[:, None], y[..., None]):
        np.testing.assert_allclose(value(loss, labels, given), expected, rtol=2e-5)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
def test_reductions_and_weights_are_those_of_keras(rng, reduction, weighted):
    y, z = places(rng, (6, 3))
    weights = [rng.uniform(0, 2, (6, 3)).astype("float32")] if weighted else []
    ours = SparseCategoricalCrossentropy(True, 0.2, reduction=reduction)
    theirs = keras.losses.CategoricalCrossentropy(True, 0.2, reduction=reduction)
    np.testing.assert_allclose(
        value(ours, y, z, *weights), value(theirs, np.eye(C)[y], z, *weights), rtol=1e-5
    )


def test_probabilities_that_round_to_0_and_do_not_sum_to_1(rng):
    y, z = places(rng, (8,))
    p = np.float32(3) * softmax(z * 40)
    ours = SparseCategoricalCrossentropy(label_smoothing=0.1, reduction=None)
    theirs = keras.losses.CategoricalCrossentropy(label_smoothing=0.1, reduction=None)
    assert (p == 0).any()
    np.testing.assert_allclose(
        value(ours, y, p), value(theirs, np.eye(C)[y], p), rtol=1e-5
    )


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_other_dtypes(rng, dtype):
    if dtype == "float64" and helpers.backend() == "jax":
        pytest.skip("JAX has no float64 by default")
    y, z = places(rng, (6,))
    # Without a reduction, because Keras' own gives float32 for float64 on PyTorch.
    loss = SparseCategoricalCrossentropy(True, 0.1, dtype=dtype, reduction=None)
    found = loss(y, z)
    assert keras.backend.standardize_dtype(found.dtype) == dtype
    tolerance = 1e-6 if dtype == "float64" else 2e-2
    found = helpers.in_numpy(ops.cast(found, "float32"))
    np.testing.assert_allclose(found, oracle(y, z, 0.1), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("how", helpers.compilations())
@pytest.mark.parametrize("arguments", [{}, {"ignore_class": 1}, {"axis": 1}])
@pytest.mark.parametrize("from_logits", [True, False])
def test_compiled_it_is_the_same(rng, how, arguments, from_logits):
    y, z = places(rng, (3, 4, 2))
    given = z if from_logits else softmax(z)
    given = np.moveaxis(given, -1, arguments.get("axis", -1))
    loss = SparseCategoricalCrossentropy(from_logits, 0.1, **arguments)
    found = helpers.compiled(loss, how)(*helpers.tensors((y, given)))
    counted = y != arguments.get("ignore_class")
    expected = oracle(y, z, 0.1)[counted].mean()
    assert float(found) == pytest.approx(expected, rel=1e-5)


# In a model ---------------------------------------------------------------------


def trained(loss, x, y, ending=None, jit_compile=False, scale=1.0):
    """What a step reports and what it makes of the weights."""
    layers = [keras.Input(x.shape[1:]), keras.layers.Dense(C, ending)]
    model = keras.Sequential(layers)
    kernel = np.random.default_rng(5).normal(size=(x.shape[-1], C)) * scale
    model.set_weights([kernel, np.zeros(C)])
    model.compile(keras.optimizers.SGD(0.5), loss, jit_compile=jit_compile)
    history = model.fit(x, y, batch_size=len(x), epochs=2, verbose=0).history
    return history["loss"], model.get_weights()


def assert_same_training(first, second):
    for ours, theirs in zip(first, second, strict=True):
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("ending", [None, "softmax"])
@pytest.mark.parametrize("scale", [1.0, 60.0])
def test_it_trains_as_one_hot_labels_do(rng, jit_compile, ending, scale):
    """Also where a softmax rounds to 0, of which TensorFlow knows the logits."""
    if helpers.backend() == "torch" and jit_compile:
        pytest.skip("generating C++ code takes minutes")
    x, y = rng.normal(size=(12, 3)).astype("float32"), rng.integers(0, C, 12)
    from_logits = ending is None
    runs = [
        trained(loss, x, labels, ending, jit_compile, scale)
        for loss, labels in (
            (SparseCategoricalCrossentropy(from_logits, 0.1), y),
            (keras.losses.CategoricalCrossentropy(from_logits, 0.1), np.eye(C)[y]),
        )
    ]
    assert runs[0][0][0] != runs[0][0][1]
    assert_same_training(*runs)


@pytest.mark.parametrize("with_ignored", [False, True])
def test_padded_steps_do_not_count(rng, with_ignored):
    tokens = rng.integers(1, 5, (4, 6))
    tokens[:, 4:] = 0
    y = rng.integers(0, C, (4, 6))
    if with_ignored:
        y[1:3, :2] = 0

    def evaluated(loss):
        keras.utils.set_random_seed(3)
        embedding = keras.layers.Embedding(5, C, mask_zero=True)
        model = keras.Sequential([keras.Input((6,), dtype="int32"), embedding])
        model.compile(loss=loss)
        return model.evaluate(tokens, y, verbose=0)

    ignore = 0 if with_ignored else None
    theirs = keras.losses.SparseCategoricalCrossentropy(True, ignore_class=ignore)
    ours = SparseCategoricalCrossentropy(True, ignore_class=ignore)
    assert evaluated(ours) == pytest.approx(evaluated(theirs), rel=1e-5)


# Places without a class -----------------------------------------------------------


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ignore_class", [255, -1, 2])
def test_the_mean_over_other_places_is_that_of_keras(
    rng, reduction, weighted, ignore_class
):
    y, z = places(rng, (4, 3, 2))
    y[0, :2] = y[3, 1] = ignore_class
    weights = [rng.uniform(0, 2, y.shape).astype("float32")] if weighted else []
    options = {"ignore_class": ignore_class, "reduction": reduction}
    ours = SparseCategoricalCrossentropy(True, **options)
    theirs = keras.losses.SparseCategoricalCrossentropy(True, **options)
    for labels in (y, y[..., None]):
        np.testing.assert_allclose(
            value(ours, labels, z, *weights), value(theirs, y, z, *weights), rtol=1e-5
        )


def test_smoothing_leaves_them_out_too(rng):
    y, z = places(rng, (4, 3))
    void = rng.random((4, 3)) < 0.4
    expected = np.where(void, 0, oracle(y, z, 0.3))
    y[void], z[void] = 255, np.nan
    for reduction, result in (
        (None, expected * 12 / (~void).sum()),
        ("sum", expected.sum()),
        ("mean", expected[~void].mean()),
    ):
        loss = SparseCategoricalCrossentropy(
            True, 0.3, ignore_class=255, reduction=reduction
        )
        if reduction is None:
            found = helpers.in_numpy(loss.call(*helpers.tensors((y, z))))
            np.testing.assert_allclose(found, expected, rtol=1e-5)
        else:
            assert float(loss(y, z)) == pytest.approx(result, rel=1e-5)


@pytest.mark.parametrize("from_logits", [True, False])
def test_rows_without_a_class_move_nothing(rng, from_logits):
    x, y = rng.normal(size=(6, 3)).astype("float32"), rng.integers(0, C, 6)
    y[2:4] = 255
    ending = None if from_logits else "softmax"
    loss = SparseCategoricalCrossentropy(from_logits, 0.1, ignore_class=255)
    rest = np.delete(x, [2, 3], axis=0), np.delete(y, [2, 3])
    runs = [trained(loss, *each, ending) for each in ((x, y), rest)]
    assert_same_training(*runs)
    losses, weights = trained(loss, x, np.full(6, 255), ending)
    assert losses == [0, 0]
    for each, before in zip(weights, trained(loss, x[:1], y[2:3])[1], strict=True):
        np.testing.assert_array_equal(each, before)


# What is refused --------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        *({"label_smoothing": v} for v in (-0.1, 1, 1.5, np.nan, True, "0.1", None)),
        *({"from_logits": v} for v in (1, None)),
        *({"ignore_class": v} for v in (1.5, True, "255")),
        *({"axis": v} for v in (1.0, None, False)),
    ],
)
def test_bad_arguments(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))) as error:
        SparseCategoricalCrossentropy(**arguments)
    helpers.assert_three_parts(error)


SCORES = np.zeros((2, 3, C), "float32")


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        (np.zeros((2, 2)), SCORES, r"of shape \(2, 3\)"),
        (np.zeros((2, 3, C)), SCORES, "CategoricalCrossentropy`"),
        (np.zeros((2,)), SCORES, r"of shape \(2, 3\)"),
        (np.zeros((2, 3)), SCORES[..., :1], "two or more classes"),
        (np.full((2, 3), C), SCORES, "from 0 to 3"),
        (np.full((2, 3), -1), SCORES, "from 0 to 3"),
        (np.full((2, 3), 0.5), SCORES, "whole numbers"),
        (np.full((2, 3), np.nan), SCORES, "whole numbers"),
    ],
)
def test_bad_input(labels, scores, message):
    with pytest.raises(ValueError, match=message) as error:
        SparseCategoricalCrossentropy(True)(labels, scores)
    helpers.assert_three_parts(error)


def test_an_axis_that_is_not_there():
    with pytest.raises(ValueError, match="on axis 3") as error:
        SparseCategoricalCrossentropy(True, axis=3)(np.zeros((2, 3)), SCORES)
    helpers.assert_three_parts(error)


def test_a_dtype_that_cannot_tell_the_classes():
    scores = np.zeros((1, 300), "float32")
    with pytest.raises(ValueError, match="up to 299 are exact") as error:
        SparseCategoricalCrossentropy(True, dtype="bfloat16")(np.array([1]), scores)
    helpers.assert_three_parts(error)
    loss = SparseCategoricalCrossentropy(True, dtype="float16")
    assert float(loss(np.array([1]), scores)) == pytest.approx(np.log(300), rel=1e-3)


@pytest.mark.skipif(helpers.backend() == "torch", reason="PyTorch reads and refuses")
def test_a_label_of_no_class_shows_in_a_compiled_graph_and_moves_nothing(rng):
    x, y = rng.normal(size=(6, 3)).astype("float32"), rng.integers(0, C, 6)
    loss = SparseCategoricalCrossentropy(True, 0.1, reduction="sum")
    options = {"jit_compile": True}  # without it, JAX computes eagerly
    losses, weights = trained(loss, x, np.where(np.arange(6) == 2, C, y), **options)
    assert np.isnan(losses).all()
    _, expected = trained(loss, np.delete(x, 2, axis=0), np.delete(y, 2), **options)
    for each, other in zip(weights, expected, strict=True):
        np.testing.assert_allclose(each, other, rtol=1e-4, atol=1e-5)


# Files ------------------------------------------------------------------------------


def test_it_is_saved_with_the_model(rng, tmp_path):
    y, z = places(rng, (6,))
    loss = SparseCategoricalCrossentropy(
        True, np.float32(0.25), ignore_class=np.int64(2), reduction="sum", name="smooth"
    )
    model = keras.Sequential([keras.Input((C,)), keras.layers.Activation("linear")])
    model.compile(loss=loss)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded.loss) is SparseCategoricalCrossentropy
    assert (
        loaded.loss.get_config()
        == loss.get_config()
        == {
            "name": "smooth",
            "reduction": "sum",
            "from_logits": True,
            "label_smoothing": 0.25,
            "ignore_class": 2,
            "axis": -1,
            "dtype": "float32",
        }
    )
    expected = model.evaluate(z, y, verbose=0)
    assert loaded.evaluate(z, y, verbose=0) == pytest.approx(expected, rel=1e-6)
    copy = SparseCategoricalCrossentropy.from_config(loss.get_config())
    assert float(copy(y, z)) == float(loss(y, ops.convert_to_tensor(z)))

"""Temperature scaling against a grid search in NumPy, for every ending of a model."""

import keras
import numpy as np
import pytest

from keras_multimix.evaluation import calibrate
from tests import helpers
from tests.evaluation import nets
from tests.evaluation.calibration import (
    WITH_SIGMOID,
    WITH_SOFTMAX,
    C,
    identity,
    nll,
    on_grid,
    quiet,
    sample,
    softmax,
)


def in_two_classes(z, y):
    z, y = np.float64(z), np.float64(y)
    return np.stack([0 * z, z], axis=-1), np.stack([1 - y, y], axis=-1)


# The temperature ----------------------------------------------------------------


@pytest.mark.parametrize("ending", [*WITH_SOFTMAX, "logits", "log-softmax"])
def test_every_ending(rng, ending):
    z, y = sample(rng, (150,), scale=2.5)
    model = identity(ending)
    config, outputs = model.get_config(), model.predict(z, verbose=0)
    calibrated, temperature = calibrate(model, z, y, batch_size=64, **quiet)
    assert type(temperature) is float
    assert temperature == pytest.approx(on_grid(z, np.eye(C)[y]), rel=4e-4)
    found = calibrated.predict(z, verbose=0)
    if ending in WITH_SOFTMAX:
        np.testing.assert_allclose(found, softmax(z / temperature), atol=1e-6)
    else:
        np.testing.assert_allclose(softmax(found), softmax(z / temperature), atol=1e-6)
    np.testing.assert_array_equal(found.argmax(axis=1), z.argmax(axis=1))
    target = np.eye(C)[y]
    assert nll(z, target, temperature) < nll(z, target, 1.0)
    assert model.get_config() == config
    np.testing.assert_array_equal(model.predict(z, verbose=0), outputs)


@pytest.mark.parametrize("factor", [0.02, 0.5, 1.0, 7.0, 300.0])
def test_a_factor_of_the_logits_is_found_again(rng, factor):
    z, y = sample(rng, (200,))
    _, plain = calibrate(identity("logits"), z, y, **quiet)
    _, scaled = calibrate(
        identity("softmax layer"), (z * factor).astype("float32"), y, **quiet
    )
    assert scaled == pytest.approx(plain * factor, rel=1e-5)


def test_probabilities_that_round_to_0_and_1_are_no_hindrance(rng):
    z, y = sample(rng, (200,), scale=100.0)
    model = identity("dense softmax")
    assert (model.predict(z, verbose=0) == 0).mean() > 0.3
    calibrated, temperature = calibrate(model, z, y, **quiet)
    assert temperature == pytest.approx(on_grid(z, np.eye(C)[y]), rel=4e-4)
    found = calibrated.predict(z, verbose=0)
    np.testing.assert_allclose(found, softmax(z / temperature), atol=1e-5)


def test_labels_in_every_form(rng):
    z, y = sample(rng, (60,))
    model = identity("softmax layer")
    _, expected = calibrate(model, z, y, **quiet)
    one_hot = np.eye(C, dtype="float32")[y]
    for labels in (y[:, None], y.astype("float32"), y.tolist(), one_hot):
        assert calibrate(model, z, labels, **quiet)[1] == pytest.approx(expected)
    rows = helpers.tensors((z, y))
    assert calibrate(model, *rows, **quiet)[1] == pytest.approx(expected)
    soft = 0.8 * one_hot + 0.2 / C
    _, temperature = calibrate(model, z, soft, **quiet)
    assert temperature == pytest.approx(on_grid(z, soft), rel=4e-4)
    assert temperature > expected * 1.1


@pytest.mark.parametrize("ending", [*WITH_SIGMOID, "logits"])
def test_one_score_of_two_classes(rng, ending):
    pairs, y = sample(rng, (150,), classes=2, scale=3.0)
    z = (pairs[:, 1:] - pairs[:, :1]).astype("float32")
    model = identity(ending, units=1)
    calibrated, temperature = calibrate(model, z, y, **quiet)
    expected = on_grid(*in_two_classes(z[:, 0], y))
    assert temperature == pytest.approx(expected, rel=4e-4)
    found = calibrated.predict(z, verbose=0)
    wanted = z / temperature if ending == "logits" else 1 / (1 + np.exp(-z / expected))
    np.testing.assert_allclose(found, wanted, rtol=1e-3)
    for labels in (y[:, None], y.astype(bool), y.astype("float32"), np.eye(2)[y]):
        again = calibrate(model, z, labels, **quiet)[1]
        assert again == pytest.approx(temperature)
    soft = 0.1 + 0.8 * y
    expected = on_grid(*in_two_classes(z[:, 0], soft))
    assert calibrate(model, z, soft, **quiet)[1] == pytest.approx(expected, rel=4e-4)


def test_several_labels_a_row(rng):
    z = rng.normal(size=(80, 3)).astype("float32") * 4
    y = (rng.random(z.shape) < 1 / (1 + np.exp(-z / 2))).astype("int32")
    calibrated, temperature = calibrate(identity("dense sigmoid", 3), z, y, **quiet)
    two, target = in_two_classes(z.reshape(-1), y.reshape(-1))
    assert temperature == pytest.approx(on_grid(two, target), rel=4e-4)
    found = calibrated.predict(z, verbose=0)
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-z / temperature)), rtol=1e-4)


@pytest.mark.parametrize("labels", ["indices", "an axis of 1", "one-hot"])
def test_a_class_for_each_pixel(rng, labels):
    z, y = sample(rng, (5, 4, 3), scale=2.0)
    inputs = keras.Input((None, None, C))
    conv = keras.layers.Conv2D(C, 1, activation="softmax")
    model = keras.Model(inputs, conv(inputs))
    conv.set_weights([np.eye(C)[None, None], np.zeros(C)])
    given = {"indices": y, "an axis of 1": y[..., None], "one-hot": np.eye(C)[y]}
    calibrated, temperature = calibrate(model, z, given[labels], **quiet)
    assert temperature == pytest.approx(on_grid(z, np.eye(C)[y]), rel=4e-4)
    found = calibrated.predict(z, verbose=0)
    np.testing.assert_allclose(found, softmax(z / temperature), atol=1e-6)
    assert calibrated.output_shape == (None, None, None, C)


# What is refused ----------------------------------------------------------------


X, Y = nets.rows(count=20)


def two_outputs():
    inputs = keras.Input((6,))
    return keras.Model(inputs, [keras.layers.Dense(C)(inputs)] * 2)


def softmax_of_channels_first():
    inputs = keras.Input((C, 3))
    return keras.Model(inputs, keras.layers.Softmax(axis=1)(inputs))


def softmax_of_one():
    inputs = keras.Input((6,))
    one = keras.layers.Dense(1, "softmax")(inputs)
    return keras.Model(inputs, one)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": "model"}, "a keras.Model"),
        ({"model": two_outputs}, "one output"),
        ({"model": lambda: nets.Subclassed(nets.dense())}, "returns its logits"),
        ({"model": softmax_of_one}, "2 classes or more"),
        (
            {"model": softmax_of_channels_first, "x": np.zeros((20, C, 3), "float32")},
            "over the last axis",
        ),
        ({"x": None}, "argument `x`"),
        ({"x": X[:10]}, "same number of rows"),
        ({"x": X[:0], "y": Y[:0]}, "1 or more"),
        ({"y": Y[:10]}, "same number of rows"),
        ({"y": np.array(["a"] * 20)}, "argument `y`"),
        ({"y": Y + 1}, "whole numbers from 0 to 3"),
        ({"y": Y * 0 + 2}, "two classes or more"),
        ({"y": np.eye(C)[Y * 0]}, "two classes or more"),
        ({"x": X[:3], "y": Y[:3]}, "4 labels or more"),
        ({"y": np.eye(C)[Y] * 2}, "sum to 1"),
        ({"y": np.eye(3)[Y % 3]}, "labels of shape"),
        ({"x": np.where(X > 0.9, np.nan, X)}, "NaN or infinity"),
        ({"batch_size": 0}, "argument `batch_size`"),
        ({"verbose": 2}, "argument `verbose`"),
    ],
)
def test_bad_input(arguments, message):
    given = {"model": nets.dense, "x": X, "y": Y, "verbose": False} | arguments
    if callable(given["model"]):
        given["model"] = given["model"]()
    with pytest.raises(ValueError, match=message) as error:
        calibrate(**given)
    helpers.assert_three_parts(error)


@pytest.mark.parametrize("labels", [Y, np.full(20, 0.5) * 3, np.full(20, np.nan)])
def test_bad_labels_of_one_score(labels):
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1, "sigmoid")])
    with pytest.raises(ValueError, match="numbers from 0 to 1") as error:
        calibrate(model, X, labels, **quiet)
    helpers.assert_three_parts(error)
    with pytest.raises(ValueError, match="two classes or more") as error:
        calibrate(model, X, np.ones(20), **quiet)
    helpers.assert_three_parts(error)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_rows_that_are_all_right_have_no_temperature(rng, scale):
    z = (scale * rng.normal(size=(50, C))).astype("float32")
    with pytest.raises(ValueError, match="right everywhere") as error:
        calibrate(identity("softmax layer"), z, z.argmax(axis=1), **quiet)
    helpers.assert_three_parts(error)
    assert "not trained on" in str(error.value)


def test_scores_that_say_nothing_have_no_temperature(rng):
    z = rng.normal(size=(50, C)).astype("float32")
    for scores, y in ((z, z.argmin(axis=1)), (z * 0, z.argmin(axis=1))):
        with pytest.raises(ValueError, match="say nothing about the labels") as error:
            calibrate(identity("logits"), scores, y, **quiet)
        helpers.assert_three_parts(error)

"""Temperature scaling against a grid search in NumPy, for every ending of a model."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

from keras_multimix import MixUp, MixupModel
from keras_multimix.evaluation import calibrate
from tests import helpers
from tests.evaluation import nets

C = 4
quiet = {"verbose": False}


def sample(rng, shape, classes=C, scale=1.0):
    """Logits, and labels drawn from the softmax of them divided by `scale`: T ≈ it."""
    z = 2 * rng.normal(size=(*shape, classes))
    p = softmax(z)
    y = (p.cumsum(axis=-1) < rng.random((*shape, 1))).sum(axis=-1)
    return (scale * z).astype("float32"), np.minimum(y, classes - 1)


def softmax(z):
    p = np.exp(z - z.max(axis=-1, keepdims=True))
    return p / p.sum(axis=-1, keepdims=True)


def nll(z, target, temperature):
    z = np.float64(z) / temperature
    z = z - z.max(axis=-1, keepdims=True)
    logarithms = z - np.log(np.exp(z).sum(axis=-1, keepdims=True))
    return -(target * logarithms).sum(axis=-1).mean()


def on_grid(z, target):
    """The best temperature from 0.001 to 1000, to 0.02 %, of a grid and a finer one."""
    low, high = np.log([1e-3, 1e3])
    for _ in range(2):
        grid = np.linspace(low, high, 500)
        best = np.argmin([nll(z, target, t) for t in np.exp(grid)])
        low, high = grid[best - 1], grid[best + 1]
    return np.exp(grid[best])


def in_two_classes(z, y):
    z, y = np.float64(z), np.float64(y)
    return np.stack([0 * z, z], axis=-1), np.stack([1 - y, y], axis=-1)


def rows_for(model, x=None):
    """Inputs, and labels that a model gets right half of the time."""
    x = nets.rows(count=60)[0] if x is None else x
    y = model.predict(x, verbose=0).argmax(axis=-1)
    y[::2] = np.arange(len(y[::2])) % C
    return x, y


def identity(ending, units=C, dtype=None):
    """A model whose logits are its inputs, up to an ending."""
    own = ending in ("dense softmax", "dense sigmoid")
    inputs = keras.Input((units,))
    dense = keras.layers.Dense(
        units, ending.split()[1] if own else None, kernel_initializer="identity"
    )
    return keras.Model(inputs, ENDINGS[ending](dense(inputs)))


ENDINGS = {
    "logits": lambda z: z,
    "dense softmax": lambda z: z,
    "dense sigmoid": lambda z: z,
    "softmax layer": lambda z: keras.layers.Softmax()(z),
    "softmax of axis 1": lambda z: keras.layers.Softmax(axis=1)(z),
    "activation layer": lambda z: keras.layers.Activation("softmax")(z),
    "softmax of keras.ops": lambda z: ops.softmax(z),
    "softmax, then float32": lambda z: keras.layers.Activation("linear")(
        keras.layers.Dropout(0.1)(keras.layers.Activation("softmax")(z))
    ),
    "sigmoid layer": lambda z: keras.layers.Activation("sigmoid")(z),
    "sigmoid of keras.ops": lambda z: ops.sigmoid(z),
    "log-softmax": lambda z: ops.log_softmax(z),
}
WITH_SOFTMAX = [name for name in ENDINGS if "softmax" in name and "log" not in name]
WITH_SIGMOID = [name for name in ENDINGS if "sigmoid" in name]


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


# Models -------------------------------------------------------------------------


def nested(rng):
    """A backbone and, as a model of its own, a head of two inputs; a dict goes in."""
    image, extra = keras.Input((6,), name="image"), keras.Input((2,), name="extra")
    backbone = keras.Sequential([keras.Input((6,)), keras.layers.Dense(5, "tanh")])
    parts = [keras.Input((5,)), keras.Input((2,))]
    joined = keras.layers.Concatenate()(parts)
    head = keras.Model(parts, keras.layers.Dense(C, "softmax")(joined), name="head")
    model = keras.Model(
        {"image": image, "extra": extra}, head([backbone(image), extra])
    )
    x = {
        "image": rng.normal(size=(80, 6)).astype("float32"),
        "extra": rng.normal(size=(80, 2)).astype("float32"),
    }
    return nets.with_weights(model, scale=2.0), x


def test_nested_models_and_several_inputs(rng):
    model, x = nested(rng)
    outputs = model.predict(x, verbose=0)
    z = np.log(outputs.astype("float64"))
    _, y = rows_for(model, x)
    calibrated, temperature = calibrate(model, x, y, **quiet)
    assert temperature == pytest.approx(on_grid(z, np.eye(C)[y]), rel=1e-3)
    found = calibrated.predict(x, verbose=0)
    np.testing.assert_allclose(found, softmax(z / temperature), atol=1e-4)
    np.testing.assert_array_equal(model.predict(x, verbose=0), outputs)


def sequences():
    dense = keras.layers.Dense
    return {
        "an activation": [dense(C, "softmax")],
        "a softmax layer": [dense(C), keras.layers.Softmax()],
        "logits": [dense(8, "tanh"), dense(C)],
        "a model": [
            dense(8, "tanh"),
            keras.Sequential([keras.Input((8,)), dense(C, "softmax")]),
        ],
    }


@pytest.mark.parametrize("name", sequences())
@pytest.mark.parametrize("built", [True, False])
def test_sequences(name, built):
    def make():
        keras.utils.set_random_seed(4)
        return keras.Sequential(sequences()[name])

    model, twin = make(), make()
    x, y = rows_for(twin)
    if built:
        model.build((None, 6))
    calibrated, temperature = calibrate(model, x, y, batch_size=16, **quiet)
    scores = np.float64(model.predict(x, verbose=0))
    z = scores if name == "logits" else np.log(scores)
    assert temperature == pytest.approx(on_grid(z, np.eye(C)[y]), rel=1e-3)
    found = calibrated.predict(x, verbose=0)
    found = softmax(found) if name == "logits" else found
    np.testing.assert_allclose(found, softmax(z / temperature), atol=1e-5)


class OfLogits(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(C)

    def call(self, x):
        return self.dense(x)


def test_a_subclassed_model_of_logits():
    model = OfLogits()
    x, y = rows_for(model)
    calibrated, temperature = calibrate(model, x, y, **quiet)
    z = model.predict(x, verbose=0)
    assert temperature == pytest.approx(on_grid(z, np.eye(C)[y]), rel=1e-3)
    np.testing.assert_allclose(
        calibrated.predict(x, verbose=0), z / temperature, rtol=1e-4, atol=1e-6
    )


def test_the_base_of_a_mixup_model_and_mixing_afterwards():
    base = nets.dense("dense softmax")
    x, y = rows_for(base)
    mixup = MixupModel(base, MixUp(0.4, seed=1), mix_at=["input", base.layers[1].name])
    calibrated, temperature = calibrate(mixup, x, y, **quiet)
    assert type(calibrated).__module__.startswith("keras.")
    assert calibrate(base, x, y, **quiet)[1] == temperature
    mixup.compile("sgd", "sparse_categorical_crossentropy")
    assert np.isfinite(mixup.fit(x, y, verbose=0).history["loss"]).all()
    again = MixupModel(base, MixUp(0.4), mix_at=[base.layers[1].name])
    assert again.mix_at == (base.layers[1].name,)


def test_which_weights_are_shared():
    for ending in ("softmax layer", "dense softmax"):
        model = nets.dense(ending)
        x, y = rows_for(model)
        before = [np.array(w) for w in model.get_weights()]
        calibrated, _ = calibrate(model, x, y, **quiet)
        assert calibrated.weights[0] is model.weights[0]
        shared = ending == "softmax layer"
        assert (calibrated.weights[2] is model.weights[2]) == shared
        for ours, theirs in zip(calibrated.get_weights(), before, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_calibrating_twice_changes_nothing(rng):
    z, y = sample(rng, (100,), scale=3.0)
    once, first = calibrate(identity("softmax layer"), z, y, **quiet)
    twice, second = calibrate(once, z, y, **quiet)
    assert first > 2 and second == pytest.approx(1.0, rel=1e-4)
    names = [layer.name for layer in twice.layers]
    assert len(set(names)) == len(names)
    found = [model.predict(z, verbose=0) for model in (once, twice)]
    np.testing.assert_allclose(*found, rtol=1e-3)


@pytest.mark.parametrize("half", ["float16", "bfloat16"])
@pytest.mark.parametrize("ending", ["dense softmax", "softmax layer", "logits"])
def test_mixed_precision(rng, dtype_policy, half, ending):
    z, y = sample(rng, (100,), scale=3.0)
    dtype_policy(f"mixed_{half}")
    model = identity(ending)
    calibrated, temperature = calibrate(model, z, y, **quiet)
    assert temperature == pytest.approx(on_grid(z, np.eye(C)[y]), rel=2e-2)
    found = calibrated.predict(z, verbose=0)
    assert found.dtype == "float32"
    if ending != "logits":
        np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)


# Files --------------------------------------------------------------------------


def test_they_are_saved_without_a_trace(rng, tmp_path):
    for name, (model, x) in {
        "flat": (nets.dense("dense softmax"), None),
        "nested": nested(rng),
    }.items():
        x, y = rows_for(model, x)
        calibrated, _ = calibrate(model, x, y, **quiet)
        calibrated.save(tmp_path / f"{name}.keras")
        given = x if isinstance(x, dict) else {"x": x}
        expected = calibrated.predict(x, verbose=0)
        np.savez(tmp_path / f"{name}.npz", expected=expected, **given)
    program = f"""
import pathlib, sys
sys.modules["keras_multimix"] = None  # an import of it fails
import keras, numpy as np
folder = pathlib.Path({str(tmp_path)!r})
for name in ("flat", "nested"):
    x = dict(np.load(folder / f"{{name}}.npz"))
    expected = x.pop("expected")
    model = keras.saving.load_model(folder / f"{{name}}.keras")
    got = model.predict(x.get("x", x), verbose=0)
    np.testing.assert_allclose(got, expected, atol=1e-5)
"""
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.filterwarnings("ignore:The `native_serialization`:DeprecationWarning")
def test_export(tmp_path):
    model = nets.dense("dense softmax")
    x, y = rows_for(model)
    calibrated, _ = calibrate(model, x, y, **quiet)
    expected = calibrated.predict(x, verbose=0)
    if helpers.backend() == "torch":
        torch = pytest.importorskip("torch")
        path = tmp_path / "calibrated.pt2"
        try:
            calibrated.export(path, format="torch", verbose=False)
        except ValueError:
            pytest.skip("Keras 3.12 exports no program of PyTorch")
        program = torch.export.load(path).module()
        # Keras traces one row there.
        found = program(torch.from_numpy(x[:1])).detach().numpy()
        expected = expected[:1]
    else:
        import tensorflow as tf

        calibrated.export(tmp_path, verbose=False)
        exported = tf.saved_model.load(tmp_path)
        found = exported.serve(tf.constant(x)).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)


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
        with pytest.raises(ValueError, match="say nothing of the labels") as error:
            calibrate(identity("logits"), scores, y, **quiet)
        helpers.assert_three_parts(error)

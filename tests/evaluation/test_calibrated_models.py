"""What models can be calibrated, what they share with the new one, and its files."""

import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_multimix import MixUp, MixupModel
from keras_multimix.evaluation import calibrate
from tests import helpers
from tests.evaluation import nets
from tests.evaluation.calibration import (
    C,
    identity,
    on_grid,
    quiet,
    rows_for,
    sample,
    softmax,
)

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


@pytest.mark.spread
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

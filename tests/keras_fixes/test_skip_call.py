"""Calls on PyTorch that leave Keras' own `__call__` out, and those that must not."""

import keras
import numpy as np
import pytest

from keras_multimix import MixUp
from keras_multimix.keras_fixes import skip_call

ON_TORCH = keras.backend.backend() == "torch"


def batch(rows=6):
    x = np.arange(rows * 4, dtype="float32").reshape(rows, 4)
    return keras.ops.convert_to_tensor(x), keras.ops.convert_to_tensor(x[:, :2])


class Around(keras.layers.Layer):
    """Calls a mixing layer as the hidden part of another, without `training`."""

    def __init__(self, mixer):
        super().__init__()
        self.mixer = mixer

    def call(self, x, training=False):
        return self.mixer(x)


@pytest.mark.parametrize("method", skip_call.PROTECTED_METHODS)
def test_keras_has_the_protected_methods(method):
    assert hasattr(keras.Layer, method)


def test_call_on_tensors_leaves_keras_out_on_torch_alone(monkeypatch):
    layer, seen = MixUp(seed=1), []
    through_keras = keras.Layer.__call__
    monkeypatch.setattr(
        keras.Layer,
        "__call__",
        lambda self, *a, **k: seen.append(self) or through_keras(self, *a, **k),
    )
    layer(*batch())
    assert bool(seen) != ON_TORCH


def test_both_ways_give_the_same(monkeypatch):
    direct = MixUp(alpha=1.0, seed=5)(*batch())
    monkeypatch.setattr(skip_call, "PROTECTED_METHODS", ("gone_from_keras",))
    through_keras = MixUp(alpha=1.0, seed=5)(*batch())
    for one, other in zip(direct, through_keras, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (one, other)))


def test_within_another_layer_its_training_counts():
    around, (x, _) = Around(MixUp(alpha=1.0, seed=2)), batch()
    left = keras.ops.convert_to_numpy(around(x, training=False))
    np.testing.assert_array_equal(left, keras.ops.convert_to_numpy(x))
    mixed = keras.ops.convert_to_numpy(around(x, training=True))
    assert (mixed != keras.ops.convert_to_numpy(x)).any()


def test_a_call_leaves_no_trace_in_the_next():
    mixer, (x, y) = MixUp(alpha=1.0, seed=2), batch()
    around = Around(mixer)
    mixer(x, y)
    left = keras.ops.convert_to_numpy(around(x, training=False))
    np.testing.assert_array_equal(left, keras.ops.convert_to_numpy(x))

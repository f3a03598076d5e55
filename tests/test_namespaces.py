"""The namespaces: the same functions, by the same names, with the same results."""

import keras
import numpy as np
import pytest
from keras import ops as keras_ops

from keras_multimix import namespaces

INTEGERS = np.array([[5, -3, 7], [0, 2**31 - 1, -(2**31)]], "int32")
FLOATS = np.array([[0.5, 2.25, 9.0], [1.0, 0.0, 4.0]], "float32")
# Name -> a call of the function of that name, on a namespace and a converter of arrays.
CALLS = {
    "arange": lambda f, t: f(5, dtype="int32"),
    "argmax": lambda f, t: f(t(FLOATS), axis=1),
    "argsort": lambda f, t: f(t(np.array([2, 1, 2, 1], "int32"))),
    "bitwise_and": lambda f, t: f(t(INTEGERS), 6),
    "bitwise_xor": lambda f, t: f(t(INTEGERS), t(INTEGERS[:1])),
    "broadcast_to": lambda f, t: f(t(FLOATS[:1]), (4, 3)),
    "cast": lambda f, t: f(t(FLOATS), "int32"),
    "concatenate": lambda f, t: f([t(FLOATS), t(FLOATS)], axis=1),
    "convert_to_tensor": lambda f, t: f(FLOATS),
    "copy": lambda f, t: f(t(FLOATS)),
    "cumsum": lambda f, t: f(t(FLOATS), axis=0),
    "equal": lambda f, t: f(t(INTEGERS), 5),
    "flip": lambda f, t: f(t(FLOATS), axis=0),
    "floor_divide": lambda f, t: f(t(INTEGERS), 4),
    "left_shift": lambda f, t: f(t(INTEGERS), 3),
    "map": lambda f, t: f(lambda row: row * 2, t(FLOATS)),
    "maximum": lambda f, t: f(t(FLOATS), 1.0),
    "min": lambda f, t: f(t(FLOATS), axis=1),
    "minimum": lambda f, t: f(t(FLOATS), 1.0),
    "mod": lambda f, t: f(t(np.array([-3, 5], "int32")), 4),
    "power": lambda f, t: f(t(FLOATS), 0.5),
    "repeat": lambda f, t: f(t(FLOATS), 2, axis=0),
    "reshape": lambda f, t: f(t(FLOATS), (3, -1)),
    "right_shift": lambda f, t: f(t(INTEGERS), 3),
    "shape": lambda f, t: np.array(f(t(FLOATS))),
    "sort": lambda f, t: f(t(FLOATS)),
    "sqrt": lambda f, t: f(t(FLOATS)),
    "sum": lambda f, t: f(t(FLOATS), axis=1),
    "take": lambda f, t: f(t(FLOATS), t(np.array([1, 0, 1], "int32")), axis=0),
    "where": lambda f, t: f(t(FLOATS) > 1, t(FLOATS), 0.0),
    "zeros_like": lambda f, t: f(t(FLOATS)),
}


def all_of(namespace):
    return set(vars(namespace)) - {"name"}


@pytest.mark.parametrize("name", sorted(CALLS))
def test_numpy_and_keras_agree(name):
    call = CALLS[name]
    ours = call(getattr(namespaces.numpy_ops, name), np.asarray)
    keras_own = call(getattr(keras_ops, name), keras_ops.convert_to_tensor)
    expected = keras_ops.convert_to_numpy(keras_own)
    np.testing.assert_array_equal(ours, expected)
    if name != "shape":
        assert isinstance(ours, np.ndarray)
        kinds = {np.dtype(ours.dtype).kind, np.dtype(expected.dtype).kind}
        assert len(kinds) == 1  # NumPy's integers may be wider


@pytest.mark.parametrize("name", sorted(CALLS))
def test_tensorflow_and_numpy_agree(name):
    tf = pytest.importorskip("tensorflow")
    call, ops = CALLS[name], namespaces.tensorflow_ops()
    if name not in all_of(ops):
        pytest.skip("no pipeline needs it")
    ours = np.asarray(call(getattr(ops, name), tf.constant))
    np.testing.assert_allclose(
        ours, call(getattr(namespaces.numpy_ops, name), np.asarray), rtol=1e-6
    )


def test_no_function_goes_untested():
    needed_nowhere_else = {"cos", "log"}  # of NumPy alone, where labels are near
    assert all_of(namespaces.numpy_ops) - set(CALLS) == needed_nowhere_else


def test_which_namespace_holds_arrays():
    arrays = [FLOATS, np.float32(1)]
    assert namespaces.namespace_of(arrays) is namespaces.numpy_ops
    tensor = keras_ops.convert_to_tensor(FLOATS)
    assert namespaces.namespace_of([FLOATS, tensor]) is keras_ops
    tf = pytest.importorskip("tensorflow")
    of_pipeline = namespaces.namespace_of([FLOATS, tf.constant(FLOATS)])
    if keras.backend.backend() == "tensorflow":
        assert of_pipeline is keras_ops
    else:
        assert of_pipeline is namespaces.tensorflow_ops()
    found = []

    def note(x):
        found.append(namespaces.namespace_of([FLOATS]))
        return x

    # In a graph of a pipeline also an array becomes a part of the graph.
    list(tf.data.Dataset.from_tensors(FLOATS).map(note))
    assert found and all(each is of_pipeline for each in found)

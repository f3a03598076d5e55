"""What is known of tensors, eagerly and while something traces them."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_multimix import namespaces, runtime, tracing


def traced(function, *arrays):
    """Calls a function of tensors inside of what compiles for the backend."""
    backend = keras.backend.backend()
    tensors = [ops.convert_to_tensor(array) for array in arrays]
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.function(function, autograph=False)(*tensors)
    if backend == "jax":
        import jax

        return jax.jit(function)(*tensors)
    import torch

    return torch.compile(function, fullgraph=True, backend="eager")(*tensors)


@pytest.mark.parametrize("dtype", ["float32", "float16", "int32", "bool"])
def test_values_are_read_where_they_are_known(dtype):
    array = np.array([[0, 1], [2, 3]]).astype(dtype)
    for x in (array, ops.convert_to_tensor(array, dtype=dtype)):
        found = tracing.to_numpy_or_none(x)
        assert found.dtype == dtype and found is not array
        np.testing.assert_array_equal(found, array)
    np.testing.assert_array_equal(tracing.to_numpy_or_none(3), 3)


def test_bfloat16_is_read_too():
    tensor = ops.cast(ops.convert_to_tensor([1.0, 2.5]), "bfloat16")
    found = tracing.to_numpy_or_none(tensor)
    np.testing.assert_array_equal(found.astype("float32"), [1.0, 2.5])


def test_a_traced_value_is_unknown():
    known = []

    def look(x):
        known.append(tracing.to_numpy_or_none(x) is not None)
        return x + 1

    traced(look, np.ones(3, "float32"))
    assert known and not any(known)


def test_adding_on_the_host():
    variable = keras.Variable([1, 2, 3], dtype="int32", trainable=False)
    before = tracing.add_on_host(variable, np.array([0, -1, 5], "int32"))
    np.testing.assert_array_equal(before, [1, 2, 3])
    np.testing.assert_array_equal(ops.convert_to_numpy(variable), [1, 1, 8])
    # What was returned is a copy: it does not move with the variable.
    tracing.add_on_host(variable, np.array([1, 1, 1], "int32"))
    np.testing.assert_array_equal(before, [1, 2, 3])
    np.testing.assert_array_equal(ops.convert_to_numpy(variable), [2, 2, 9])


def test_adding_wraps_around_as_the_key_words_do():
    variable = keras.Variable([2**31 - 1], dtype="int32", trainable=False)
    tracing.add_on_host(variable, np.array([1], "int32"))
    assert ops.convert_to_numpy(variable)[0] == -(2**31)


def test_in_a_stateless_scope_the_scope_keeps_what_was_added():
    variable = keras.Variable([1], dtype="int32", trainable=False)
    with keras.StatelessScope() as scope:
        assert runtime.in_stateless_scope()
        tracing.add_on_host(variable, np.array([4], "int32"))
        assert ops.convert_to_numpy(scope.get_current_value(variable))[0] == 5
    assert ops.convert_to_numpy(variable)[0] == 1 and not runtime.in_stateless_scope()


@pytest.mark.parametrize("index", [0, 1])
def test_only_the_chosen_branch_runs(index):
    ran = []

    def branch(number):
        def run():
            ran.append(number)
            return {"x": ops.ones((2,)) * number, "y": None}

        return run

    found = tracing.switch(index, [branch(1), branch(2)], ops)
    assert ran == [index + 1] and found["y"] is None
    np.testing.assert_array_equal(ops.convert_to_numpy(found["x"]), [index + 1] * 2)


def test_a_traced_index_chooses_too():
    def chosen(index):
        branches = [lambda: [ops.ones((2,)), None], lambda: [ops.zeros((2,)), None]]
        return tracing.switch(index, branches, ops)[0]

    if keras.backend.backend() == "torch":
        pytest.skip("PyTorch's compiler turns no number of a tensor into a branch")
    found = [ops.convert_to_numpy(traced(chosen, np.int32(i))) for i in (0, 1)]
    np.testing.assert_array_equal(found, [[1, 1], [0, 0]])


def test_one_kernel_computes_what_its_function_does():
    tf = pytest.importorskip("tensorflow")

    def function(x, y, ops):
        assert ops is namespaces.tensorflow_ops()
        return ops.cast(x, "float32") * 2.0 + ops.cumsum(y, axis=0)

    kernel = tracing.in_one_kernel(function)
    x, y = np.arange(3, dtype="int32"), np.ones(3, "float32")
    found = tf.function(lambda: kernel(tf.constant(x), tf.constant(y)))()
    np.testing.assert_array_equal(found, 2 * x + np.cumsum(y))

"""Running a function eagerly, compiled and in `tf.data`, on whichever backend runs."""

import keras
import numpy as np
import pytest


def backend():
    return keras.backend.backend()


def slow_on(name, *values):
    """A case for `parametrize` that only `make test-all` runs on that backend."""
    marks = [pytest.mark.slow] if backend() == name else []
    return pytest.param(*values, marks=marks)


def in_numpy(structure):
    """Copies every tensor of a structure to NumPy."""

    def convert(leaf):
        if leaf is None or isinstance(leaf, np.ndarray):
            return leaf
        return np.array(keras.ops.convert_to_numpy(leaf))

    return keras.tree.map_structure(convert, structure)


def tensors(structure):
    """Copies every array of a structure to the backend."""
    return keras.tree.map_structure(
        lambda leaf: None if leaf is None else keras.ops.convert_to_tensor(leaf),
        structure,
    )


def compilations():
    """The ways to compile on this backend."""
    if backend() == "tensorflow":
        return ["graph", "xla"]
    return ["jit"] if backend() == "jax" else ["compile"]


def compiled(function, how):
    """Compiles a function of tensors."""
    if backend() == "jax":
        import jax

        return jax.jit(function)
    if backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(function, jit_compile=how == "xla")
    import torch

    # Tracing is what can go wrong; generating C++ code is torch's own business.
    return torch.compile(function, backend="eager")


def dataset(*arrays, batch_size):
    """A `tf.data` pipeline of batches."""
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices(arrays).batch(batch_size)


def state(layer):
    """The random state of a layer."""
    return in_numpy(layer.random_state.value).tolist()


def is_refusal(error):
    """Whether an error is one of the library's: what was expected, what came, a fix."""
    parts = ("Invalid", "Expected", "Received", "To fix it")
    return isinstance(error, ValueError) and all(part in str(error) for part in parts)


def assert_three_parts(error):
    """What pytest caught is one of the library's errors."""
    assert is_refusal(error.value), error.value

"""What is known of a tensor while a compiler traces, and tensors of another namespace.

Random draws are a few hundred numbers: where their seed is at hand they are drawn in
NumPy, which costs less than dispatching a hundred small operations, and inside a
compiled function they are part of its graph.
"""

import functools
import sys

import keras
import numpy as np
from keras import ops as keras_ops

from keras_multimix import runtime
from keras_multimix.annotations import Ops
from keras_multimix.namespaces import is_array, is_tensorflow_tensor, tensorflow_ops


def to_numpy_or_none(x):
    """Returns a copy of `x` as a NumPy array, or None while it is traced.

    Args:
        x: A number, an array, a tensor or a `keras.Variable`.
    """
    if isinstance(x, (np.ndarray, np.generic, bool, int, float)):
        return np.array(x)
    if isinstance(x, keras.Variable):
        x = x.value
    backend = keras.backend.backend()
    if backend == "torch" and hasattr(x, "is_meta"):
        import torch

        if x.is_meta or runtime.torch_is_compiling():
            return None
        # NumPy has no bfloat16, and PyTorch knows of no package that adds it.
        x = x.float() if x.dtype == torch.bfloat16 else x
        return np.array(x.detach().cpu().numpy())
    if backend == "jax":
        import jax

        if isinstance(x, jax.Array):
            # Inside `jax.jit` every operation gives a tracer, even one on constants.
            traced = any(
                isinstance(each, jax.core.Tracer) for each in (x, _sum_in_jax()(0, 0))
            )
            return None if traced else np.array(x)
    if is_tensorflow_tensor(x):
        import tensorflow as tf

        # In a graph, an eager tensor or a variable is read when the graph runs.
        if not tf.executing_eagerly():
            return None
        if isinstance(x, tf.Variable) and not _on_replicas(x):
            # A variable's own `numpy` takes twice as long.
            x = tf.raw_ops.ReadVariableOp(resource=x.handle, dtype=x.dtype)
        return np.array(x.numpy())
    return None


def add_on_host(variable, array):
    """Adds a NumPy array to a variable, and returns what it was before, an array.

    `keras.Variable.assign` does the same with checks that take longer than a draw.

    Args:
        variable: A `keras.Variable` that does not require gradients.
        array: What to add, of its shape and dtype.

    Returns:
        None, and nothing is added, while the variable is traced.
    """
    value = variable.value
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        # An array that is on the device is assigned without a copy to it.
        after = _sum_in_jax()(value, array)
        if isinstance(after, jax.core.Tracer):
            return None
        before = np.array(value)
        variable.assign(after)
        return before
    before = to_numpy_or_none(value)
    if before is None:
        return None
    if runtime.in_stateless_scope():
        variable.assign(before + array)
    elif backend == "torch":
        import torch

        value.copy_(torch.from_numpy(before + array))
    else:
        import tensorflow as tf

        added = _eager_constant(*array.tolist())
        if not _on_replicas(value):
            tf.raw_ops.AssignAddVariableOp(resource=value.handle, value=added)
        else:
            value.assign_add(added, read_value=False)
    return before


@functools.cache
def _sum_in_jax():
    """Returns a compiled `x + y`, which costs half as much as the operation alone."""
    import jax

    return jax.jit(lambda x, y: x + y)


def _on_replicas(variable):
    """Whether a variable of TensorFlow is one of several, one on each replica."""
    import tensorflow as tf

    return isinstance(variable, tf.distribute.DistributedValues)


@functools.cache
def _eager_constant(*values):
    import tensorflow as tf

    with tf.init_scope(), tf.device("CPU"):
        return tf.constant(values, "int32")


def to_numpy_if_on_host(x):
    """Returns `x` as a NumPy array where reading it waits for no device, else None."""
    if is_array(x):
        return x
    if keras.backend.backend() == "torch" and hasattr(x, "is_cpu"):
        # Keras may build a model on made-up values, in a scope of its own.
        on_host = x.is_cpu and not runtime.in_stateless_scope()
    elif is_tensorflow_tensor(x):
        on_host = "CPU" in getattr(x, "device", "")
    elif keras.backend.backend() == "jax" and hasattr(x, "devices"):
        import jax

        tracer = isinstance(x, jax.core.Tracer)
        on_host = not tracer and all(d.platform == "cpu" for d in x.devices())
    else:
        on_host = False
    return to_numpy_or_none(x) if on_host else None


def convert_to(x, ops: Ops):
    """Returns an array or tensor of any namespace as one of `ops`."""
    if ops is keras_ops and not is_tensorflow_tensor(x):
        return keras_ops.convert_to_tensor(x)
    value = to_numpy_or_none(x)
    return ops.convert_to_tensor(x if value is None else value)


def constant(array, ops: Ops):
    """Returns a NumPy array, or a tensor that is one already, as a tensor of `ops`."""
    if ops is keras_ops and is_array(array) and runtime.torch_is_compiling():
        import torch

        # Keras looks at the array's dtype, where PyTorch's compiler stops.
        array = torch.as_tensor(array)
    return ops.convert_to_tensor(array)


def eager_torch_device(x):
    """Returns the device of a tensor of PyTorch that nothing traces, or None."""
    if keras.backend.backend() != "torch" or runtime.torch_is_compiling():
        return None
    return getattr(x, "device", None) if hasattr(x, "is_meta") else None


def on_device(arrays, device):
    """Returns a dict of NumPy arrays as tensors on a device of PyTorch."""
    import torch

    return {key: torch.as_tensor(arrays[key], device=device) for key in arrays}


def switch(index, branches, ops: Ops):
    """Returns what one of several branches returns; only that one runs.

    Args:
        index: Which one, an integer or an integer scalar tensor.
        branches: Functions without arguments, whose results are alike: tensors of the
            same shapes and dtypes in the same structure, with None in the same places.
        ops: The namespace of the results.
    """
    value = to_numpy_or_none(index)
    if value is not None:
        return branches[int(value)]()
    results = []

    def tensors_of(branch):
        def run():
            results.append(branch())
            return [
                leaf for leaf in keras.tree.flatten(results[-1]) if leaf is not None
            ]

        return run

    # Compilers take branches that return tensors, and nothing but tensors.
    tensors = iter(ops.switch(index, [tensors_of(branch) for branch in branches]))
    return keras.tree.map_structure(
        lambda leaf: None if leaf is None else next(tensors), results[0]
    )


def in_one_kernel(function):
    """Returns a function of tensors that TensorFlow's graphs run as one operation.

    By themselves they run one operation after another, and write every tensor between.
    What is returned is traced, and compiled by XLA, once for each shape that it meets,
    so that callers keep it.

    Args:
        function: A function of tensors and, last, their namespace.

    Returns:
        A function of the tensors alone.
    """
    import tensorflow as tf

    def call(*tensors):
        return function(*tensors, tensorflow_ops())

    # Apple's GPUs have no XLA.
    on_metal = sys.platform == "darwin" and tf.config.list_physical_devices("GPU")
    if on_metal or not tf.test.is_built_with_xla():
        return call
    return tf.function(call, jit_compile=True, autograph=False)

"""The random state of a mixing layer: a seed's key and the number of calls so far."""

import contextlib
import threading
from typing import Any

import keras
import numpy as np
from keras import ops as keras_ops

from keras_multimix import namespaces, randomness, runtime, tracing
from keras_multimix.annotations import State
from keras_multimix.arguments import check_count, invalid

# Parallel maps of a pipeline call from several threads. One lock for all layers:
# an attribute could not be pickled into a worker process.
_COUNTING = threading.Lock()
_ONE_CALL = np.array([0, 0, 1], dtype="int32")
_MAX_STEP = 2**31 - 1
# The key's second word tells the replicas apart. A seed of up to 32 bits does not use
# it; multiples of a large odd number keep longer seeds apart from their neighbours too.
_REPLICAS_APART = 123_457


def key_initializer(seed: int | None):
    """Returns an initializer for a new state, `[key word, key word, calls = 0]`."""
    words = np.append(randomness.key_words(seed), 0).astype("int32")
    return lambda shape, dtype=None: keras_ops.convert_to_tensor(words)


def state_at(variable, step: Any):
    """Returns the state of one call, and counts the call unless it has a step.

    Args:
        variable: The layer's state, an int32 variable of shape `(3,)`.
        step: The number of the draw, an integer or an integer scalar tensor, or
            None for the next one.

    Returns:
        An int32 array or tensor of shape `(3,)`: two key words and the step. It is
        a NumPy array wherever its values are known.

    Raises:
        ValueError: If `step` is no integer in [0, 2 ** 31), or if it is missing
            where calls cannot be counted.
    """
    replica = runtime.replica_index()
    if step is not None:
        state = _with_step(variable, step)
    elif runtime.in_tf_data_or_foreign_graph():
        state = _count_in_pipeline(variable)
    else:
        # PyTorch's compiler stops at locks.
        state = None if runtime.torch_is_compiling() else _count_on_host(variable)
        if state is None:
            state = _count_in_trace(variable)
    return state if replica is None else _with_replica(state, replica)


def check_step(step: Any, home):
    """Refuses what is no number of a step, and a missing step in a worker process.

    Args:
        step: What the caller passed.
        home: The process in which the layer was made.
    """
    if step is None:
        # PyTorch's compiler stops at questions about processes.
        if not runtime.torch_is_compiling() and runtime.in_worker(home):
            raise invalid(
                "call without `step`",
                expected="a step: each worker process counts for itself and begins "
                "anew with every epoch, so that all would draw the same",
                received="a call in a worker of a data loader",
                fix="pass `step=local_count * num_workers + worker_id`, or mix the "
                "batches that come out of the loader",
            )
        return
    is_tensor = namespaces.is_tensor(step)
    if is_tensor and "int" not in str(step.dtype):  # a random key of JAX among them
        raise invalid(
            "argument `step`",
            expected="an integer, the number of the draw",
            received=f"dtype {step.dtype}",
            fix="pass the number of the step; the layer has its own `seed`",
        )
    value = tracing.to_numpy_or_none(step) if is_tensor else step
    if value is None:
        _check_traced_step(step)
        return
    if getattr(value, "shape", None) == ():
        value = value.item()
    check_count("step", value, minimum=0, maximum=_MAX_STEP)


def take_back(variable, state: State):
    """Takes back the count of a call that failed.

    Unless another thread has counted since: its number must not come twice.

    Args:
        variable: The layer's state.
        state: What `state_at` returned to that call.
    """
    if not namespaces.is_array(state):
        return
    with _COUNTING:
        now = tracing.to_numpy_or_none(variable)
        if now is not None and now[2] == (state + _ONE_CALL)[2]:
            tracing.add_on_host(variable, -_ONE_CALL)


@contextlib.contextmanager
def unmoved_by_errors(variable):
    """Takes back the count of an eager call if the block fails.

    Args:
        variable: The state of the layer that counts once in the block.
    """
    before = tracing.to_numpy_or_none(variable)
    before = None if before is None else before.copy()
    try:
        yield
    except Exception:
        take_back(variable, before)
        raise


def _check_traced_step(step):
    if len(step.shape) != 0 or "int" not in str(step.dtype):
        raise invalid(
            "argument `step`",
            expected="an integer scalar",
            received=f"a tensor of shape {tuple(step.shape)}, dtype {step.dtype}",
            fix="pass one number for the batch, as `dataset.enumerate()` gives it",
        )


def _with_step(variable, step):
    state = tracing.to_numpy_or_none(variable)
    value = tracing.to_numpy_or_none(step)
    if state is not None and value is not None:
        return np.array([state[0], state[1], value], dtype="int32")
    if value is not None:
        value = np.int32(value)
    ops = namespaces.namespace_of([step]) if value is None else keras_ops
    if state is None:
        state = keras_ops.convert_to_tensor(variable)
    last = ops.reshape(ops.cast(step if value is None else value, "int32"), (1,))
    return ops.concatenate([ops.convert_to_tensor(state[:2]), last], axis=0)


def _with_replica(state: State, replica):
    """Folds a replica's index into the key: no two replicas draw the same."""
    if namespaces.is_array(state) and isinstance(replica, int):
        return state ^ np.array([0, replica * _REPLICAS_APART, 0], dtype="int32")
    ops = namespaces.namespace_of([state, replica])
    word = ops.cast(replica, "int32") * _REPLICAS_APART
    zero = ops.zeros_like(word)
    folded = ops.concatenate([ops.reshape(w, (1,)) for w in (zero, word, zero)], axis=0)
    return ops.bitwise_xor(tracing.convert_to(state, ops), folded)


def _count_in_pipeline(variable):
    import tensorflow as tf

    # Such a graph counts on the host, one thread at a time.
    state = tf.numpy_function(lambda: _count_on_host(variable), [], tf.int32)
    state.set_shape((3,))
    return state


def _count_in_trace(variable):
    if keras.backend.backend() == "jax" and not runtime.in_stateless_scope():
        # Keras hands its compiled steps their variables through a `StatelessScope`;
        # assigning to one in any other traced function would leak a tracer.
        raise invalid(
            "call without `step`",
            expected="a step: inside `jax.jit` a layer cannot count its calls",
            received="a call traced by JAX outside of a Keras state scope",
            fix="pass the training step, `layer(x, y, step=step)`",
        )
    # Adding gives a new tensor; assigning may write into the variable's own.
    state = keras_ops.convert_to_tensor(variable) + 0
    variable.assign(state + tracing.constant(_ONE_CALL, keras_ops))
    return state


def _count_on_host(variable):
    """Returns the state and counts, or returns None while it is traced."""
    with _COUNTING:
        state = tracing.add_on_host(variable, _ONE_CALL)
    return state

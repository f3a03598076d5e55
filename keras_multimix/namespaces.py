"""The array namespaces that mixing runs in, and how to tell which one a call needs.

The library's functions take a namespace `ops` and call the few functions below on
it, always by their `keras.ops` names. There are three: `keras.ops` for tensors of
the running backend, NumPy for arrays (so that the work of a data loader's workers
stays on the CPU), and TensorFlow for `tf.data` pipelines under another backend.
"""

import functools
from types import SimpleNamespace

import keras
import numpy as np
from keras import ops as keras_ops

from keras_multimix import runtime
from keras_multimix.annotations import Ops


def _cast_array(x, dtype):
    return np.asarray(x).astype(dtype, copy=False)


numpy_ops = SimpleNamespace(
    name="numpy",
    arange=np.arange,
    argmax=np.argmax,
    argsort=functools.partial(np.argsort, kind="stable"),
    bitwise_and=np.bitwise_and,
    bitwise_xor=np.bitwise_xor,
    broadcast_to=np.broadcast_to,
    cast=_cast_array,
    concatenate=np.concatenate,
    convert_to_tensor=np.asarray,
    copy=np.copy,
    cos=np.cos,
    cumsum=np.cumsum,
    equal=np.equal,
    flip=np.flip,
    floor_divide=np.floor_divide,
    left_shift=np.left_shift,
    log=np.log,
    map=lambda f, xs: np.stack([f(x) for x in xs]),
    maximum=np.maximum,
    min=np.min,
    minimum=np.minimum,
    mod=np.mod,
    power=np.power,
    repeat=np.repeat,
    reshape=np.reshape,
    right_shift=np.right_shift,
    shape=np.shape,
    sort=np.sort,
    sqrt=np.sqrt,
    sum=np.sum,
    take=np.take,
    where=np.where,
    zeros_like=np.zeros_like,
)


@functools.cache
def tensorflow_ops():
    """Returns the `keras.ops` functions that mixing needs, made of TensorFlow's.

    Used where the running backend is not TensorFlow and a `tf.data` pipeline hands
    its tensors over; importing TensorFlow is left until then.
    """
    import tensorflow as tf

    def shape(x):
        return tuple(
            tf.shape(x)[axis] if size is None else size
            for axis, size in enumerate(tuple(x.shape))
        )

    def take(x, indices, axis=0):
        return tf.gather(x, indices, axis=axis)

    def mod(x, y):
        return tf.math.floormod(x, y)

    return SimpleNamespace(
        name="tensorflow",
        arange=lambda n, dtype="int32": tf.range(n, dtype=dtype),
        argmax=lambda x, axis: tf.argmax(x, axis, output_type="int32"),
        argsort=lambda x: tf.argsort(x, stable=True),
        bitwise_and=tf.bitwise.bitwise_and,
        bitwise_xor=tf.bitwise.bitwise_xor,
        broadcast_to=tf.broadcast_to,
        cast=tf.cast,
        concatenate=lambda xs, axis=0: tf.concat(xs, axis),
        convert_to_tensor=tf.convert_to_tensor,
        copy=tf.identity,
        cumsum=lambda x, axis: tf.cumsum(x, axis),
        equal=tf.equal,
        flip=lambda x, axis: tf.reverse(x, [axis]),
        floor_divide=tf.math.floordiv,
        left_shift=tf.bitwise.left_shift,
        map=tf.map_fn,
        maximum=tf.maximum,
        min=lambda x, axis: tf.reduce_min(x, axis),
        minimum=tf.minimum,
        mod=mod,
        power=tf.pow,
        repeat=lambda x, repeats, axis: tf.repeat(x, repeats, axis=axis),
        reshape=tf.reshape,
        right_shift=tf.bitwise.right_shift,
        shape=shape,
        sort=lambda x, axis=-1: tf.sort(x, axis=axis),
        sqrt=tf.sqrt,
        sum=lambda x, axis: tf.reduce_sum(x, axis),
        switch=tf.switch_case,
        take=take,
        where=tf.where,
        zeros_like=tf.zeros_like,
    )


def is_tensorflow_tensor(x):
    """Whether `x` is a TensorFlow tensor, without importing TensorFlow to ask."""
    tf = runtime.imported_tensorflow()
    return tf is not None and tf.is_tensor(x)


def is_array(x):
    """Whether `x` is a NumPy array or scalar (TensorFlow iterators give scalars)."""
    return isinstance(x, (np.ndarray, np.generic))


def is_tensor(x):
    """Whether `x` is an array or a tensor of any kind, not a Python number."""
    return hasattr(x, "shape") and hasattr(x, "dtype")


def namespace_of(leaves):
    """Returns the namespace that holds all of `leaves`.

    Args:
        leaves: A list of arrays and tensors.

    Returns:
        NumPy's if all are NumPy arrays, TensorFlow's if one is a TensorFlow tensor
        (or its graph is being built) and another backend runs, and `keras.ops` in
        every other case.
    """
    on_tensorflow = keras.backend.backend() == "tensorflow"
    if runtime.in_tf_data_or_foreign_graph():
        return keras_ops if on_tensorflow else tensorflow_ops()
    for leaf in leaves:
        if not isinstance(leaf, (np.ndarray, np.generic)):
            break
    else:
        return numpy_ops
    if on_tensorflow:
        return keras_ops
    tf = runtime.imported_tensorflow()
    if tf is not None and any(map(tf.is_tensor, leaves)):
        return tensorflow_ops()
    return keras_ops


def may_be_sharded(ops: Ops):
    """Whether tensors of a namespace may lie on several devices, a part on each."""
    if ops is not keras_ops or keras.backend.backend() != "jax":
        return False
    import jax

    return jax.device_count() > 1

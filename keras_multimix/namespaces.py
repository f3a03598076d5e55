"""The array namespaces that mixing runs in, and how to tell which one a call needs.

The library's functions take a namespace `ops` and call the few functions below on
it, always by their `keras.ops` names. There are three: `keras.ops` for tensors of
the running backend, NumPy for arrays (so that the work of a data loader's workers
stays on the CPU), and TensorFlow for `tf.data` pipelines under another backend.
Nothing outside this file knows which backend runs, but for the JAX and PyTorch
branches of `keras_multimix.models`.
"""

import functools
import sys
from types import SimpleNamespace

import keras
import numpy as np
from keras import ops as keras_ops


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
    cos=np.cos,
    cumsum=np.cumsum,
    equal=np.equal,
    flip=np.flip,
    floor_divide=np.floor_divide,
    left_shift=np.left_shift,
    log=np.log,
    map=lambda f, xs: np.stack([f(x) for x in xs]),
    maximum=np.maximum,
    minimum=np.minimum,
    mod=np.mod,
    one_hot=lambda x, n: (np.asarray(x)[..., None] == np.arange(n)).astype("float32"),
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
        cumsum=lambda x, axis: tf.cumsum(x, axis),
        equal=tf.equal,
        flip=lambda x, axis: tf.reverse(x, [axis]),
        floor_divide=tf.math.floordiv,
        left_shift=tf.bitwise.left_shift,
        map=tf.map_fn,
        maximum=tf.maximum,
        minimum=tf.minimum,
        mod=mod,
        one_hot=lambda x, n: tf.one_hot(x, n, dtype="float32"),
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


def _imported_tensorflow():
    """Returns TensorFlow if it has been imported and can matter here, else None."""
    if torch_is_compiling():
        return None  # no TensorFlow graph holds a call that PyTorch traces
    tf = sys.modules.get("tensorflow")
    # While another thread is importing it, its last names are not there yet.
    return tf if hasattr(tf, "is_tensor") and hasattr(tf, "autograph") else None


def torch_is_compiling():
    """Whether PyTorch's compiler is tracing."""
    if keras.backend.backend() != "torch":
        return False
    import torch

    return torch.compiler.is_compiling()


def is_tensorflow_tensor(x):
    """Whether `x` is a TensorFlow tensor, without importing TensorFlow to ask."""
    tf = _imported_tensorflow()
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
    if in_graph_beside_state():
        on_tensorflow = keras.backend.backend() == "tensorflow"
        return keras_ops if on_tensorflow else tensorflow_ops()
    if all(is_array(leaf) for leaf in leaves):
        return numpy_ops
    if keras.backend.backend() != "tensorflow" and any(
        map(is_tensorflow_tensor, leaves)
    ):
        return tensorflow_ops()
    return keras_ops


def concrete(x):
    """Returns a copy of `x` as a NumPy array, or None while it is traced.

    Random draws are a few hundred numbers: where their seed is at hand they are
    drawn in NumPy, which costs less than dispatching a hundred small operations,
    and inside a compiled function they are part of its graph.

    Args:
        x: A number, an array, a tensor or a `keras.Variable`.
    """
    if isinstance(x, keras.Variable):
        x = x.value
    if isinstance(x, (bool, int, float)) or is_array(x):
        return np.array(x)
    if is_tensorflow_tensor(x):
        import tensorflow as tf

        # In a graph, an eager tensor or a variable is read when the graph runs.
        return np.array(x.numpy()) if tf.executing_eagerly() else None
    backend = keras.backend.backend()
    if backend == "torch":
        import torch

        traced = torch.compiler.is_compiling() or x.is_meta
        return None if traced else np.array(x.detach().cpu().numpy())
    if backend == "jax":
        import jax

        # Inside `jax.jit` every operation gives a tracer, even one on a constant.
        traced = isinstance(jax.numpy.add(x, 0), jax.core.Tracer)
        return None if traced else np.array(x)
    return None


def readable(x):
    """Returns `x` as a NumPy array where reading it waits for no device, else None."""
    if is_array(x):
        return x
    if is_tensorflow_tensor(x):
        on_host = "CPU" in getattr(x, "device", "")
    elif keras.backend.backend() == "torch" and hasattr(x, "is_cpu"):
        # Keras may build a model on made-up values, in a scope of its own.
        on_host = x.is_cpu and not _in_stateless_scope()
    elif keras.backend.backend() == "jax" and hasattr(x, "devices"):
        import jax

        tracer = isinstance(x, jax.core.Tracer)
        on_host = not tracer and all(d.platform == "cpu" for d in x.devices())
    else:
        on_host = False
    return concrete(x) if on_host else None


def adopt(x, ops):
    """Returns an array or tensor of any namespace as one of `ops`."""
    if ops is keras_ops and not is_tensorflow_tensor(x):
        return keras_ops.convert_to_tensor(x)
    value = concrete(x)
    return ops.convert_to_tensor(x if value is None else value)


def constant(array, ops):
    """Returns a NumPy array, or a tensor that is one already, as a tensor of `ops`."""
    if ops is keras_ops and torch_is_compiling() and is_array(array):
        import torch

        # Keras looks at the array's dtype, where PyTorch's compiler stops.
        array = torch.as_tensor(array)
    return ops.convert_to_tensor(array)


def switch(index, branches, ops):
    """Returns what one of several branches returns; only that one runs.

    Args:
        index: Which one, an integer or an integer scalar tensor.
        branches: Functions without arguments, whose results are alike: tensors of the
            same shapes and dtypes in the same structure, with None in the same places.
        ops: The namespace of the results.
    """
    value = concrete(index)
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


def may_be_sharded(ops):
    """Whether tensors of a namespace may lie on several devices, a part on each."""
    if ops is not keras_ops or keras.backend.backend() != "jax":
        return False
    import jax

    return jax.device_count() > 1


def take_in_blocks(x, rows, num_blocks, ops):
    """Returns rows of `x`, each from the block of rows that it replaces one of.

    On JAX it says so to the compiler, which moves no row between the devices when
    each holds a block. On the other backends a tensor is on one device.

    Args:
        x: Tensor of shape `(B, ...)`.
        rows: int32 tensor of shape `(B,)`, rows of `x`.
        num_blocks: A divisor of B, which is static.
        ops: The namespace of both.
    """
    if not may_be_sharded(ops) or num_blocks == 1:
        return ops.take(x, rows, axis=0)
    import jax

    size = x.shape[0] // num_blocks
    blocks = ops.reshape(x, (num_blocks, size, *x.shape[1:]))
    places = ops.mod(ops.reshape(rows, (num_blocks, size)), size)
    taken = jax.vmap(lambda block, place: ops.take(block, place, axis=0))
    return ops.reshape(taken(blocks, places), x.shape)


def in_jit_without_state(variable):
    """Whether a count in `variable` would be lost: in `jax.jit`, outside of Keras.

    Keras hands its compiled steps their variables through a `StatelessScope`;
    assigning to one in any other traced function would leak a tracer.
    """
    if keras.backend.backend() != "jax" or concrete(variable) is not None:
        return False
    return not _in_stateless_scope()


def _in_stateless_scope():
    with keras.StatelessScope() as probe:
        pass
    return probe.original_scope is not None


def in_tensorflow_graph():
    """Whether TensorFlow is building a graph."""
    tf = _imported_tensorflow()
    return tf is not None and tf.inside_function()


@functools.cache
def in_one_kernel(function):
    """Returns a function of tensors that TensorFlow's graphs run as one operation.

    By themselves they run one operation after another, and write every tensor between.
    It is traced, and compiled by XLA, once for each shape that it meets.

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


def in_graph_beside_state():
    """Whether TensorFlow is building a graph that cannot hold a layer's state well.

    A `tf.data` pipeline runs its functions from many threads, outside of any training
    step; and under another backend no TensorFlow graph knows the backend's variables.
    """
    if not in_tensorflow_graph():
        return False
    if keras.backend.backend() != "tensorflow":
        return True
    import tensorflow as tf

    graph = tf.compat.v1.get_default_graph()
    while graph is not None:
        if getattr(graph, "name", "").startswith("Dataset_"):
            return True
        graph = getattr(graph, "outer_graph", None)
    return False


def replica_index():
    """Returns which of several replicas or ranks this is, or None where it is alone.

    Under `tf.distribute` the replica's number in its sync group, a tensor or an int;
    under `torch.distributed` the process's rank. JAX draws for the global batch.
    """
    tf = _imported_tensorflow()
    if tf is not None and tf.distribute.has_strategy():
        context = tf.distribute.get_replica_context()
        return None if context is None else context.replica_id_in_sync_group
    distributed = sys.modules.get("torch.distributed")
    if distributed is not None and distributed.is_available():
        return distributed.get_rank() if distributed.is_initialized() else None
    return None


def without_autograph(method):
    """Decorates a method that a `tf.data` map may call, to run it as it stands.

    TensorFlow rewrites Python control flow that it finds in such functions, ours
    included, and warns where it cannot; none of ours depends on a tensor's value.
    """

    @functools.wraps(method)
    def call(*args, **kwargs):
        tf = _imported_tensorflow()
        if tf is None:
            return method(*args, **kwargs)
        return tf.autograph.experimental.do_not_convert(method)(*args, **kwargs)

    return call


def in_data_loader_worker():
    """Whether this process is one of several workers of a torch `DataLoader`."""
    data = sys.modules.get("torch.utils.data")
    worker = data.get_worker_info() if data is not None else None
    return worker is not None and worker.num_workers > 1

"""Questions about what is running: a graph, a compiler, a worker, a replica.

No answer here imports a framework but the running backend: one that has not been
imported builds no graph, has no workers and no replicas.
"""

import functools
import multiprocessing
import os
import sys

import keras


def _nothing_compiles():
    return False


def _ask_torch():
    # Every call asks this often. So this is PyTorch's own function, without a wrapper.
    import torch

    return torch.compiler.is_compiling


# Whether PyTorch's compiler is tracing, a function without arguments.
torch_is_compiling = (
    _ask_torch() if keras.backend.backend() == "torch" else _nothing_compiles
)


def imported_tensorflow():
    """Returns TensorFlow if it has been imported and can matter here, else None."""
    if torch_is_compiling():
        return None  # no TensorFlow graph holds a call that PyTorch traces
    tf = sys.modules.get("tensorflow")
    # While another thread is importing it, its last names are not there yet.
    return tf if hasattr(tf, "is_tensor") and hasattr(tf, "autograph") else None


def in_tensorflow_graph():
    """Whether TensorFlow is building a graph, under any backend; does not import it.

    True in a `tf.function` and in a `tf.data` pipeline.
    """
    tf = imported_tensorflow()
    return tf is not None and tf.inside_function()


def in_tf_data_or_foreign_graph():
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


def without_autograph(method):
    """Decorates a method that a `tf.data` map may call, to run it as it stands.

    TensorFlow rewrites Python control flow that it finds in such functions, ours
    included, and warns where it cannot; none of ours depends on a tensor's value.
    """

    @functools.wraps(method)
    def call(*args, **kwargs):
        tf = imported_tensorflow()
        if tf is None or not tf.inside_function():
            return method(*args, **kwargs)
        return tf.autograph.experimental.do_not_convert(method)(*args, **kwargs)

    return call


def in_stateless_scope():
    """Whether Keras reads and writes variables through a `StatelessScope`."""
    with keras.StatelessScope() as probe:
        pass
    return probe.original_scope is not None


def replica_index():
    """Returns which of several replicas or ranks this is, or None where it is alone.

    Under `tf.distribute` the replica's number in its sync group, a tensor or an int;
    under `torch.distributed` the process's rank. JAX draws for the global batch.
    """
    tf = imported_tensorflow()
    if tf is not None and tf.distribute.has_strategy():
        context = tf.distribute.get_replica_context()
        return None if context is None else context.replica_id_in_sync_group
    distributed = sys.modules.get("torch.distributed")
    if distributed is not None and distributed.is_available():
        return distributed.get_rank() if distributed.is_initialized() else None
    return None


def in_worker(home):
    """Whether a loader's worker process calls: torch's, grain's, a `PyDataset`'s.

    All of them are daemons. A daemon that has made its layer itself, as when each of a
    pool's processes trains a model, counts like any other process.

    Args:
        home: The process in which the layer was made.
    """
    data = sys.modules.get("torch.utils.data")
    worker = data.get_worker_info() if data is not None else None
    if worker is not None and worker.num_workers > 1:
        return True
    return home != os.getpid() and multiprocessing.current_process().daemon

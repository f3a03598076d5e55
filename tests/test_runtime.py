"""What is running: asked in the middle of it."""

import multiprocessing
import os

import keras
import numpy as np
import pytest

from keras_multimix import runtime


def test_nothing_runs_here():
    assert not runtime.torch_is_compiling()
    assert not runtime.in_tensorflow_graph()
    assert not runtime.in_tf_data_or_foreign_graph()
    assert not runtime.in_stateless_scope()
    assert not runtime.in_worker(os.getpid())
    assert runtime.replica_index() is None


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="PyTorch's compiler")
def test_pytorchs_compiler_is_seen():
    import torch

    found = []

    def look(x):
        found.append(runtime.torch_is_compiling())
        return x + 1

    torch.compile(look, backend="eager")(torch.ones(2))
    assert found == [True]


def test_graphs_of_tensorflow_are_told_apart():
    tf = pytest.importorskip("tensorflow")
    found = {}

    def look(name):
        def note(x):
            found[name] = (
                runtime.in_tensorflow_graph(),
                runtime.in_tf_data_or_foreign_graph(),
            )
            return x

        return note

    x = np.ones(2, "float32")
    tf.function(look("step"), autograph=False)(x)
    list(tf.data.Dataset.from_tensors(x).map(look("pipeline")))
    inner = tf.function(look("step of a pipeline"), autograph=False)
    list(tf.data.Dataset.from_tensors(x).map(lambda x: inner(x)))
    foreign = keras.backend.backend() != "tensorflow"
    assert found == {
        "step": (True, foreign),
        "pipeline": (True, True),
        "step of a pipeline": (True, True),
    }


def test_tensorflow_does_not_rewrite_our_methods():
    tf = pytest.importorskip("tensorflow")

    @runtime.without_autograph
    def double(x, times=2):
        """Its own words."""
        return x * times

    assert double.__doc__ == "Its own words."
    assert double(3) == 6 and double(3, times=3) == 9
    found = tf.function(lambda x: double(x))(tf.constant(3))
    assert int(found) == 6


def _ask(home, queue):
    queue.put(runtime.in_worker(home))


@pytest.mark.parametrize("daemon", [True, False])
def test_only_daemons_of_another_process_are_workers(daemon):
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=_ask, args=(os.getpid(), queue), daemon=daemon)
    process.start()
    assert queue.get(timeout=120) is daemon
    process.join()

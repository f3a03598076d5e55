"""How each backend runs a function of a batch, as its users do."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np


class Mode(NamedTuple):
    """A way to run functions of a batch.

    Attributes:
        name: such as "jit".
        tensors: function (NumPy arrays) -> the backend's tensors.
        prepare: function (f, tensors) -> a function () that runs `f(step, *tensors)`
            and returns when it is done. `step` is a scalar where the mode has to hand
            it over, else None.
    """

    name: str
    tensors: Callable
    prepare: Callable


def modes():
    """The modes of the running backend."""
    return _MODES[keras.backend.backend()]()


def _jax():
    import jax

    def prepare(function, tensors):
        step = jax.numpy.int32(3)
        compiled = jax.jit(function)
        return lambda: jax.block_until_ready(compiled(step, *tensors))

    return [Mode("jit", lambda *arrays: list(map(jax.numpy.asarray, arrays)), prepare)]


def _tensorflow():
    import tensorflow as tf

    def tensors(*arrays):
        return [tf.constant(array) for array in arrays]

    def graph(function, tensors):
        compiled = tf.function(lambda *given: function(None, *given), autograph=False)
        return functools.partial(compiled, *tensors)

    def pipeline(function, tensors):
        dataset = tf.data.Dataset.from_tensors(tuple(tensors)).repeat()
        dataset = dataset.enumerate().map(lambda i, given: function(i, *given))
        # A batch that was made ahead of time would be made in another's turn.
        options = tf.data.Options()
        options.autotune.enabled = False
        options.experimental_optimization.inject_prefetch = False
        iterator = iter(dataset.with_options(options))
        return lambda: next(iterator)

    return [Mode("graph", tensors, graph), Mode("tf.data", tensors, pipeline)]


def _torch():
    import torch

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    wait = torch.cuda.synchronize if device.type == "cuda" else lambda: None

    def tensors(*arrays):
        return [torch.from_numpy(np.array(array)).to(device) for array in arrays]

    def eager(function, tensors):
        def run():
            function(None, *tensors)
            wait()

        return run

    def compiled(function, tensors):
        return eager(torch.compile(function), tensors)

    return [Mode("eager", tensors, eager), Mode("compiled", tensors, compiled)]


_MODES = {"jax": _jax, "tensorflow": _tensorflow, "torch": _torch}

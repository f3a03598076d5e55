"""Calls of a model for its scores, without a gradient: what differs by backend."""

import keras

from keras_multimix.models.stateless_call import stateless_call


def compiled(model: keras.Model, function):
    """Returns a compiled function of inputs that reads a model's variables.

    Args:
        model: The model, or the `MixupModel` around it. With `run_eagerly` nothing is
            compiled.
        function: A function of a tensor of inputs.

    Returns:
        A function that returns what `function` does.
    """
    if model.run_eagerly:
        return function
    return _COMPILED[keras.backend.backend()](model, function)


def _with_tensorflow(model, function):
    import tensorflow as tf

    return tf.function(lambda x: function(x), reduce_retracing=True)


def _with_jax(model, function):
    import jax

    variables = model.trainable_variables + model.non_trainable_variables

    @jax.jit
    def pure(values, x):
        return stateless_call(lambda: function(x), variables, values)[0]

    return lambda x: pure([variable.value for variable in variables], x)


def _with_torch(model, function):
    import torch

    return torch.no_grad()(function)


_COMPILED = {
    "tensorflow": _with_tensorflow,
    "jax": _with_jax,
    "torch": _with_torch,
}

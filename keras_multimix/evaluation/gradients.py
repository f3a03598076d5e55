"""Gradients with respect to inputs and to weights: what differs by backend."""

import keras
from keras import ops


def input_gradient(model: keras.Model, objective):
    """Returns the compiled gradient of an objective with respect to its input.

    Args:
        model: The model whose variables `objective` reads.
        objective: A function `(x, *arguments)` of tensors that returns a scalar.

    Returns:
        A function `(x, *arguments)` that returns the gradient with respect to `x`, a
        tensor like it.
    """
    return _GRADIENTS[keras.backend.backend()](model, objective, of_inputs=True)


def weight_gradient(model: keras.Model, objective):
    """Returns the compiled gradient of an objective with respect to weights.

    Args:
        model: The model whose variables `objective` reads.
        objective: A function `(x, *arguments)` of tensors that returns a scalar.

    Returns:
        A function `(x, *arguments)` that returns the gradient with respect to all
        trainable weights, float32 of shape `(number of weights,)`.
    """
    return _GRADIENTS[keras.backend.backend()](model, objective, of_inputs=False)


def _with_tensorflow(model, objective, of_inputs):
    import tensorflow as tf

    @tf.function(reduce_retracing=True)
    def gradient(x, *arguments):
        sources = [x] if of_inputs else [v.value for v in model.trainable_variables]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(sources)
            value = objective(x, *arguments)
        found = tape.gradient(value, sources, unconnected_gradients="zero")
        return found[0] if of_inputs else _flat(found)

    return gradient


def _with_jax(model, objective, of_inputs):
    import jax

    variables = model.trainable_variables + model.non_trainable_variables
    num_trainable = len(model.trainable_variables)

    def pure(trained, others, x, *arguments):
        mapping = list(zip(variables, [*trained, *others], strict=True))
        with keras.StatelessScope(mapping):
            return objective(x, *arguments)

    compiled = jax.jit(jax.grad(pure, argnums=2 if of_inputs else 0))

    def gradient(x, *arguments):
        values = [variable.value for variable in variables]
        trained, others = values[:num_trainable], values[num_trainable:]
        found = compiled(trained, others, x, *arguments)
        return found if of_inputs else _flat(found)

    return gradient


def _with_torch(model, objective, of_inputs):
    import torch

    def gradient(x, *arguments):
        with torch.enable_grad():
            x = x.detach().clone().requires_grad_(of_inputs)
            sources = [x] if of_inputs else [v.value for v in model.trainable_variables]
            value = objective(x, *arguments)
            found = torch.autograd.grad(value, sources, allow_unused=True)
        found = [
            torch.zeros_like(source) if each is None else each.detach()
            for each, source in zip(found, sources, strict=True)
        ]
        return found[0] if of_inputs else _flat(found)

    return gradient


def _flat(found):
    parts = [ops.reshape(ops.cast(each, "float32"), (-1,)) for each in found]
    return ops.concatenate(parts)


_GRADIENTS = {
    "tensorflow": _with_tensorflow,
    "jax": _with_jax,
    "torch": _with_torch,
}

"""One step of gradient descent inside a training step: what differs by backend."""

import keras


def gradient_step(loss, weights, optimizer, variables):
    """Lowers a loss by one step of an optimizer.

    Args:
        loss: A function without arguments that returns a scalar. It may assign
            variables, as batch normalization does.
        weights: The `keras.Variable`s to change.
        optimizer: The Keras optimizer, built for them.
        variables: All variables that `loss` reads or assigns, `weights` among them.

    Returns:
        The loss before the step.
    """
    value, gradients = _GRADIENTS[keras.backend.backend()](loss, weights, variables)
    optimizer.apply(gradients, weights)
    return value


def without_gradient(function):
    """Returns the tensor that a function returns, as a constant."""
    if keras.backend.backend() == "torch":
        import torch

        with torch.no_grad():  # which records nothing to go back through
            return function()
    return keras.ops.stop_gradient(function())


def _with_tensorflow(loss, weights, variables):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        value = loss()
    sources = [weight.value for weight in weights]
    return value, tape.gradient(value, sources)


def _with_jax(loss, weights, variables):
    import jax

    chosen = {id(weight) for weight in weights}
    others = [variable for variable in variables if id(variable) not in chosen]
    # An inner scope does not look into the outer one: it needs every value.
    fixed = [variable.value for variable in others]

    def pure(values):
        mapping = [*zip(weights, values, strict=True), *zip(others, fixed, strict=True)]
        with keras.StatelessScope(mapping) as scope:
            value = loss()
        return value, [scope.get_current_value(variable) for variable in others]

    (value, updated), gradients = jax.value_and_grad(pure, has_aux=True)(
        [weight.value for weight in weights]
    )
    for variable, old, new in zip(others, fixed, updated, strict=True):
        if new is not None and new is not old:
            variable.assign(new)
    return value, gradients


def _with_torch(loss, weights, variables):
    import torch

    with torch.enable_grad():
        value = loss()
        sources = [weight.value for weight in weights]
        gradients = torch.autograd.grad(value, sources, allow_unused=True)
    return value.detach(), gradients


_GRADIENTS = {
    "tensorflow": _with_tensorflow,
    "jax": _with_jax,
    "torch": _with_torch,
}

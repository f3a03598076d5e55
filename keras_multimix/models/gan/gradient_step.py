"""One step of an optimizer inside a training step.

Keras has gradients for its own training step only, so each backend computes its own.
"""

import keras

from keras_multimix.models.loss_scale import is_loss_scale


def gradient_step(loss, weights, optimizer, variables):
    """Changes weights by one step of an optimizer that lowers a loss.

    Args:
        loss: A function without arguments that returns a scalar. It may assign
            variables, as batch normalization does.
        weights: The `keras.Variable`s to change.
        optimizer: A Keras optimizer, built for `weights`.
        variables: All variables that `loss` reads or assigns, `weights` among them.

    Returns:
        The loss before the step.
    """
    # An optimizer divides the gradients by this scale, which keeps them from vanishing
    # in float16, so they have to be those of the scaled loss.
    scale = optimizer.scale_loss(1.0)
    gradients_of = _GRADIENTS[keras.backend.backend()]
    value, gradients = gradients_of(loss, scale, weights, variables)
    if keras.backend.backend() == "jax" and is_loss_scale(optimizer):
        _apply_statelessly(optimizer, gradients, weights)
    else:
        optimizer.apply(gradients, weights)
    return value


def without_gradient(function):
    """Returns what a function returns, as a constant without a gradient."""
    if keras.backend.backend() == "torch":
        import torch

        with torch.no_grad():  # PyTorch records no graph, which saves time and memory
            return function()
    return keras.ops.stop_gradient(function())


def _apply_statelessly(optimizer, gradients, weights):
    # Its `apply` assigns variables in branches of a condition, which JAX cannot trace.
    variables = optimizer.variables
    old = [[each.value for each in group] for group in (variables, weights)]
    new_weights, new_variables = optimizer.stateless_apply(old[0], gradients, old[1])
    for variable, value in zip(
        [*weights, *variables], [*new_weights, *new_variables], strict=True
    ):
        variable.assign(value)


def _with_tensorflow(loss, scale, weights, variables):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        value = loss()
        # Keras' optimizers add up the gradients of `tf.distribute`'s replicas.
        scaled = value * scale / tf.distribute.get_strategy().num_replicas_in_sync
    sources = [weight.value for weight in weights]
    return value, tape.gradient(scaled, sources)


def _with_jax(loss, scale, weights, variables):
    import jax

    chosen = {id(weight) for weight in weights}
    others = [variable for variable in variables if id(variable) not in chosen]
    # An inner scope cannot read values of the outer scope, so it gets all of them.
    fixed = [variable.value for variable in others]

    def pure(values):
        mapping = [*zip(weights, values, strict=True), *zip(others, fixed, strict=True)]
        with keras.StatelessScope(mapping, collect_losses=True) as scope:
            value = loss()
        updated = [scope.get_current_value(variable) for variable in others]
        return value * scale, (value, updated)

    (_, (value, updated)), gradients = jax.value_and_grad(pure, has_aux=True)(
        [weight.value for weight in weights]
    )
    for variable, old, new in zip(others, fixed, updated, strict=True):
        if new is not None and new is not old:
            variable.assign(new)
    return value, gradients


def _with_torch(loss, scale, weights, variables):
    import torch

    with torch.enable_grad():
        value = loss()
        sources = [weight.value for weight in weights]
        if not sources:  # a frozen network
            return value.detach(), []
        gradients = torch.autograd.grad(value * scale, sources, allow_unused=True)
    return value.detach(), _mean_over_ranks(gradients)


def _mean_over_ranks(gradients):
    """Averages gradients over the ranks of `torch.distributed`, in one operation.

    Keras does not, and `DistributedDataParallel` cannot: it looks for gradients that
    `backward` leaves on the weights of one network.
    """
    import torch

    distributed = torch.distributed
    if not distributed.is_available() or not distributed.is_initialized():
        return gradients
    present = [each for each in gradients if each is not None]
    if distributed.get_world_size() == 1 or not present:
        return gradients
    flat = torch.cat([each.reshape(-1) for each in present])
    distributed.all_reduce(flat)
    flat = flat / distributed.get_world_size()
    parts = iter(flat.split([each.numel() for each in present]))
    return [
        each if each is None else next(parts).reshape(each.shape).to(each.dtype)
        for each in gradients
    ]


_GRADIENTS = {
    "tensorflow": _with_tensorflow,
    "jax": _with_jax,
    "torch": _with_torch,
}

"""Optimizers that scale the loss, which keeps gradients from vanishing in float16."""

import keras


def needs_loss_scale(*models):
    """Whether one of the models computes in float16, as Keras asks of a model."""
    return "mixed_float16" in [each.dtype_policy.name for each in models]


def is_loss_scale(optimizer):
    """Whether an optimizer scales the loss for another one, its `inner_optimizer`."""
    return isinstance(optimizer, keras.optimizers.LossScaleOptimizer)


def unscaled(optimizer):
    """Returns the optimizer inside of a `LossScaleOptimizer`, or any other as it is."""
    return optimizer.inner_optimizer if is_loss_scale(optimizer) else optimizer


def with_loss_scale(optimizer):
    """Returns an optimizer that keeps gradients from vanishing in float16."""
    if is_loss_scale(optimizer):
        return optimizer
    return keras.optimizers.LossScaleOptimizer(optimizer)

"""The losses of a compiled model, and the functions that its metrics average.

Keras resolves the losses of `compile` by the structure of the predictions, and keeps
the result to itself. A metric that averages a function does not show this function
either.
"""

import contextlib

from keras import tree


@contextlib.contextmanager
def replaced_losses(model, replace, y, y_pred):
    """Replaces each loss of a compiled model inside the block.

    Args:
        model: A compiled `keras.Model`.
        replace: A function of a `keras.losses.Loss` that returns another one.
        y: Labels, from which Keras resolves names such as `"crossentropy"`.
        y_pred: Predictions.
    """
    losses = model._compile_loss
    if losses is None:
        yield
        return
    if not losses.built:
        losses.build(y, y_pred)
    before = losses._flat_losses
    losses._flat_losses = [each._replace(loss=replace(each.loss)) for each in before]
    try:
        yield
    finally:
        losses._flat_losses = before


def metrics_of(model):
    """Returns what the user gave to `compile` as metrics, a list.

    On TensorFlow, Keras lists them only once it has traced the first step.
    """
    metrics = model._compile_metrics
    if metrics is None:
        return []
    return tree.flatten([metrics._user_metrics, metrics._user_weighted_metrics])


def value_of(metric, y_true, y_pred):
    """Returns the values that a `keras.metrics.MeanMetricWrapper` averages."""
    return metric._fn(y_true, y_pred, **metric._fn_kwargs)


@contextlib.contextmanager
def replaced_function(metric, replace):
    """Replaces the function that a metric averages inside the block.

    Args:
        metric: A `keras.metrics.MeanMetricWrapper`.
        replace: A function of labels and predictions.
    """
    before = metric._fn
    metric._fn = lambda y_true, y_pred, **arguments: replace(y_true, y_pred)
    try:
        yield
    finally:
        metric._fn = before

"""Train metrics of mixed rows, weighted by λ and 1 − λ.

A metric sees each mixed row with its own label, weighted by λ, and with its partner's,
weighted by 1 − λ. A metric that cannot weight rows sees each mixed row once, with the
label that weighs more. With `keep_originals` a metric sees the unmixed rows only.
"""

import contextlib
import dis
import functools
import inspect

import keras
from keras import ops

from keras_multimix.arguments import invalid
from keras_multimix.keras_fixes import compiled
from keras_multimix.keras_fixes.tensors import TakeEvery, repeat_for_places
from keras_multimix.models.mixup import pair_values

# Made once: making a layer costs more than a small metric.
_every = functools.cache(TakeEvery)


def count_in_floats(model):
    """Makes confusion matrices count in float32, because λ is no whole number.

    Args:
        model: A compiled model.

    Returns:
        Whether a matrix started anew.

    Raises:
        ValueError: If a matrix counts in integers and cannot start anew.
    """
    anew = False
    for metric in compiled.metrics_of(model):
        if isinstance(metric, keras.metrics.IoU) and "int" in metric.dtype:
            anew = True
            try:
                metric.__init__(**metric.get_config() | {"dtype": "float32"})
            except TypeError as error:
                raise invalid(
                    f"metric {metric.name!r} for `MixupModel`",
                    expected="a confusion matrix of floats, because it counts rows "
                    "by λ",
                    received=f"one of {metric.dtype}, and {error}",
                    fix='pass `dtype="float32"` to `super().__init__` of '
                    f"{type(metric).__name__}",
                ) from None
    return anew


def _compiled(metrics):
    """Returns the metrics of `compile`, which Keras keeps in a group."""
    groups = [group for group in metrics if hasattr(group, "metrics")]
    return [metric for group in groups for metric in group.metrics]


@contextlib.contextmanager
def weighted(metrics, pairs, y, y_pred):
    """Makes the metrics of `compile` weight their rows inside the block.

    Keras passes weights to `weighted_metrics` only. So the block replaces each metric's
    `update_state`.

    Args:
        metrics: The metrics of a model, which may hold other metrics.
        pairs: The `LabelPairs` of the N mixed rows.
        y: Own and partners' labels in turn, 2N rows.
        y_pred: The N predictions.
    """
    for group in metrics:
        if hasattr(group, "metrics") and not group.built:
            group.build(y, y_pred)
    each = _compiled(metrics)
    for metric in each:
        metric.update_state = functools.partial(
            _update, metric, metric.update_state, pairs
        )
    try:
        yield
    finally:
        for metric in each:
            del metric.update_state


def _update(metric, update_state, pairs, y_true, y_pred, sample_weight=None):
    """Updates one metric with N mixed rows, of which each has two labels.

    Args:
        metric: The metric.
        update_state: Its own method.
        pairs: The `LabelPairs`.
        y_true: Own and partners' labels in turn, 2N rows.
        y_pred: The N predictions.
        sample_weight: Own and partners' weights in turn, or None.
    """
    own, partner = pair_values.own_and_partner(y_true)
    weights = pair_values.own_and_partner(sample_weight)
    if pairs.originals is not None:
        return _update_with_originals(
            metric, update_state, pairs, own, y_pred, weights[0]
        )
    own, column = pair_values.as_columns(own, y_pred)
    partner, _ = pair_values.as_columns(partner, y_pred)
    if type(metric).update_state is keras.metrics.MeanMetricWrapper.update_state:
        values = compiled.value_of(metric, own, column)
        if _gives_one_per_row(metric, values, own, column):
            values = pair_values.mean_of_pair(
                values,
                compiled.value_of(metric, partner, column),
                pairs.coefficients,
                *weights,
            )
            mixed = pair_values.mixed_weight(pairs.coefficients, *weights)
            with compiled.replaced_function(metric, lambda y_true, y_pred: values):
                return update_state(own, column, sample_weight=mixed)
    elif _can_weight(metric):
        own_part = pairs.coefficients
        for label, part, weight in zip(
            (own, partner), (own_part, 1.0 - own_part), weights, strict=True
        ):
            weight = _weights(metric, part, weight, label, column)
            update_state(label, column, sample_weight=weight)
        return None
    label = pair_values.likelier_label(pairs, own, partner)
    if sample_weight is not None:
        sample_weight = pair_values.likelier_label(pairs, *weights)
    return update_state(label, column, sample_weight=sample_weight)


def _update_with_originals(metric, update_state, pairs, y_true, y_pred, weights):
    """Updates one metric with the first of the K rows of each pair, as it is."""
    if pairs.originals is False:  # this part of a step has none
        return None
    step = pairs.num_interpolations
    y_true, weights = keras.tree.map_structure(
        lambda x: None if x is None else x[::step], [y_true, weights]
    )
    rows = y_true, keras.tree.map_structure(_every(step), y_pred)
    if pairs.originals is True:
        return update_state(*rows, sample_weight=weights)
    before = [(each, ops.copy(each.value)) for each in metric.variables]
    result = update_state(*rows, sample_weight=weights)
    for variable, value in before:
        variable.assign(ops.where(pairs.originals, variable.value, value))
    return result


# Metrics that average a function ------------------------------------------------


def _gives_one_per_row(metric, values, y_true, y_pred):
    function = functools.partial(compiled.value_of, metric)
    return pair_values.gives_one_per_row(metric, function, values, y_true, y_pred)


# Other metrics ---------------------------------------------------------------------


def _can_weight(metric):
    """Whether a metric uses its weights, and not for counting in integers."""
    if any("int" in variable.dtype for variable in metric.variables):
        return False
    return _reads_weights(type(metric).update_state)


@functools.cache
def _reads_weights(update_state):
    """Whether a metric's method reads the weights that it is given."""
    code = getattr(inspect.unwrap(update_state), "__code__", None)
    if code is None or "sample_weight" not in code.co_varnames:
        return True  # it takes them in another way
    return any(
        "LOAD" in instruction.opname and "sample_weight" in str(instruction.argval)
        for instruction in dis.get_instructions(code)
    )


def _weights(metric, part, sample_weight, y_true, y_pred):
    """Returns λ or 1 − λ of each row, times its sample weight, in a metric's shape."""
    if isinstance(metric, keras.metrics.IoU):  # weights each place, and flattens all
        places = y_true if metric.sparse_y_true else y_true[..., 0]
        weight = 1.0 if sample_weight is None else ops.cast(sample_weight, "float32")
        if sample_weight is not None and len(sample_weight.shape) < len(places.shape):
            weight = pair_values.aligned(weight, places)
        part = pair_values.aligned(part, places) * weight
        return part + ops.cast(ops.zeros_like(places), "float32")
    if sample_weight is None:
        return repeat_for_places(part, y_pred)
    return pair_values.aligned(part, sample_weight) * ops.cast(sample_weight, "float32")

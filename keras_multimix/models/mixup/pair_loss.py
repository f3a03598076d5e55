"""The loss of mixed rows that keep two labels each.

The loss of a mixed row is `λ * loss(ŷ, y) + (1 - λ) * loss(ŷ, y_partner)`. Keras
computes it in one evaluation over twice the rows: each prediction comes once with the
row's own label and once with the partner's label, weighted by λ and 1 − λ. So Keras
itself applies the loss, its reduction and its regularization terms, each of them once.
"""

import functools

import keras
from keras import ops, tree

from keras_multimix.arguments import invalid
from keras_multimix.batches import map_leaves
from keras_multimix.keras_fixes.tensors import interleave, repeat_for_places


class RepeatForPairs(keras.layers.Layer):
    """Returns each prediction twice, for the row's own label and for the partner's.

    It is a layer because Keras carries the masks of predictions through layers and
    loses them in other operations (https://github.com/keras-team/keras/issues/18416).
    """

    def __init__(self):
        super().__init__(autocast=False, name="repeat_for_pairs")

    def call(self, x):
        """Returns `(2N, ...)`."""
        return _as_column(interleave(x, x), x)

    def compute_mask(self, inputs, previous_mask=None):
        """Returns the mask of each row twice."""
        if previous_mask is None:
            return None
        return interleave(previous_mask, previous_mask)


@functools.cache
def _repeat_for_pairs():
    # All models share one layer: it has no state, and making it costs as much as a
    # loss.
    return RepeatForPairs()


def repeat_predictions(y_pred):
    """Returns predictions with each row twice, a structure of `(2N, ...)` leaves."""
    return map_leaves(_repeat_for_pairs(), y_pred)


def interleave_labels(pairs, y_pred):
    """Returns own and partners' labels in turn, a structure of `(2N, ...)` leaves."""
    vectors = all(len(leaf.shape) == 1 for leaf in tree.flatten(y_pred))

    def interleave_leaf(own, partner):
        in_turn = interleave(own, partner)
        return _as_column(in_turn, own) if vectors else in_turn

    return map_leaves(interleave_leaf, pairs.own, pairs.partner)


def interleave_weights(pairs):
    """Returns the rows' and the partners' sample weights in turn, or None."""
    return map_leaves(interleave, pairs.own_weight, pairs.partner_weight)


def loss_weights(pairs, y_pred, loss, output_names):
    """Returns the weights with which a loss of 2N rows is the loss of N pairs.

    Args:
        pairs: The `LabelPairs` of the N mixed rows.
        y_pred: The model's predictions for these rows, each of them twice.
        loss: The loss that the user passed to `compile`.
        output_names: The names of the model's outputs, or None.

    Returns:
        A structure like `y_pred` of float32 weights, `(2N,)` or `(2N, ...)`.
    """
    losses = _losses_of_outputs(loss, y_pred, output_names)
    sample_weights = _weights_of_outputs(pairs, y_pred, output_names)
    weights = [
        _scaled(_weights_of_output(pairs, *own_and_partner, leaf), one_loss, pairs)
        for leaf, one_loss, own_and_partner in zip(
            tree.flatten(y_pred), losses, sample_weights, strict=True
        )
    ]
    return tree.pack_sequence_as(y_pred, weights)


def metric_weights(pairs, y_pred, sample_weight):
    """Returns the weights of the 2N rows that a metric gets.

    Args:
        pairs: The `LabelPairs` of the N mixed rows.
        y_pred: The predictions that the metric gets, each of them twice.
        sample_weight: The weights that Keras passes to the metric, or None.

    Returns:
        float32 weights of 2N rows.
    """
    weights = _pair_weights(pairs)
    if sample_weight is None:
        return repeat_for_places(weights, y_pred)
    return _aligned(weights, sample_weight) * ops.cast(sample_weight, "float32")


def _pair_weights(pairs):
    """Returns λ and 1 − λ of each mixed row in turn, `(2N,)`."""
    return interleave(pairs.coefficients, 1.0 - pairs.coefficients)


def _as_column(values, leaf):
    """Makes one number per row a column: a loss averages over the last axis."""
    return values[:, None] if len(leaf.shape) == 1 else values


def _aligned(weights, like):
    """Gives weights of shape `(N,)` as many axes as `like` has."""
    return ops.reshape(weights, (-1, *(1,) * (len(like.shape) - 1)))


def _weights_of_output(pairs, own, partner, y_pred):
    weights = _pair_weights(pairs)
    if own is not None:
        sample_weight = ops.cast(interleave(own, partner), "float32")
        return _aligned(weights, sample_weight) * sample_weight
    # One weight for each value of the loss, because a metric and the reduction
    # "mean_with_sample_weight" divide by the sum of the weights.
    return repeat_for_places(weights, y_pred)


def _scaled(weights, loss, pairs):
    reduction = getattr(loss, "reduction", "sum_over_batch_size")
    if reduction in ("sum_over_batch_size", "mean"):
        return weights * 2.0  # the loss divides by 2N rows
    if reduction == "sum":
        return weights * pairs.scale  # K mixed rows replace one plain row
    return weights


def _losses_of_outputs(loss, y_pred, output_names):
    outputs = tree.flatten(y_pred)
    if not tree.is_nested(loss):
        return [loss] * len(outputs)
    if isinstance(loss, dict) and not isinstance(y_pred, dict) and output_names:
        return [loss.get(name) for name in output_names]
    if isinstance(loss, dict) and isinstance(y_pred, dict):
        # The dict may leave out outputs that have no loss.
        whole = {key: loss.get(key) for key in y_pred}
        return tree.flatten(whole)
    losses = tree.flatten(loss)
    if len(losses) != len(outputs):
        raise invalid(
            "`loss`",
            expected=f"one loss for each of the {len(outputs)} outputs",
            received=f"{len(losses)} losses",
            fix="pass one loss, or a list or dict with one for each output",
        )
    return losses


def _weights_of_outputs(pairs, y_pred, output_names):
    own, partner = pairs.own_weight, pairs.partner_weight
    count = len(tree.flatten(y_pred))
    if not tree.is_nested(own):
        return [(own, partner)] * count
    if isinstance(own, dict):
        names = list(y_pred) if isinstance(y_pred, dict) else output_names
        own, partner = ([part.get(name) for name in names] for part in (own, partner))
    return list(zip(tree.flatten(own), tree.flatten(partner), strict=True))

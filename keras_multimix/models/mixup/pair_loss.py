"""What a loss and metrics are fed so that they see each mixed row's two labels.

The loss of a mixed row is `λ * loss(ŷ, y) + (1 - λ) * loss(ŷ, y_partner)`. It is
computed in one evaluation over twice the rows, each prediction once with the row's own
label and once with the partner's, weighted by λ and 1 − λ. So a loss, its reduction
and its regularisation terms are evaluated once, by Keras itself.
"""

import functools

import keras
from keras import ops, tree

from keras_multimix.batches import map_leaves
from keras_multimix.errors import invalid


def stack_predictions(y_pred):
    """Returns predictions twice, `(2N, ...)`: for own and for partners' labels."""
    return map_leaves(_twice(), y_pred)


class _Twice(keras.layers.Layer):
    """A layer, because Keras hands masks to layers and keeps what they make of them."""

    def __init__(self):
        super().__init__(autocast=False, name="twice")

    def call(self, x):
        return _as_column(_interleaved(x, x), x)

    def compute_mask(self, inputs, previous_mask=None):
        if previous_mask is None:
            return None
        return _interleaved(previous_mask, previous_mask)


@functools.cache
def _twice():
    # One for all models: it has no state, and making a layer costs as much as a loss.
    return _Twice()


def stack_labels(pairs, y_pred):
    """Returns own and partners' labels in turn, a structure of `(2N, ...)` leaves."""
    vectors = all(len(leaf.shape) == 1 for leaf in tree.flatten(y_pred))

    def stack(own, partner):
        stacked = _interleaved(own, partner)
        return _as_column(stacked, own) if vectors else stacked

    return map_leaves(stack, pairs.own, pairs.partner)


def loss_weights(pairs, y_pred, loss, output_names):
    """Returns the weights that make a stacked loss the pairs' loss.

    Args:
        pairs: The `PairedLabels` of the N mixed rows.
        y_pred: The model's predictions for them, each twice.
        loss: What `compile` got as its loss.
        output_names: The names of the model's outputs, or None.

    Returns:
        A structure like `y_pred` of float32 weights, `(2N,)` or `(2N, ...)`.
    """
    losses = _losses_of_outputs(loss, y_pred, output_names)
    given = _weights_of_outputs(pairs, y_pred, output_names)
    weights = [
        _scaled(_stacked_weights(pairs, *own_and_partner, leaf), one_loss, pairs)
        for leaf, one_loss, own_and_partner in zip(
            tree.flatten(y_pred), losses, given, strict=True
        )
    ]
    return tree.pack_sequence_as(y_pred, weights)


def metric_weights(pairs, y_pred, sample_weight):
    """Returns the weights of a metric's stacked rows.

    Args:
        pairs: The `PairedLabels` of the N mixed rows.
        y_pred: The predictions that the metric gets, each twice.
        sample_weight: The weights that Keras hands the metric, or None.

    Returns:
        float32 weights of 2N rows.
    """
    own = _interleaved(pairs.coefficients, 1.0 - pairs.coefficients)
    if sample_weight is None:
        return _spread(own, y_pred)
    return _aligned(own, sample_weight) * ops.cast(sample_weight, "float32")


def stack_weights(pairs):
    """Returns the rows' and the partners' sample weights in turn, or None."""
    return map_leaves(_interleaved, pairs.own_weight, pairs.partner_weight)


def _interleaved(own, partner):
    """Returns the rows of two tensors in turn, `(2N, ...)`.

    Not one tensor below the other: where the rows lie on several devices, half of them
    would have to move.
    """
    # Not `ops.stack`: of one tensor twice TensorFlow's optimizer of graphs (2.21) makes
    # a tile and a reshape, and takes the wrong tensor for it.
    stacked = ops.concatenate([own[:, None], partner[:, None]], axis=1)
    return ops.reshape(stacked, (-1, *ops.shape(own)[1:]))


def _as_column(stacked, leaf):
    """Makes rows of scalars columns: a loss would average over the batch itself."""
    return stacked[:, None] if len(leaf.shape) == 1 else stacked


def _aligned(coefficients, weights):
    """Gives coefficients of shape `(N,)` as many axes as `weights` has."""
    return ops.reshape(coefficients, (-1, *(1,) * (len(weights.shape) - 1)))


def _spread(coefficients, y_pred):
    """Gives every value of a loss of predictions `(2N, ..., C)` its row's weight.

    A metric, and the reduction "mean_with_sample_weight", divide by the sum of the
    weights as they come. Keras masks weights in place, so they are no mere view.
    """
    rank = len(y_pred.shape)
    if rank <= 2:
        return coefficients
    zeros = ops.cast(ops.zeros_like(y_pred[..., 0]), "float32")
    return ops.reshape(coefficients, (-1, *(1,) * (rank - 2))) + zeros


def _stacked_weights(pairs, own, partner, y_pred):
    coefficients = _interleaved(pairs.coefficients, 1.0 - pairs.coefficients)
    if own is not None:
        given = ops.cast(_interleaved(own, partner), "float32")
        return _aligned(coefficients, given) * given
    return _spread(coefficients, y_pred)


def _scaled(weights, loss, pairs):
    reduction = getattr(loss, "reduction", "sum_over_batch_size")
    if reduction in ("sum_over_batch_size", "mean"):
        return weights * 2.0  # it divides by the number of rows, which is twice N
    if reduction == "sum":
        return weights * pairs.scale  # K rows stand for one of a plain batch
    return weights


def _losses_of_outputs(loss, y_pred, output_names):
    outputs = tree.flatten(y_pred)
    if not tree.is_nested(loss):
        return [loss] * len(outputs)
    if isinstance(loss, dict) and not isinstance(y_pred, dict) and output_names:
        return [loss.get(name) for name in output_names]
    if isinstance(loss, dict) and isinstance(y_pred, dict):
        # Outputs without a loss may be left out of the dict.
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

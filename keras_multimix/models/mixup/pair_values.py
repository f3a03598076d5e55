"""What a loss or a metric says of mixed rows, each of which keeps two labels.

The value of a mixed row is `λ * value(ŷ, y) + (1 - λ) * value(ŷ, y_partner)`, and its
weight is `λ * w + (1 - λ) * w_partner`. A function that gives one value per row is
evaluated once for each of the two labels. The shape of what it returns decides how λ is
applied, not the shape of the predictions.
"""

import weakref

from keras import ops, tree

from keras_multimix.annotations import Tensor
from keras_multimix.keras_fixes.tensors import interleave

# For each function of Keras that has been asked, its answers by shape.
_answers: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def in_turn(own, partner):
    """Returns own and partners' labels or weights in turn, `(2N, ...)`.

    Keras hands one structure of labels to losses and metrics. So the two labels of N
    mixed rows travel as one tensor, which `own_and_partner` takes apart.
    """
    return interleave(own, partner)


def own_and_partner(structure):
    """Returns the two structures of which `in_turn` made one; twice None of None."""
    if structure is None:
        return None, None
    return tuple(
        tree.map_structure(lambda leaf, first=first: leaf[first::2], structure)
        for first in (0, 1)
    )


def as_columns(y_true, y_pred):
    """Makes one number per row a column, because functions average the last axis."""
    leaves = [y_true, y_pred]
    if tree.is_nested(y_true) or any(len(leaf.shape) != 1 for leaf in leaves):
        return y_true, y_pred
    return y_true[:, None], y_pred[:, None]


def gives_one_per_row(owner, function, values, y_true, y_pred):
    """Whether a function of labels and predictions gives one value or more per row.

    A value of one class has the same shape if there are as many classes as rows. So the
    function is tried once with another number of rows; a compiler drops that again.

    Args:
        owner: The loss or metric of Keras to which the function belongs.
        function: The function.
        values: What it returned for the labels and predictions.
        y_true: Labels, a tensor or a structure.
        y_pred: Predictions, a tensor or a structure.
    """
    rows = tree.flatten(y_pred)[0].shape[0]
    shape = tuple(values.shape)
    if not shape or shape[0] != rows:
        return False
    if rows is None:
        return True
    key = tuple(tuple(leaf.shape) for leaf in tree.flatten([y_true, y_pred]))
    answers = _answers.setdefault(owner, {})
    if key not in answers:
        answers[key] = _follows_the_rows(function, y_true, y_pred, rows)
    return answers[key]


def _follows_the_rows(function, y_true, y_pred, rows):
    others = 1 if rows != 1 else 2

    def first(leaf: Tensor):
        return ops.concatenate([leaf, leaf]) if others == 2 else leaf[:1]

    try:
        values = function(
            *(tree.map_structure(first, each) for each in (y_true, y_pred))
        )
    except Exception:  # noqa: BLE001
        return True  # it takes this number of rows only
    return tuple(values.shape)[:1] == (others,)


def aligned(weights, like):
    """Gives weights of shape `(N,)` as many axes as `like` has."""
    return ops.reshape(weights, (-1, *(1,) * (len(like.shape) - 1)))


def mixed_weight(coefficients, own, partner):
    """Returns `λ * w + (1 - λ) * w_partner` in the shape of the weights, or None."""
    if own is None:
        return None
    own, partner = (ops.cast(each, "float32") for each in (own, partner))
    own_part = aligned(coefficients, own)
    return own_part * own + (1.0 - own_part) * partner


def mean_of_pair(own_values, partner_values, coefficients, own_weight, partner_weight):
    """Returns the values of mixed rows, of which each has two.

    Args:
        own_values: `(N, ...)`, with the rows' own labels.
        partner_values: The same with the partners' labels.
        coefficients: λ, float32 of shape `(N,)`.
        own_weight: The rows' sample weights, or None.
        partner_weight: The partners' sample weights, or None.

    Returns:
        `(N, ...)`. With sample weights it is the weighted mean of the two values. Times
        `mixed_weight` it is `λ w * value + (1 - λ) w_partner * partner's value`.
    """
    dtype = own_values.dtype
    own_part = ops.cast(aligned(coefficients, own_values), dtype)
    partner_part = 1.0 - own_part
    if own_weight is None:
        return own_part * own_values + partner_part * partner_values
    own_part = own_part * _with_rank_of(own_values, own_weight, dtype)
    partner_part = partner_part * _with_rank_of(own_values, partner_weight, dtype)
    total = own_part * own_values + partner_part * partner_values
    return ops.divide_no_nan(total, own_part + partner_part)


def masked_weights(weights, masks):
    """Returns sample weights that are 0 where a mask is, in the masks' shape.

    Args:
        weights: The rows' and the partners' sample weights, or None for each.
        masks: The two masks, numbers.
    """
    return [
        mask if weight is None else mask * _with_rank_of(mask, weight, mask.dtype)
        for weight, mask in zip(weights, masks, strict=True)
    ]


def _with_rank_of(values, weights, dtype):
    weights = ops.cast(weights, dtype)
    rank = len(values.shape)
    if len(weights.shape) == rank + 1 and weights.shape[-1] == 1:
        return ops.squeeze(weights, axis=-1)
    missing = rank - len(weights.shape)
    return ops.reshape(weights, (*ops.shape(weights), *(1,) * missing))


def likelier_label(pairs, own, partner):
    """Returns the one of its two labels that weighs more, for each of N mixed rows."""

    def choose(own, partner):
        return ops.where(aligned(pairs.coefficients, own) >= 0.5, own, partner)

    return tree.map_structure(choose, own, partner)

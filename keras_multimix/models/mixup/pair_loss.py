"""The loss of mixed rows that keep two labels each.

Keras itself applies the reduction, masks, weights and regularization terms of a loss,
each of them once. In between, `PairLoss` stands for the user's loss and returns the
values of N mixed rows.
"""

import keras
from keras import ops, tree

from keras_multimix.arguments import invalid
from keras_multimix.batches import map_leaves
from keras_multimix.keras_fixes import tensor_marks
from keras_multimix.models.mixup import pair_values

# Reductions that divide by the number of places.
_MEANS = ("mean", "sum_over_batch_size")


class PairLoss(keras.losses.Loss):
    """A loss of mixed rows, made of a loss of plain rows.

    Args:
        loss: The `keras.losses.Loss` that the user compiled.
        pairs: The `LabelPairs` of the N mixed rows.
    """

    def __init__(self, loss, pairs):
        super().__init__(name=loss.name, reduction=loss.reduction, dtype=loss.dtype)
        self._loss, self._pairs = loss, pairs
        # Most losses override `call`. Some override `__call__` and reduce themselves.
        whole = type(loss).__call__ is not keras.losses.Loss.__call__
        self._values = loss if whole else loss.call

    def __call__(self, y_true, y_pred, sample_weight=None):
        """Returns the loss of N mixed rows.

        Args:
            y_true: Own and partners' labels in turn, 2N rows.
            y_pred: The N predictions.
            sample_weight: Own and partners' weights in turn, or None.
        """
        # As Keras does before it calls a loss.
        converted = tree.map_structure(
            lambda x: ops.convert_to_tensor(x, dtype=self.dtype), [y_true, y_pred]
        )
        weights = pair_values.own_and_partner(sample_weight)
        # First, because a loss that leaves places out says so with its values.
        self._mixed, weight = self._mix(*converted, weights, padded=y_pred)
        return super().__call__(y_true, y_pred, weight)

    def call(self, y_true, y_pred):
        """Returns the values of N mixed rows, or one value for all of them."""
        return self._mixed

    def _mix(self, y_true, y_pred, weights, padded):
        """Returns the values of mixed rows and their weights, or None.

        Args:
            y_true: Own and partners' labels in turn, as the loss takes them.
            y_pred: The N predictions, as the loss takes them.
            weights: Own and partners' weights, each may be None.
            padded: The predictions, which may have a mask.
        """
        coefficients = self._pairs.coefficients
        own, partner = pair_values.own_and_partner(y_true)
        own, column = pair_values.as_columns(own, y_pred)
        partner, _ = pair_values.as_columns(partner, y_pred)
        values = self._values(own, column)
        if not pair_values.gives_one_per_row(
            self._loss, self._values, values, own, column
        ):
            values = self._of_whole_batches(own, partner, column, values, weights)
            return values, pair_values.mixed_weight(coefficients, *weights)
        both = values, self._values(partner, column)
        masks = [tensor_marks.mask_of(each, each) for each in both]
        if any(mask is not None for mask in masks):
            masks = [ops.ones_like(values) if mask is None else mask for mask in masks]
            weights = pair_values.masked_weights(weights, masks)
        values = pair_values.mean_of_pair(*both, coefficients, *weights)
        if masks[0] is not None and self.reduction in _MEANS:
            values = values * self._share_left_in(masks, padded)
        if self.reduction == "sum":  # K mixed rows replace one plain row
            values = values * self._pairs.scale
        return values, pair_values.mixed_weight(coefficients, *weights)

    def _share_left_in(self, masks, y_pred):
        """Returns what Keras divides by, over the places that a loss leaves in."""
        mixed = pair_values.mixed_weight(self._pairs.coefficients, *masks)
        padding = None
        if not tree.is_nested(y_pred):
            padding = tensor_marks.mask_of(y_pred, mixed)
        if padding is None:
            padding = ops.ones_like(mixed)
        share = ops.divide_no_nan(ops.sum(padding), ops.sum(padding * mixed))
        return ops.cast(share, self.dtype)

    def _of_whole_batches(self, own, partner, y_pred, values, sample_weights):
        """Returns the mean loss of K batches, each of which has one λ for all rows."""
        if not self._pairs.shared:
            raise invalid(
                f"loss {self.name!r} for `MixupModel`",
                expected="one value per row, because each mixed row has its own λ",
                received=f"a loss that gives a tensor of shape {tuple(values.shape)} "
                "for the whole batch",
                fix='draw one λ for all rows of a batch, `sampling="shared"` in the '
                'mixing layer (`per="batch"` in `RandomMix`); or let the loss return '
                "one value per row; or, if it "
                "takes soft labels, mix in the input pipeline, "
                "`dataset.map(MixUp(num_classes=…))`, and train the plain model",
            )
        count = self._pairs.num_interpolations

        def of_batch(labels, number):
            rows = tree.map_structure(lambda x: x[number::count], [labels, y_pred])
            return self._values(*rows)

        def weight_of_batch(weights, number):
            return 1.0 if weights is None else ops.mean(weights[number::count])

        total, weight = 0.0, 0.0
        for number in range(count):
            own_part = self._pairs.coefficients[number]
            parts = (own_part, 1.0 - own_part)
            for part, labels, weights in zip(
                parts, (own, partner), sample_weights, strict=True
            ):
                value = of_batch(labels, number)
                part = ops.cast(part * weight_of_batch(weights, number), value.dtype)
                total, weight = total + part * value, weight + part
        return ops.divide_no_nan(total, weight)


def labels_in_turn(pairs):
    """Returns own and partners' labels in turn, a structure of `(2N, ...)` leaves."""
    return map_leaves(pair_values.in_turn, pairs.own, pairs.partner)


def weights_in_turn(pairs):
    """Returns own and partners' sample weights in turn, or None."""
    return map_leaves(pair_values.in_turn, pairs.own_weight, pairs.partner_weight)


def weights_of_outputs(pairs, y_pred, model):
    """Returns the weights that each loss gets: one structure like the predictions.

    Args:
        pairs: The `LabelPairs` of the N mixed rows.
        y_pred: The model's predictions.
        model: The model, which may name its outputs.
    """
    weights = weights_in_turn(pairs)
    if not tree.is_nested(weights):
        return weights
    if not isinstance(weights, dict):
        return tree.pack_sequence_as(y_pred, list(weights))
    names = list(y_pred) if isinstance(y_pred, dict) else model.output_names
    by_output = [weights.get(name) for name in names]
    return tree.pack_sequence_as(y_pred, by_output)

"""What one draw makes of a batch inside a model: labels in pairs, and how to mix."""

import dataclasses
import functools

from keras_multimix import batches, mixing
from keras_multimix.batches import map_leaves
from keras_multimix.layers import applying


class PairedBatch:
    """One draw of a mixing layer for a batch of B rows.

    Args:
        layer: The `MixingLayer`.
        batch: The `Batch`.
        mixed: The same, its inputs being what is mixed: the batch's own inputs, or
            symbolic tensors of hidden features.
        partner_data: `(x, y, sample_weight)` of the rows' partners; None takes the
            partners from the batch itself.
        transformation: A dict of tensors, as the layer has drawn it.
        ops: The namespace of all tensors.
    """

    def __init__(self, layer, batch, mixed, partner_data, transformation, ops):
        self._layer, self._ops = layer, ops
        self._batch, self._mixed, self._partner_data = batch, mixed, partner_data
        self._num_rows = ops.shape(batches.leaves_of(batch.inputs)[0])[0]
        self._count = applying.num_pairs(layer, self._num_rows, ops)
        self._transformation = applying.first_pairs(
            layer, transformation, self._num_rows, ops
        )
        self._others_dropped = layer.keep_batch_size or partner_data is not None

    def part(self, number, count):
        """Returns the `PairedBatch` of some of the K interpolations of every pair.

        Args:
            number: Which part, an integer or an integer scalar tensor.
            count: How many parts there are, a divisor of K.
        """
        if count == 1:
            return self

        def of_part(entry):
            if len(entry.shape) < 2:  # no axis of the K interpolations
                return entry
            rows, total, *sizes = self._ops.shape(entry)
            split = self._ops.reshape(entry, (rows, count, total // count, *sizes))
            return self._ops.take(split, number, axis=1)

        return PairedBatch(
            self._layer,
            self._batch,
            self._mixed,
            self._partner_data,
            {key: of_part(entry) for key, entry in self._transformation.items()},
            self._ops,
        )

    @functools.cached_property
    def labels(self):
        """The `LabelPairs` of the mixed rows."""
        batch, ops = self._batch, self._ops
        if self._partner_data is None:
            without_inputs = dataclasses.replace(batch, inputs=None)
            partners = applying.map_batch(self._partner_rows, without_inputs)
        else:
            _, y, sample_weight = self._partner_data
            partners = batches.Batch(None, y, None, sample_weight, None)
            partners = applying.map_batch(lambda leaf: leaf[: self._count], partners)
        own = dataclasses.replace(
            self._mixed,
            labels=self._own(batch.labels),
            sample_weight=self._own(batch.sample_weight),
        )
        pairs = self._layer.pair_labels(own, partners, self._transformation, ops)
        rows_after = ops.cast(ops.shape(pairs.coefficients)[0], "float32")
        return pairs._replace(scale=ops.cast(self._num_rows, "float32") / rows_after)

    def mix(self, structure, partner_structure=None):
        """Mixes tensors with B rows, the inputs or what a hidden layer made of them.

        Args:
            structure: The tensors. For a batch that came with partners these may lie
                below the rows, 2·B rows, where `partner_structure` is None.
            partner_structure: The partners' tensors.
        """
        layer, transformation, ops = self._layer, self._transformation, self._ops
        if partner_structure is not None:
            others = self._own(partner_structure)
        elif self._partner_data is not None:
            others = self._partners_of(structure)
        else:
            others, transformation = layer.locate_partners(
                map_leaves, structure, transformation, ops
            )
            return layer.mix_inputs(self._own(structure), others, transformation, ops)
        in_order = transformation | {"partner": None}
        return layer.mix_inputs(self._own(structure), others, in_order, ops)

    def mix_mask(self, mask):
        """Mixes masks: a place counts in the mixed row if it does in either parent."""
        ops = self._ops
        times = self._transformation["coefficients"].shape[1]

        def either(leaf, partner_leaf):
            counts = ops.cast(ops.logical_or(leaf, partner_leaf), leaf.dtype)
            return mixing.repeat_rows(counts, times, ops)

        return map_leaves(either, self._own(mask), self._partners_of(mask))

    def _own(self, structure):
        """The rows that are mixed: of B, or of 2·B where partners lie below them."""
        if not self._others_dropped:
            return structure
        return map_leaves(lambda leaf: leaf[: self._count], structure)

    def _partners_of(self, structure):
        return map_leaves(self._partner_rows, structure)

    def _partner_rows(self, leaf):
        if self._partner_data is not None:  # they lie below the batch's own
            return leaf[self._num_rows :][: self._count]
        return self._layer.take_partners(leaf, self._transformation, self._ops)

"""One draw for one batch: what a layer returns, and what a model trains on."""

import copy
import dataclasses
import functools

from keras_multimix import (
    batches,
    label_kinds,
    label_parts,
    labels,
    mixing,
    unmixed,
)
from keras_multimix.annotations import Ops, Tensor, Transformation
from keras_multimix.batches import Batch, map_leaves
from keras_multimix.labels import LabelPairs
from keras_multimix.layers.row_locator import RowLocator
from keras_multimix.layers.shapes import num_pairs
from keras_multimix.layers.transformations import part_of
from keras_multimix.mixing import Partners
from keras_multimix.pairing.fixed import Given


class Mixture:
    """Who is mixed with whom in a batch of B rows, and how much.

    Args:
        layer: The `MixingLayer` that has drawn.
        batch: The `Batch`.
        transformation: A dict of tensors, as the layer has drawn it.
        ops: The namespace of all tensors.
        partners: The `Batch` of the rows' partners, row i that of row i; None takes
            the partners from the batch itself.
        features: Symbolic tensors of hidden features, if these are mixed and not the
            batch's inputs.
        chosen: Whether the caller has chosen the partners, and not the layer.
    """

    def __init__(
        self,
        layer,
        batch: Batch,
        transformation: Transformation,
        ops: Ops,
        *,
        partners=None,
        features=None,
        chosen=False,
    ):
        self._layer, self._batch, self._ops = layer, batch, ops
        self._partners, self._features = partners, features
        self._given = Given() if chosen else None
        self._has_originals = layer.keep_originals or None
        first = batch.input_leaves[0]
        rows = first.shape[0]  # asking `ops` takes longer
        self._num_rows = ops.shape(first)[0] if rows is None else rows
        self._num_pairs = self._num_rows
        self._transformation = transformation
        if layer.keep_batch_size:
            self._num_pairs = num_pairs(layer, self._num_rows, ops)
            # A transformation has an entry without rows: a choice.
            self._transformation = {
                key: entry[: self._num_pairs] if len(entry.shape) else entry
                for key, entry in transformation.items()
            }

    @property
    def num_given_rows(self):
        """How many rows the caller gives: B, or 2·B with the partners' after them."""
        return self._num_rows * (1 if self._partners is None else 2)

    def part(self, number, count):
        """Returns the `Mixture` of some of the K interpolations of every pair.

        Args:
            number: Which part, an integer or an integer scalar tensor.
            count: How many parts there are, a divisor of K.
        """
        if count == 1:
            return self

        part = copy.copy(self)
        part._transformation = part_of(self._transformation, number, count, self._ops)
        if self._has_originals is not None:
            part._has_originals = number == 0
        return part

    def batch(self):
        """Returns the mixed batch, in the structure of the caller's."""
        return self._layer._by_choice(self._batch_by, self._transformation, self._ops)

    def inputs(self, structure, partner_structure=None):
        """Returns inputs, or what a hidden layer made of them, mixed.

        Args:
            structure: Tensors with B rows; or with 2·B, the partners' after the batch's
                own, if the batch came with partners and `partner_structure` is None.
            partner_structure: Tensors of the partners, row i that of row i.
        """
        structures = (structure, partner_structure)
        structures = structures[: 1 if partner_structure is None else 2]

        def mix(layer):
            locate, rules = self._rows(layer).in_any(), layer.unmixed
            mix_input = functools.partial(self._mix_input, layer, locate)
            if rules is None or self._features is not None:
                return map_leaves(mix_input, *structures)
            parts = [unmixed.take_out(each, rules) for each in structures]
            rest, kept = zip(*parts, strict=True)
            kept = unmixed.mix(kept, rules, locate, self._alone, self._ops)
            return unmixed.put_back(structure, map_leaves(mix_input, *rest), kept)

        return self._by_layer(mix)

    def pairs(self):
        """Returns the labels and weights of the mixed rows, as `LabelPairs`."""
        pairs = self._by_layer(self._pairs_by)
        rows_after = self._ops.cast(self._ops.shape(pairs.coefficients)[0], "float32")
        return pairs._replace(
            scale=self._ops.cast(self._num_rows, "float32") / rows_after,
            num_interpolations=self._num_interpolations,
            shared=self._layer._shares_coefficients,
            originals=self._has_originals,
        )

    def mask(self, mask):
        """Mixes masks: a place counts if it counts in the row or in its partner."""
        ops = self._ops

        def either(layer, leaf: Tensor):
            rows = self._rows(layer)
            both = rows.own(leaf), rows.partner_rows(leaf)
            return mixing.of_either(ops.logical_or, *both, self._alone, ops)

        return self._by_layer(lambda each: map_leaves(lambda m: either(each, m), mask))

    # How one layer mixes -------------------------------------------------------

    def _by_layer(self, function):
        return self._layer._by_choice(function, self._transformation, self._ops)

    def _batch_by(self, layer):
        parts = [each.parts for each in self._batches]
        inputs, *labelled, sample_weight = zip(*parts, strict=True)
        locate, weights = self._rows(layer).in_any(), self._label_coefficients(layer)
        mix_input = functools.partial(self._mix_input, layer, locate)
        mixed_labels = [None, None]
        for number, part in enumerate(labelled):
            if part[0] is not None:
                mixed_labels[number] = self._mix_labels(
                    layer, locate, weights, part, number
                )
        mix_weight = functools.partial(self._mix_weight, layer, locate, weights)
        return self._batch.pack(
            map_leaves(mix_input, *inputs),
            *mixed_labels,
            map_leaves(mix_weight, *sample_weight),
            **self._kept_by(layer, locate),
        )

    def _mix_labels(self, layer, locate, weights, part, number):
        """Mixes the labels of a batch, part 0, or its masks, part 1."""
        mix_label = functools.partial(self._mix_label, layer, locate, weights)
        classes = label_parts.classes_of(layer.num_classes, self._batch)[number]
        if self._batch.sample_weight is not None:
            part += tuple(
                label_parts.sample_weights_of(b)[number] for b in self._batches
            )
        return label_parts.map_labels(mix_label, classes, *part)

    def _kept_by(self, layer, locate):
        if self._batch.kept is None:
            return {}
        both, rules = self._batches, layer.unmixed
        kept = unmixed.mix_batches(both, rules, locate, self._alone, self._ops)
        return {"kept": kept}

    def _mix_input(self, layer, locate, leaf: Tensor, partner_leaf=None):
        own, partners = locate(leaf, partner_leaf)
        dtype = batches.dtype_of(leaf)
        if "int" in dtype or dtype == "bool":
            dtype = layer.compute_dtype
        return layer._mix_rows(own, partners, self._transformation, dtype, self._ops)

    def _mix_label(self, layer, locate, weights, num_classes, *leaves, whole=False):
        """Mixes labels.

        The leaves are the labels, the partners' labels if these came in a batch of
        their own, and then the sample weights of either, if there are any. `whole`
        averages also what the layer cuts.
        """
        ops, half = self._ops, 1 if self._partners is None else 2
        places = label_kinds.NO_PLACES
        if num_classes is not None:
            places = label_kinds.places_of(self._batch.inputs, layer.data_format)
        encode = functools.partial(
            label_kinds.encode,
            num_classes=num_classes,
            ops=ops,
            places=places,
            smoothing=layer.label_smoothing,
        )
        own, partners = locate(*leaves[:half])
        encoded, dtype = encode(own)
        source = encoded if partners.source is own else encode(partners.source)[0]
        partners = Partners(source, partners.rows, partners.runs)
        axes = None
        if not whole:
            axes = layer._axes_of_label(leaves[0], self._batch, num_classes)
        if axes is not None:
            arguments = layer, locate, weights, num_classes, *leaves
            average = functools.partial(self._mix_label, *arguments, whole=True)
            encodes = label_kinds.are_classes(leaves[0], num_classes, places)
            if encodes and label_kinds.classes_come_first(leaves[0].shape, places):
                axes = tuple(axis + 1 for axis in axes)
            return self._cut_or(average, layer, encoded, partners, dtype, axes)
        weight = leaves[half:]
        weight = locate(*weight) if weight and weight[0] is not None else None
        if layer.mix_labels == "union":
            return mixing.union(
                encoded,
                mixing.take_rows(partners.source, partners.rows, ops),
                weight and weight[0],
                weight and mixing.take_rows(weight[1].source, weight[1].rows, ops),
                alone=self._alone,
                ops=ops,
            )
        if weight is None:
            return mixing.interpolate(encoded, partners, weights, dtype, ops)
        return mixing.interpolate_weighted(
            encoded, partners, weight, weights, dtype, ops
        )

    def _mix_weight(self, layer, locate, weights, leaf: Tensor, partner_leaf=None):
        own, partners = locate(leaf, partner_leaf)
        dtype = labels.mixed_dtype(leaf)
        axes = layer._axes_of_label(leaf, self._batch, is_weight=True)

        def average():
            return mixing.interpolate(own, partners, weights, dtype, self._ops)

        if axes is None:
            return average()
        return self._cut_or(average, layer, own, partners, dtype, axes)

    def _cut_or(self, average, layer, own, partners, dtype, axes):
        """Returns what is cut, but `average()` in rows that a layer does not cut."""
        ops, drawn = self._ops, self._transformation
        cut = layer._mix_rows(own, partners, drawn, dtype, ops, axes)
        return layer._where_cut(cut, average, drawn, ops)

    def _pairs_by(self, layer):
        batch, partners = self._batch, self._partners
        if self._features is not None:
            batch = dataclasses.replace(batch, inputs=self._features)
        times, ops = self._num_interpolations, self._ops
        rows, weights = self._rows(layer), self._label_coefficients(layer)

        def partner_rows(part, partner_part):
            if partner_part is not None:
                return map_leaves(rows.own, partner_part)
            return map_leaves(rows.partner_rows, part)

        def repeat(leaf: Tensor):
            return mixing.repeat_rows(leaf, times, ops)

        def one_side(side, is_weight, leaf: Tensor, own, partner):
            axes = layer._axes_of_label(leaf, batch, is_weight=is_weight)
            if axes is None:
                return repeat((own, partner)[side])
            # A place of a pasted mask has one label, the same for row and partner.
            dtype, pasted = batches.dtype_of(leaf), Partners(partner)
            whole = functools.partial(repeat, (own, partner)[side])
            return self._cut_or(whole, layer, own, pasted, dtype, axes)

        def both_sides(part, partner_part, is_weight=False):
            sides = map_leaves(rows.own, part), partner_rows(part, partner_part)
            return [
                map_leaves(functools.partial(one_side, n, is_weight), part, *sides)
                for n in (0, 1)
            ]

        given = partners or batches.Batch(None, None, None, None)
        own, partner = both_sides(batch.labels, given.labels)
        own_weight, partner_weight = both_sides(
            batch.sample_weight, given.sample_weight, is_weight=True
        )
        if layer.mix_labels == "union":
            sides = own, partner, own_weight, partner_weight
            own = partner = label_parts.united(
                *sides, ops.reshape(self._alone, (-1,)), ops
            )
        if batch.kept is not None:
            kept = self._kept_by(layer, rows.in_any())["kept"][1]
            whole = batch.kept.whole_labels
            own, partner = (unmixed.put_back(whole, y, kept) for y in (own, partner))
        return LabelPairs(
            own=own,
            partner=partner,
            coefficients=ops.reshape(weights, (-1,)),
            own_weight=own_weight,
            partner_weight=partner_weight,
            scale=None,
            num_interpolations=None,
            shared=None,
        )

    def _label_coefficients(self, layer):
        """Returns the weights of the rows' own labels, `(B, K)`."""
        weights = self._transformation["coefficients"]
        if layer.mix_labels:
            return weights
        return self._ops.cast(weights >= 0.5, "float32")

    @property
    def _alone(self):
        """Which mixed rows are the rows themselves, bools of shape `(B, K)`."""
        weights = self._transformation["coefficients"]
        # A λ that rounds to 1 makes no original without `keep_originals`.
        return weights == 1 if self._layer.keep_originals else weights > 1

    @property
    def _batches(self):
        """The batch, and its partners' if these came in one of their own."""
        return [self._batch] + ([] if self._partners is None else [self._partners])

    # Where the rows are --------------------------------------------------------

    @property
    def _num_interpolations(self):
        return self._transformation["coefficients"].shape[1]  # K, or a part of K

    def _rows(self, layer):
        """Returns the `RowLocator` of the draw."""
        return RowLocator(
            pairing=self._given or layer._resolved_pairing,
            partner=self._transformation["partner"],
            num_rows=self._num_rows,
            num_pairs=self._num_pairs,
            takes_all=not self._layer.keep_batch_size,
            apart=self._partners is not None,
            ops=self._ops,
        )

"""Applying: every part of a batch is mixed with its partner rows as its kind asks."""

import keras

from keras_multimix import batches, labels, mixing
from keras_multimix.batches import Batch, map_leaves


def map_batch(function, batch):
    """Maps a function over the arrays of all parts of a `Batch`."""
    return Batch(*(map_leaves(function, part) for part in batch.parts), batch.pack)


def mix(layer, batch, others, transformation, ops):
    """Mixes all parts of a batch.

    Args:
        layer: The `PairMixingLayer` that says how.
        batch: The `Batch`.
        others: The `Batch` that holds the partners, in the rows that the
            transformation names.
        transformation: A dict of tensors, as `drawing.draw` returns it; its
            `"partner"` may be None, for row i.
        ops: The namespace of all three.

    Returns:
        The mixed batch, in the structure of the caller's.
    """
    weights = label_coefficients(layer, transformation, ops)
    rows = transformation["partner"]

    def encode(leaf):
        return labels.encode(leaf, layer.num_classes, ops, batch.inputs)

    def mix_label(leaf, other):
        own = encode(leaf)
        other = own if other is leaf else encode(other)
        dtype = labels.mixed_dtype(own)
        if layer.is_spatial(leaf, batch):
            return layer.mix_rows(own, other, transformation, dtype, ops)
        return mixing.interpolate(own, other, rows, weights, dtype, ops)

    def mix_weight(leaf, other):
        dtype = labels.mixed_dtype(leaf)
        return mixing.interpolate(leaf, other, rows, weights, dtype, ops)

    return batch.pack(
        mix_inputs(layer, batch.inputs, others.inputs, transformation, ops),
        map_leaves(mix_label, batch.labels, others.labels),
        map_leaves(mix_label, batch.masks, others.masks),
        map_leaves(mix_weight, batch.sample_weight, others.sample_weight),
    )


def mix_inputs(layer, inputs, others, transformation, ops):
    """Mixes a structure of inputs, or of hidden features, with rows of another."""

    def mix_input(leaf, other):
        dtype = input_dtype(layer, leaf)
        return layer.mix_rows(leaf, other, transformation, dtype, ops)

    return map_leaves(mix_input, inputs, others)


def pair_labels(layer, batch, partners, transformation, ops):
    """Repeats labels and weights in pairs, one for each mixed row.

    Args:
        layer: The `PairMixingLayer` that says how.
        batch: The `Batch`; its inputs are those that are mixed.
        partners: The `Batch` of the partners, row i that of row i.
        transformation: A dict of tensors, as `drawing.draw` returns it.
        ops: The namespace of all three.

    Returns:
        A `LabelPairs` without its `scale`.
    """
    in_order = transformation | {"partner": None}
    times = transformation["coefficients"].shape[1]  # K, or a part of K

    def repeat(leaf):
        return mixing.repeat_rows(leaf, times, ops)

    def own_or_mask(leaf, partner_leaf):
        if not layer.is_spatial(leaf, batch):
            return repeat(leaf)
        # A pixel of a pasted mask has one label, whichever side of the pair asks.
        dtype = batches.dtype_of(leaf)
        return layer.mix_rows(leaf, partner_leaf, in_order, dtype, ops)

    def partner_or_mask(leaf, partner_leaf):
        if not layer.is_spatial(leaf, batch):
            return repeat(partner_leaf)
        return own_or_mask(leaf, partner_leaf)

    return labels.LabelPairs(
        own=map_leaves(own_or_mask, batch.labels, partners.labels),
        partner=map_leaves(partner_or_mask, batch.labels, partners.labels),
        coefficients=ops.reshape(label_coefficients(layer, transformation, ops), (-1,)),
        own_weight=map_leaves(repeat, batch.sample_weight),
        partner_weight=map_leaves(repeat, partners.sample_weight),
        scale=None,
    )


def first_pairs(layer, structure, num_rows, ops):
    """Returns the rows of a structure that `keep_batch_size` leaves."""
    if not layer.keep_batch_size:
        return structure
    count = num_pairs(layer, num_rows, ops)

    def first(leaf):
        # A transformation has parts without rows: a choice, and no partners at all.
        return leaf if leaf is None or not len(leaf.shape) else leaf[:count]

    return map_leaves(first, structure)


def num_pairs(layer, num_rows, ops=None):
    """Returns how many of the rows of a batch are mixed with their partners."""
    if not layer.keep_batch_size:
        return num_rows
    pairs = num_rows // layer.num_interpolations
    return max(1, pairs) if isinstance(pairs, int) else ops.maximum(pairs, 1)


def label_coefficients(layer, transformation, ops):
    """Returns the weights of the rows' own labels, `(B, K)`."""
    weights = transformation["coefficients"]
    return weights if layer.mix_labels else ops.cast(weights >= 0.5, "float32")


def output_spec(layer, batch):
    """Returns the symbolic batch that mixing a symbolic one gives.

    Args:
        layer: The `MixingLayer`.
        batch: A `Batch` of `keras.KerasTensor`s.
    """

    def rows(leaf):
        count, times = leaf.shape[0], layer.num_interpolations
        if count is None:
            return None
        return num_pairs(layer, count) * times

    def spec_input(leaf):
        dtype = input_dtype(layer, leaf)
        return keras.KerasTensor((rows(leaf), *leaf.shape[1:]), dtype=dtype)

    def spec_label(leaf):
        shape = labels.encoded_shape(leaf, layer.num_classes, batch.inputs)
        dtype = "float32" if batches.is_integer(leaf) else labels.mixed_dtype(leaf)
        return keras.KerasTensor((rows(leaf), *shape[1:]), dtype=dtype)

    def spec_weight(leaf):
        dtype = labels.mixed_dtype(leaf)
        return keras.KerasTensor((rows(leaf), *leaf.shape[1:]), dtype=dtype)

    return batch.pack(
        map_leaves(spec_input, batch.inputs),
        map_leaves(spec_label, batch.labels),
        map_leaves(spec_label, batch.masks),
        map_leaves(spec_weight, batch.sample_weight),
    )


def input_dtype(layer, leaf):
    """Returns the dtype of a mixed input: a float's own, or the layer's."""
    dtype = batches.dtype_of(leaf)
    whole = "int" in dtype or dtype == "bool"
    return layer.compute_dtype if whole else dtype

"""What rows look like: how many there are when mixed, their shapes and dtypes."""

import keras

from keras_multimix import (
    batches,
    label_kinds,
    label_parts,
    labels,
)
from keras_multimix.annotations import Ops, Tensor
from keras_multimix.arguments import invalid
from keras_multimix.batches import Batch, map_leaves


def num_pairs(layer, num_rows, ops: Ops = None):
    """Returns how many of the rows of a batch a layer mixes with their partners.

    Args:
        layer: The `MixingLayer`.
        num_rows: B, an integer or a scalar tensor.
        ops: The namespace of a tensor.
    """
    if not layer.keep_batch_size:
        return num_rows
    pairs = num_rows // layer.num_interpolations
    return max(1, pairs) if isinstance(pairs, int) else ops.maximum(pairs, 1)


def output_spec(layer, batch: Batch):
    """Returns the symbolic batch that mixing a symbolic one gives.

    Args:
        layer: The `MixingLayer`.
        batch: A `Batch` of `keras.KerasTensor`s.
    """

    def spec(leaf: Tensor, sizes, dtype):
        rows = leaf.shape[0]
        if rows is not None:
            rows = num_pairs(layer, rows) * layer.num_interpolations
        return keras.KerasTensor((rows, *sizes), dtype=dtype)

    def spec_input(leaf: Tensor):
        dtype = batches.dtype_of(leaf)
        whole = "int" in dtype or dtype == "bool"
        return spec(leaf, leaf.shape[1:], layer.compute_dtype if whole else dtype)

    places = label_kinds.places_of(batch.inputs, layer.data_format)

    def spec_label(num_classes, leaf: Tensor):
        shape = label_kinds.encoded_shape(leaf, num_classes, places)
        encoded = label_kinds.are_classes(leaf, num_classes, places)
        dtype = "float32" if encoded else labels.mixed_dtype(leaf)
        return spec(leaf, shape[1:], dtype)

    def spec_weight(leaf: Tensor):
        return spec(leaf, leaf.shape[1:], labels.mixed_dtype(leaf))

    kept = {}
    if batch.kept is not None:

        def spec_kept(leaf: Tensor):
            return spec(leaf, leaf.shape[1:], batches.dtype_of(leaf))

        kept["kept"] = [
            {path: map_leaves(spec_kept, leaf) for path, leaf in part.items()}
            for part in batch.kept[:2]
        ]
    label_classes, mask_classes = label_parts.classes_of(layer.num_classes, batch)
    return batch.pack(
        map_leaves(spec_input, batch.inputs),
        label_parts.map_labels(spec_label, label_classes, batch.labels),
        label_parts.map_labels(spec_label, mask_classes, batch.masks),
        map_leaves(spec_weight, batch.sample_weight),
        **kept,
    )


def check_same_shapes(batch: Batch, partners):
    """Refuses partners of another structure or other shapes than a `Batch`."""
    try:
        keras.tree.assert_same_structure(batch.parts, partners.parts)
    except (ValueError, TypeError) as error:
        raise invalid(
            "`partner_data`",
            expected="the structure of `data`",
            received=f"another one: {error}"[:300],
            fix="pass two batches of the same structure",
        ) from None
    own_shapes, partner_shapes = (
        [tuple(leaf.shape) for leaf in each.leaves] for each in (batch, partners)
    )
    if len(own_shapes) != len(partner_shapes) or not all(
        map(batches.same_shape, own_shapes, partner_shapes)
    ):
        raise invalid(
            "`partner_data`",
            expected=f"parts shaped like those of `data`, {own_shapes}",
            received=f"{partner_shapes}",
            fix="batch both datasets alike, for instance with `drop_remainder=True`",
        )

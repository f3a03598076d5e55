"""Sampling: draws a transformation, the partners and coefficients, for a batch."""

import math

from keras_multimix import batches, labels, namespaces, pairing
from keras_multimix.errors import invalid


def draw(layer, batch, mixed, state, ops):
    """Draws a transformation for a batch from the state of one call.

    Args:
        layer: The `PairMixingLayer` that says how.
        batch: The `Batch`, which has been checked.
        mixed: The same with the inputs that are mixed.
        state: int32 of shape `(3,)`: two key words and the step.
        ops: The namespace of the batch.

    Returns:
        A dict of tensors of that namespace, shaped as `layer.transformation_shapes`.
    """
    leaves = batches.leaves_of(batch.inputs)
    num_rows = ops.shape(leaves[0])[0]
    # A few hundred numbers: drawn in NumPy wherever nothing about them is traced.
    known = namespaces.is_array(state) and all(
        isinstance(size, int) for leaf in leaves for size in ops.shape(leaf)
    )
    draw_ops = namespaces.numpy_ops if known else ops
    state = namespaces.adopt(state, draw_ops)
    draw_ids = pairing.draw_ids(layer.pairing, num_rows, draw_ops)
    drawn = {
        "partner": _draw_partners(layer, batch, state, num_rows, draw_ops, ops),
        **layer.draw_mixture(mixed, draw_ids, state, draw_ops),
    }
    return {key: namespaces.adopt(value, ops) for key, value in drawn.items()}


def check_transformation(layer, batch, transformation):
    """Refuses a transformation that does not fit the batch.

    Args:
        layer: The `MixingLayer` that is to apply it.
        batch: The `Batch`.
        transformation: What the caller passed.

    Raises:
        ValueError: If an entry is missing or of another shape, or out of range.
    """
    given = transformation if isinstance(transformation, dict) else {}
    num_rows = batches.leaves_of(batch.inputs)[0].shape[0]
    for key, shape in layer.transformation_shapes(num_rows).items():
        value = given.get(key)
        received = tuple(value.shape) if namespaces.is_tensor(value) else None
        if received is None or not batches.same_shape(received, shape):
            raise invalid(
                f"transformation, entry {key!r}",
                expected=f"an array of shape {shape}",
                received=f"{value!r:.60}" if received is None else f"shape {received}",
                fix="pass what `get_random_transformation` returns for such a batch",
            )
    entry = "transformation, entry 'partner'"
    pairing.check_partners(given["partner"], num_rows, entry)
    weights = namespaces.readable(given["coefficients"])
    # Negated, so that a NaN is refused too.
    if weights is not None and not ((weights >= 0) & (weights <= 1)).all():
        raise invalid(
            "transformation, entry 'coefficients'",
            expected="λ between 0 and 1",
            received=f"values from {weights.min()} to {weights.max()}",
            fix="pass the weight of each row, the partner has the rest",
        )


def _draw_partners(layer, batch, state, num_rows, draw_ops, ops):
    if layer.always_plain:
        return draw_ops.arange(num_rows, dtype="int32")
    if callable(layer.pairing):
        return _call_pairing(layer.pairing, batch, state, num_rows, ops)
    if layer.pairing == "same_class":
        classes = labels.class_indices(batch.labels, ops)
        candidates = pairing.same_class_candidates(classes, ops)
    elif layer.pairing == "neighbors":
        rows = [
            ops.reshape(ops.cast(leaf, "float32"), (num_rows, _values_of_a_row(leaf)))
            for leaf in batches.leaves_of(batch.inputs)
        ]
        candidates = pairing.neighbor_candidates(ops.concatenate(rows, axis=1), ops)
    else:
        return pairing.sample_partners(state, layer.pairing, num_rows, draw_ops)
    return pairing.choose_partners(namespaces.adopt(state, ops), candidates, ops)


def _values_of_a_row(leaf):
    """Returns how many there are, or -1 where a size is unknown."""
    sizes = tuple(leaf.shape)[1:]
    return -1 if None in sizes else math.prod(sizes)


def _call_pairing(function, batch, state, num_rows, ops):
    seed = pairing.callable_seed(namespaces.adopt(state, ops), ops)
    partners = function(batch.inputs, batch.labels, seed)
    known_rows = num_rows if isinstance(num_rows, int) else None
    pairing.check_partners(partners, known_rows)
    return ops.cast(ops.convert_to_tensor(partners), "int32")

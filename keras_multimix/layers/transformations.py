"""Transformations that a caller hands over: what one draw holds, checked."""

from keras_multimix import batches, namespaces, tracing
from keras_multimix.annotations import Ops, Transformation
from keras_multimix.arguments import invalid
from keras_multimix.pairing.by_content import check_partners


def check_transformation(transformation: Transformation, shapes):
    """Refuses a transformation that does not fit a batch.

    Args:
        transformation: What the caller passed.
        shapes: A dict of an entry's name and its shape, with None where a size is
            unknown.

    Raises:
        ValueError: If an entry is missing or of another shape, or out of range.
    """
    given = transformation if isinstance(transformation, dict) else {}
    for key, shape in shapes.items():
        value = given.get(key)
        received = tuple(value.shape) if namespaces.is_tensor(value) else None
        if received is None or not batches.same_shape(received, shape):
            raise invalid(
                f"transformation, entry {key!r}",
                expected=f"an array of shape {shape}",
                received=f"{value!r:.60}" if received is None else f"shape {received}",
                fix="make it an array, `numpy.asarray`"
                if isinstance(value, (list, tuple))
                else "pass what `get_random_transformation` returns for such a batch",
            )
    entry = "transformation, entry 'partner'"
    check_partners(given["partner"], shapes["partner"][0], entry)
    weights = tracing.to_numpy_if_on_host(given["coefficients"])
    # Negated, so that a NaN is refused too.
    if weights is not None and not ((weights >= 0) & (weights <= 1)).all():
        raise invalid(
            "transformation, entry 'coefficients'",
            expected="λ between 0 and 1",
            received=f"values from {weights.min()} to {weights.max()}",
            fix="pass λ, the weight of each row itself; its partner has 1 − λ",
        )


def with_originals(drawn, ops: Ops):
    """Puts the row itself, λ = 1 and no box, before the interpolations of each pair.

    Args:
        drawn: A dict of tensors of shape `(..., B, K - 1)`: coefficients, and of boxes
            `(..., B, K - 1, 2n)`.
        ops: Their namespace.
    """
    drawn, weights = dict(drawn), drawn["coefficients"]
    ones = ops.zeros_like(weights[..., :1]) + 1.0
    drawn["coefficients"] = ops.concatenate([ones, weights], axis=-1)
    if "boxes" in drawn:
        none = ops.zeros_like(drawn["boxes"][..., :1, :])
        drawn["boxes"] = ops.concatenate([none, drawn["boxes"]], axis=-2)
    return drawn


def part_of(transformation: Transformation, number, count, ops: Ops):
    """Returns the draw of some of the K interpolations of every pair.

    Args:
        transformation: A dict of tensors.
        number: Which part, an integer or an integer scalar tensor.
        count: How many parts there are, a divisor of K.
        ops: The namespace of the tensors.
    """

    def of_part(entry):
        if len(entry.shape) < 2:  # no axis of the K interpolations
            return entry
        rows, total, *sizes = ops.shape(entry)
        split = ops.reshape(entry, (rows, count, total // count, *sizes))
        return ops.take(split, number, axis=1)

    return {key: of_part(entry) for key, entry in transformation.items()}

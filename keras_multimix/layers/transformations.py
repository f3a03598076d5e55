"""Transformations that a caller hands over: what one draw holds, checked."""

import numpy as np

from keras_multimix import batches, namespaces, tracing
from keras_multimix.annotations import Ops, Transformation
from keras_multimix.arguments import invalid
from keras_multimix.batches import Batch
from keras_multimix.pairing.by_content import check_partners


def check_transformation(transformation: Transformation, layer, batch: Batch):
    """Refuses a transformation that does not fit a batch.

    Args:
        transformation: What the caller passed.
        layer: The layer that is to mix with it.
        batch: What it is to mix.

    Raises:
        ValueError: If an entry is missing or of another shape, or out of range, or
            boxes contradict the coefficients.
    """
    shapes = layer._transformation_shapes(batch.input_leaves[0].shape[0])
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
    boxes = tracing.to_numpy_if_on_host(given["boxes"]) if "boxes" in shapes else None
    size = None if boxes is None else layer._cut_size(batch)
    if size is not None and None not in size:
        # `RandomMix` has coefficients of layers without boxes, too.
        _check_boxes(boxes, None if "choice" in shapes else weights, size)


def _check_boxes(boxes, weights, size):
    """Refuses boxes that images of a size do not have, or whose share is another.

    Args:
        boxes: NumPy array of shape `(B, K, 2n)`: n starts and n lengths.
        weights: NumPy array of shape `(B, K)`; None checks no shares.
        size: The n sizes of the images.
    """
    entry, fix = "transformation, entry 'boxes'", "draw for a batch of this size"
    if boxes.dtype.kind not in "iu":
        raise invalid(
            entry,
            expected="integers, pixels",
            received=f"dtype {boxes.dtype}",
            fix="pass whole numbers, `boxes.astype('int32')`",
        )
    starts, lengths = np.split(boxes.astype("int64"), 2, axis=-1)
    if ((starts < 0) | (lengths < 0) | (starts + lengths > size)).any():
        raise invalid(
            entry,
            expected=f"starts and lengths of boxes inside of images of {size} pixels",
            received=f"values from {boxes.min()} to {boxes.max()}",
            fix=fix,
        )
    shares = 1.0 - np.prod(lengths / np.array(size), axis=-1)
    if weights is not None and not np.allclose(shares, weights, rtol=0, atol=1e-4):
        row = int(np.abs(shares - weights).max(axis=-1).argmax())
        raise invalid(
            "transformation, entry 'coefficients'",
            expected="λ as large as the share of the pixels outside of the box",
            received=f"{weights[row].tolist()} in row {row}, where the boxes leave "
            f"{shares[row].round(6).tolist()}",
            fix=fix + ", or pass these shares",
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

"""Mixing itself: pure functions of rows, partners and coefficients, nothing random.

Every function works on one tensor whose axis 0 is the batch and takes the namespace
`ops` that holds it. The partner of row i is row `rows[i]` of `others`, or row i where
`rows` is None. Mixed rows are pair-major: row `i * K + k` is pair i at its k-th
coefficient.
"""

from keras_multimix import fused, namespaces
from keras_multimix.batches import dtype_of


def repeat_rows(x, times, ops):
    """Returns `x` with each row repeated, the copies one after another."""
    return x if times == 1 else ops.repeat(x, times, axis=0)


def take_rows(x, rows, ops):
    """Returns the rows of `x` with the numbers `rows`, or `x` itself for None."""
    return x if rows is None else ops.take(x, rows, axis=0)


def interpolate(x, others, rows, coefficients, dtype, ops):
    """Mixes each row with its partner's at each of its K coefficients.

    Args:
        x: Numeric tensor of shape `(B, ...)`.
        others: Tensor that holds the partners, of the same trailing shape.
        rows: int32 tensor of shape `(B,)`, the partners' rows; or None.
        coefficients: float32 tensor of shape `(B, K)`, λ in [0, 1].
        dtype: dtype of the result. The arithmetic is never below float32.
        ops: The namespace of all three.

    Returns:
        `λ * x + (1 - λ) * others[rows]`, of shape `(B * K, ...)` and dtype `dtype`.
    """
    at_least_float32 = "float32" if dtype in ("float16", "bfloat16") else dtype
    own = _cast(x, at_least_float32, ops)
    others = own if others is x else _cast(others, at_least_float32, ops)
    weights = _cast(coefficients, at_least_float32, ops)
    mixed = fused.combine(own, others, rows, weights, ops)
    num_rows, *sizes = ops.shape(x)
    if coefficients.shape[1] > 1:
        # Not -1: where a size is 0 it could be anything.
        mixed = ops.reshape(mixed, (num_rows * coefficients.shape[1], *sizes))
    return _cast(mixed, dtype, ops)


def paste(x, others, rows, boxes, axes, ops):
    """Cuts K boxes out of each row and pastes the partner's pixels there.

    Args:
        x: Tensor of shape `(B, ...)` with spatial axes.
        others: Tensor that holds the partners, of the same trailing shape.
        rows: int32 tensor of shape `(B,)`, the partners' rows; or None.
        boxes: int32 tensor of shape `(B, K, 4)`: top, left, height, width in pixels.
        axes: The numbers of the row and the column axis of `x`.
        ops: The namespace of all three.

    Returns:
        A tensor of shape `(B * K, ...)` and the dtype of `x`.
    """
    num_interpolations = boxes.shape[1]
    num_rows, *sizes = ops.shape(x)
    inside = None
    for number, axis in enumerate(axes):
        shape = [1] * (len(x.shape) + 1)
        shape[axis + 1] = -1
        pixels = ops.reshape(ops.arange(sizes[axis - 1], dtype="int32"), shape)
        edges = (-1, num_interpolations) + (1,) * (len(x.shape) - 1)
        start = ops.reshape(boxes[:, :, number], edges)
        size = ops.reshape(boxes[:, :, number + 2], edges)
        along = (pixels >= start) & (pixels < start + size)
        inside = along if inside is None else inside & along
    mixed = ops.where(inside, take_rows(others, rows, ops)[:, None], x[:, None])
    return ops.reshape(mixed, (num_rows * num_interpolations, *sizes))


def box_sizes(coefficients, size, ops):
    """Returns the height and width of boxes that cover a share 1 − λ of an image.

    Args:
        coefficients: float32 tensor of λ in [0, 1].
        size: Height and width of the image in pixels.
        ops: The namespace of the coefficients.

    Returns:
        Two int32 tensors shaped like `coefficients`: each side is √(1 − λ) of the
        image's, to the nearest pixel.

    References:
        Yun et al., "CutMix", ICCV 2019, section 3.1.
    """
    side = ops.sqrt(1.0 - coefficients)
    return tuple(
        ops.cast(side * ops.cast(pixels, "float32") + 0.5, "int32") for pixels in size
    )


def _cast(x, dtype, ops):
    # Dispatching a cast that does nothing costs as much as mixing a small batch. An
    # array among tensors it makes a tensor.
    if dtype_of(x) == dtype and (
        ops is namespaces.numpy_ops or not namespaces.is_array(x)
    ):
        return x
    return ops.cast(x, dtype)

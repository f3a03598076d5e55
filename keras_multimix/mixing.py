"""Mixes rows: pure functions of rows, partners and coefficients, nothing random.

Every function works on one tensor whose axis 0 is the batch and takes the namespace
`ops` that holds it. Mixed rows are pair-major: row `i * K + k` is pair i at its k-th
coefficient.

The cost of mixing is memory traffic: two rows are read and one is written. If every
operation of the formula writes a tensor of its own, it costs up to five passes. So
`lerp` uses the way with the fewest passes that each backend has.
"""

import functools
import math
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_multimix import namespaces, runtime, tracing
from keras_multimix.annotations import Ops
from keras_multimix.batches import dtype_of, needs_cast

# With fewer numbers in a row dispatching costs more than memory traffic does.
_LARGE_ROW = 1024
# With fewer numbers in a batch a loop over runs of rows costs more than a gather.
_LARGE_BATCH = 1 << 16


class Partners(NamedTuple):
    """Where the partners of a tensor's rows are.

    Attributes:
        source: A tensor of the same trailing shape. It is not written to.
        rows: int32 tensor of shape `(B,)`: the partner of row i is row `rows[i]` of
            `source`. None: row i.
        runs: The same as a list of `(start, stop, first)`, where it is known to have
            few: the partners of rows `start` to `stop` are those from `first` on.
    """

    source: Any
    rows: Any = None
    runs: Any = None


def repeat_rows(x, times, ops: Ops):
    """Returns `x` with each row repeated, the copies one after another."""
    return x if times == 1 else ops.repeat(x, times, axis=0)


def for_rows(values, like, ops: Ops):
    """Gives one value per row, `(B,)`, as many axes as `like` has."""
    return ops.reshape(values, (-1, *(1,) * (len(like.shape) - 1)))


def take_rows(x, rows, ops: Ops):
    """Returns the rows of `x` with the numbers `rows`, or `x` itself for None."""
    return x if rows is None else ops.take(x, rows, axis=0)


def interpolate(x, partners, coefficients, dtype, ops: Ops):
    """Mixes each row with its partner's at each of its K coefficients.

    Args:
        x: Numeric tensor of shape `(B, ...)`.
        partners: The `Partners` of its rows.
        coefficients: float32 tensor of shape `(B, K)`, λ in [0, 1].
        dtype: dtype of the result. The arithmetic is never below float32.
        ops: The namespace of all of them.

    Returns:
        `λ * x + (1 - λ) * source[rows]`, of shape `(B * K, ...)` and dtype `dtype`.
    """
    at_least_float32 = "float32" if dtype in ("float16", "bfloat16") else dtype
    own, source = _cast(x, at_least_float32, ops), partners.source
    source = own if source is x else _cast(source, at_least_float32, ops)
    weights = coefficients
    if at_least_float32 != "float32":
        weights = ops.cast(weights, at_least_float32)
    partners = Partners(source, partners.rows, partners.runs)
    mixed = lerp(own, partners, weights, ops)
    if coefficients.shape[1] > 1:
        num_rows, *sizes = ops.shape(x)
        # Not -1: where a size is 0 it could be anything.
        mixed = ops.reshape(mixed, (num_rows * coefficients.shape[1], *sizes))
    return mixed if dtype == at_least_float32 else ops.cast(mixed, dtype)


def interpolate_weighted(x, partners, weight, coefficients, dtype, ops: Ops):
    """Mixes labels of rows, or of places in them, that weigh unequally.

    The loss of a mixed row is `λ w loss(y) + (1 - λ) w' loss(y')`. It is the same for
    one label of weight `λ w + (1 - λ) w'`, if the loss is linear in that label.

    Args:
        x: Numeric tensor of shape `(B, ...)`.
        partners: The `Partners` of its rows.
        weight: The weights of rows or places, and the `Partners` of these.
        coefficients: float32 tensor of shape `(B, K)`, λ in [0, 1].
        dtype: dtype of the result, float32 or more.
        ops: The namespace of all of them.

    Returns:
        `(λ w x + (1 - λ) w' x') / (λ w + (1 - λ) w')`, of shape `(B * K, ...)` and
        dtype `dtype`; the plain mixture where that divides by 0. A NaN that weighs 0
        is a label that is missing, and counts as 0.
    """
    own, weight_partners = weight
    own = _aligned(own, x, dtype, ops)
    source = _aligned(weight_partners.source, x, dtype, ops)
    known = _without_missing(x, own, ops)
    if partners.source is not x:
        known_source = _without_missing(partners.source, source, ops)
    else:
        known_source = known
    x, partners = known, Partners(known_source, partners.rows, partners.runs)
    if all(size == 1 for size in own.shape[1:]):  # then one λ says it all
        partner = take_rows(source, weight_partners.rows, ops)
        own, partner = (ops.reshape(each, (-1, 1)) for each in (own, partner))
        own_part = ops.cast(coefficients, dtype) * own
        both = own_part + (1.0 - ops.cast(coefficients, dtype)) * partner
        # Equal weights leave λ as it is, to the last digit.
        unequal = (own != partner) & (both != 0)
        quotient = own_part / ops.where(unequal, both, ops.zeros_like(both) + 1.0)
        quotient = ops.where(unequal, quotient, ops.cast(coefficients, dtype))
        quotient = ops.cast(quotient, "float32")
        return interpolate(x, partners, quotient, dtype, ops)

    def mixed(own, source):
        given = Partners(source, partners.rows, partners.runs)
        return interpolate(own, given, coefficients, dtype, ops)

    products = mixed(x * own, partners.source * source)
    both, plain = mixed(own, source), mixed(x, partners.source)
    known = both != 0
    safe = ops.where(known, both, ops.zeros_like(both) + 1.0)
    return ops.where(known, products / safe, plain)


def _without_missing(labels, weights, ops: Ops):
    if "float" not in dtype_of(labels):
        return labels
    # Not `isnan`, which NumPy's float types of other packages lack.
    missing = (weights == 0) & (labels != labels)
    return ops.where(missing, ops.zeros_like(labels), labels)


def of_either(combine, own, partner, alone, ops: Ops):
    """Combines rows with their partners, except rows that stay as they are.

    Args:
        combine: A function of two tensors, such as their maximum.
        own: Tensor of shape `(B, ...)`.
        partner: The same of the partners.
        alone: Bool tensor of shape `(B, K)`: which rows have no part of their partner.
        ops: The namespace of all of them.

    Returns:
        A tensor of shape `(B * K, ...)` and the dtype of `own`.
    """
    times, dtype = alone.shape[1], dtype_of(own)
    both = ops.cast(combine(own, partner), dtype)
    both, own = (repeat_rows(x, times, ops) for x in (both, own))
    return ops.where(for_rows(ops.reshape(alone, (-1,)), own, ops), own, both)


def union(own, partner, own_weight, partner_weight, alone, ops: Ops):
    """Returns the larger of two labels at each place; what weighs 0 counts as 0.

    Args:
        own: Tensor of shape `(B, ...)`: 0 or 1 for each tag, or a score between.
        partner: The same of the partners.
        own_weight: Sample weights of rows or places; None where all count.
        partner_weight: The same of the partners.
        alone: As for `of_either`.
        ops: The namespace of all of them.

    Returns:
        A tensor of shape `(B * K, ...)`.
    """
    if own_weight is not None:
        own, partner = (
            ops.where(_aligned(w, y, "float32", ops) != 0, y, ops.zeros_like(y))
            for y, w in ((own, own_weight), (partner, partner_weight))
        )
    return of_either(ops.maximum, own, partner, alone, ops)


def _aligned(weight, like, dtype, ops: Ops):
    """Gives weights as many axes as labels have; further ones have a size of 1."""
    missing = len(like.shape) - len(weight.shape)
    if missing:
        sizes = ops.shape(weight)[: len(like.shape)]
        weight = ops.reshape(weight, (*sizes, *(1,) * missing))
    return _cast(weight, dtype, ops)


def _cast(x, dtype, ops: Ops):
    # Dispatching a cast that does nothing costs as much as mixing a small batch.
    if ops is namespaces.numpy_ops:
        return x if x.dtype == dtype else x.astype(dtype)
    return ops.cast(x, dtype) if needs_cast(x, dtype, ops) else x


def lerp(x, partners, weights, ops: Ops):
    """Returns `weights * x + (1 - weights) * source[rows]`.

    Args:
        x: Float tensor of shape `(B, ...)`.
        partners: The `Partners` of its rows, `source` of the same dtype.
        weights: Tensor of that dtype and shape `(B, K)`, in [0, 1].
        ops: The namespace of all of them.

    Returns:
        A tensor of shape `(B, K, ...)`, or `(B, ...)` if K is 1.
    """
    source, rows, runs = partners
    count = weights.shape[1]
    shape: tuple = (-1,) if count == 1 else (-1, count)
    shape += (1,) * (len(x.shape) - 1)
    if ops is namespaces.keras_ops and keras.backend.backend() == "torch":
        weights = weights.reshape(shape)
        if runs is not None and count == 1 and _fit_for_runs(x, source):
            return _lerp_in_runs(x, source, runs, weights)
        return _lerp_in_torch(x, source, rows, weights)
    weights = ops.reshape(weights, shape)
    if ops is not namespaces.numpy_ops:
        if _is_large(x) and runtime.in_tensorflow_graph():
            return _formula_in_one_kernel()(x, source, rows, weights)
        return _formula(x, source, rows, weights, ops)
    if rows is not None:
        source = source[rows]
    if count > 1:
        x, source = x[:, None], source[:, None]
    mixed = np.multiply(weights, x)
    # What has been gathered is ours to write to.
    out = source if count == 1 and rows is not None else None
    mixed += np.multiply(1.0 - weights, source, out=out)
    return mixed


def _formula(x, source, rows, weights, ops: Ops):
    source = take_rows(source, rows, ops)
    if len(weights.shape) > len(x.shape):
        x, source = x[:, None], source[:, None]
    return weights * x + (1.0 - weights) * source


@functools.cache
def _formula_in_one_kernel():
    return tracing.in_one_kernel(_formula)


def _lerp_in_torch(x, source, rows, weights):
    import torch

    single = len(weights.shape) == len(x.shape)
    if rows is not None:
        source = torch.index_select(source, 0, rows)
        if single:
            return source.lerp_(x, weights)
    if not single:
        x, source = x[:, None], source[:, None]
    return torch.lerp(source, x, weights)


def _fit_for_runs(x, source):
    """Whether PyTorch may write slices of a large batch, which no gradient passes."""
    if x.numel() < _LARGE_BATCH or x.requires_grad or source.requires_grad:
        return False
    return not runtime.torch_is_compiling()


def _lerp_in_runs(x, source, runs, weights):
    import torch

    mixed = torch.empty_like(x)
    for start, stop, first in runs:
        own, partner_rows = slice(start, stop), slice(first, first + stop - start)
        torch.lerp(source[partner_rows], x[own], weights[own], out=mixed[own])
    return mixed


def _is_large(x):
    """Whether a row is large, and of the same shape in every batch."""
    sizes = tuple(x.shape)[1:]
    return None not in sizes and math.prod(sizes) >= _LARGE_ROW


def paste(x, partners, boxes, axes, ops: Ops):
    """Cuts K boxes out of each row and pastes the partner's pixels there.

    Args:
        x: Tensor of shape `(B, ...)` with spatial axes.
        partners: The `Partners` of its rows.
        boxes: int32 tensor of shape `(B, K, 2n)`: where boxes start along n axes, then
            how long they are; for two axes top, left, height and width in pixels.
        axes: The n axes of `x`.
        ops: The namespace of all of them.

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
        size = ops.reshape(boxes[:, :, number + len(axes)], edges)
        along = (pixels >= start) & (pixels < start + size)
        inside = along if inside is None else inside & along
    source = take_rows(partners.source, partners.rows, ops)
    mixed = ops.where(inside, source[:, None], x[:, None])
    return ops.reshape(mixed, (num_rows * num_interpolations, *sizes))


def box_sizes(coefficients, size, ops: Ops):
    """Returns the sides of boxes that cover a share 1 − λ of an image.

    Args:
        coefficients: float32 tensor of λ in [0, 1].
        size: Height and width of the image in pixels; or the sizes of n other axes.
        ops: The namespace of the coefficients.

    Returns:
        n int32 tensors shaped like `coefficients`: each side is the n-th root of 1 − λ
        of the image's, for two axes √(1 − λ), to the nearest pixel.

    References:
        Yun et al., "CutMix", ICCV 2019, section 3.1.
    """
    side = 1.0 - coefficients
    if len(size) > 1:
        side = ops.sqrt(side) if len(size) == 2 else ops.power(side, 1.0 / len(size))
    return tuple(
        ops.cast(side * ops.cast(pixels, "float32") + 0.5, "int32") for pixels in size
    )

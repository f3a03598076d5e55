"""Draws partners that are the likelier the nearer they are, the same on every backend.

Compilers round sums of products as they like, and every library has an exponential
function of its own. Each would move a partner now and then. So a squared distance is
made of operations that IEEE 754 rounds in one way only, in an order that is written
down, and then rounded to a whole number of steps, 8192 of which halve a weight. From
there on all is in integers.
"""

import math

import numpy as np

from keras_multimix import randomness, tracing
from keras_multimix.annotations import Ops

_STEP_BITS = 13
_STEPS = 1 << _STEP_BITS  # that halve a weight: each is right to 1 part in 20 000
_MAX_HALVINGS = 31  # nothing is left of an int32 then
# The weights of 0 to 1 halvings, by which all others are shifted.
_FRACTIONS = np.exp2(-np.arange(_STEPS) / _STEPS).astype("float32")
_TOTAL_BITS = 30  # of the sum of a row's weights, at most
_HALF_BITS = _TOTAL_BITS // 2
_FAR = 1e15  # an int32 and a float32 are full long before
_LARGEST_FLOAT32 = 3e38
# Up to this width all differences are computed at once, in at most 64 bytes for each
# pair.
_WIDTH_AT_ONCE = 16


def gaussian_partners(values, bandwidth: float, words, num_rows, ops: Ops):
    """Draws each row's partner j with a probability ∝ exp(−‖v_i − v_j‖² / 2σ²).

    Args:
        values: float32 tensor of shape `(B, D)`, v.
        bandwidth: σ, a float above 0.
        words: int32 tensor of shape `(B,)`, random words.
        num_rows: B, an integer or a scalar tensor.
        ops: The namespace of `values` and `words`.

    Returns:
        An int32 tensor of shape `(B,)`. No row is its own partner unless it is the only
        row. Weights are relative to the weight of the nearest other row, so that this
        row can be drawn however far away it is. Weights below B / 2 ** 30 count as 0.
        NaN counts as far from everything.
    """
    rows = ops.arange(num_rows, dtype="int32")
    if isinstance(num_rows, int) and num_rows == 0:
        return rows  # there is no smallest of no distances
    itself = rows[:, None] == rows[None, :]
    steps = squared_steps(values, bandwidth, ops)
    steps = ops.where(itself, np.float32(_LARGEST_FLOAT32), steps)
    farther = steps - ops.min(steps, axis=1)[:, None]
    farther = ops.minimum(farther, float(_MAX_HALVINGS * _STEPS)) + 0.5
    weights = _integer_weights(ops.cast(farther, "int32"), num_rows, ops)
    return _draw(words, ops.where(itself, 0, weights), rows, ops)


def squared_steps(values, bandwidth: float, ops: Ops):
    """Returns squared distances in the steps by which weights fall.

    Args:
        values: float32 tensor of shape `(B, D)`.
        bandwidth: σ, a float above 0.
        ops: The namespace of `values`.

    Returns:
        A float32 tensor of shape `(B, B)`, of the same bits on every backend.
    """
    # exp(−d² / 2σ²) = 2 ** −(d² / (2 ln 2 σ²))
    scale = math.sqrt(_STEPS / (2 * math.log(2))) / bandwidth
    scale = min(scale, _LARGEST_FLOAT32)
    limit = min(_FAR / scale, _LARGEST_FLOAT32) if scale else _LARGEST_FLOAT32
    width = values.shape[1]

    def to_all(row):
        differences = ops.maximum(ops.minimum(values - row, limit), -limit) * scale
        squares = differences * differences
        # A compiler may compute a product and a sum with one rounding instead of two.
        # `where` between them makes it round the product by itself.
        squares = ops.where(squares < _FAR * _FAR, squares, np.float32(_FAR * _FAR))
        return _sum(squares, width, ops)

    if width is not None and width <= _WIDTH_AT_ONCE:
        return to_all(values[:, None])
    return ops.map(to_all, values)


def _sum(x, width, ops: Ops):
    """Returns the sums over the last axis, added in halves."""
    if not width:  # it is unknown, or there is nothing to add
        return ops.sum(x, axis=-1)
    while width > 1:
        half = width // 2
        parts = [x[..., :half] + x[..., half : 2 * half]]
        if width % 2:
            parts.append(x[..., 2 * half :])
        x, width = ops.concatenate(parts, axis=-1), half + width % 2
    return x[..., 0]


def _integer_weights(steps, num_rows, ops: Ops):
    """Returns weights that fall by half every 8192 steps, B of which fit an int32."""
    largest = ops.cast((1 << _TOTAL_BITS) // num_rows, "float32")
    fractions = ops.cast(tracing.constant(_FRACTIONS, ops) * largest, "int32")
    weights = ops.take(fractions, ops.bitwise_and(steps, _STEPS - 1), axis=0)
    return ops.right_shift(weights, ops.right_shift(steps, _STEP_BITS))


def _draw(words, weights, rows, ops: Ops):
    """Draws by inversion: the first place where the sum passes a part of the total."""
    totals = ops.cast(ops.sum(weights, axis=1), "int32")
    uniforms = randomness.uniform_integers(words, _TOTAL_BITS, ops)
    # uniform * total / 2 ** 30 in halves, for the product has 60 bits.
    (high, low), (total_high, total_low) = (
        (ops.right_shift(x, _HALF_BITS), ops.bitwise_and(x, (1 << _HALF_BITS) - 1))
        for x in (uniforms, totals)
    )
    middle = ops.right_shift(high * total_low + low * total_high, _HALF_BITS)
    parts = high * total_high + middle
    passed = ops.cumsum(weights, axis=1) <= parts[:, None]
    partners = ops.cast(ops.sum(ops.cast(passed, "int32"), axis=1), "int32")
    return ops.where(totals > 0, partners, rows)

"""Sums of many float32 numbers in which none of them is lost.

A float32 sum of ones stops at 2 ** 24, and long before that it drifts. JAX has no
float64 unless it is asked for. So a sum is a pair (high, low) of float32 tensors, whose
exact sum is meant and of which `high` is what float32 can hold of it. What goes into a
pair is summed in whole steps first, so few that float32 holds their sums exactly
whatever the order, as on a GPU.

References:
    Pairs: Dekker, "A Floating-Point Technique for Extending the Available Precision",
    Numerische Mathematik 18, 1971. Splitting numbers so that their leading parts sum
    exactly: Rump, Ogita, Oishi, "Accurate Floating-Point Summation", SIAM J. Sci.
    Comput. 31 (1), 2008.
"""

from keras import ops

# Rows that are summed at a time, and steps from 0 to the largest of them: the product
# is 2 ** 24, up to which float32 has all integers.
_NUM_ROWS = 1 << 16
_NUM_STEPS = 1 << 8


def add(pair, other):
    """Returns the sum of two pairs as a pair."""
    (high, low), (other_high, other_low) = pair, other
    high, error = _two_sum(high, other_high)
    return _two_sum(high, error + (low + other_low))


def segment_sums(values, segments, num_segments):
    """Returns the sums of rows by segments, as a pair.

    Args:
        values: A float32 tensor of shape `(N, D)`. NaN and infinity make the sum of
            their segment NaN.
        segments: Integers of shape `(N,)`, from 0 to `num_segments` - 1.
        num_segments: How many segments, S.

    Returns:
        Two float32 tensors of shape `(S, D)`.
    """
    static = values.shape[0]
    if static is not None and static <= _NUM_ROWS:
        return _short_sums(values, segments, num_segments)
    num_rows = ops.shape(values)[0]
    at_once = ops.minimum(num_rows, _NUM_ROWS) if static is None else _NUM_ROWS
    offsets = ops.arange(at_once, dtype="int32")
    last = num_rows - 1

    def add_rows(number, pair):
        rows = number * at_once + offsets
        inside = ops.expand_dims(rows <= last, axis=1)
        rows = ops.minimum(rows, last)
        chosen = ops.where(inside, ops.take(values, rows, axis=0), 0.0)
        found = _short_sums(chosen, ops.take(segments, rows, axis=0), num_segments)
        return add(pair, found)

    zeros = ops.zeros((num_segments, values.shape[1]), dtype="float32")
    num_parts = (num_rows + _NUM_ROWS - 1) // _NUM_ROWS
    return ops.fori_loop(0, num_parts, add_rows, (zeros, zeros))


def _short_sums(values, segments, num_segments):
    """Does so for `_NUM_ROWS` rows or fewer."""
    finite = ops.where(ops.isfinite(values), values, 0.0)
    unit = ops.max(ops.abs(finite), axis=0, initial=0.0) / _NUM_STEPS
    steps = ops.round(finite / ops.where(unit > 0, unit, 1.0))
    rest = values - steps * unit  # at most half a unit: of its sum little can be lost
    sums = ops.segment_sum(
        ops.concatenate([steps, rest], axis=1), segments, num_segments=num_segments
    )
    steps, rest = ops.split(sums, 2, axis=1)
    return _two_sum(steps * unit, rest)


def _two_sum(x, y):
    """Returns the rounded sum, and what rounding has left of the exact one."""
    total = x + y
    of_y = total - x
    return total, (x - (total - of_y)) + (y - of_y)

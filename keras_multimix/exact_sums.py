"""Sums of many float32 numbers that lose none of them.

A float32 sum of ones stops growing at 2 ** 24, and sums of other numbers become inexact
long before that. JAX has no float64 unless it is asked for. So a sum is a pair (high,
low) of float32 tensors: its value is high + low, and `high` is this value rounded to
float32. New numbers are first split into whole multiples of a step and small rests, and
summed in blocks. A block is so small that float32 holds the sums of its steps exactly,
in whatever order a GPU adds them.

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
    """Returns the sum of two pairs as a pair.

    Args:
        pair: The high and low parts of numbers, two float32 tensors of one shape.
        other: A pair of the same shape.
    """
    (high, low), (other_high, other_low) = pair, other
    high, error = _two_sum(high, other_high)
    return _two_sum(high, error + (low + other_low))


def add_rows(pair, values, segments):
    """Returns sums to which rows are added, each to that of its segment.

    Args:
        pair: The sums of S segments, a pair of tensors of shape `(S, D)`.
        values: A float32 tensor of shape `(N, D)`. NaN and infinity make the sum of
            their segment NaN.
        segments: int32 tensor of shape `(N,)`, from 0 to S - 1.
    """
    num_segments, num_rows = pair[0].shape[0], values.shape[0]
    add_few = _add_to_few if num_segments > _NUM_ROWS else _add_to_all
    if num_rows is not None and num_rows <= _NUM_ROWS:
        return add_few(pair, values, segments) if num_rows else pair
    is_known = num_rows is not None
    num_rows = num_rows if is_known else ops.shape(values)[0]
    at_once = _NUM_ROWS if is_known else ops.minimum(num_rows, _NUM_ROWS)
    offsets, last = ops.arange(at_once, dtype="int32"), num_rows - 1

    def add_part(number, pair):
        rows = number * at_once + offsets
        inside = ops.expand_dims(rows <= last, axis=1)
        rows = ops.minimum(rows, last)
        chosen = ops.where(inside, ops.take(values, rows, axis=0), 0.0)
        return add_few(pair, chosen, ops.take(segments, rows, axis=0))

    num_parts = (num_rows + _NUM_ROWS - 1) // _NUM_ROWS
    return ops.fori_loop(0, num_parts, add_part, pair)


def _add_to_all(pair, values, segments):
    return add(pair, _short_sums(values, segments, pair[0].shape[0]))


def _add_to_few(pair, values, segments):
    """Adds without a pass over all segments, because most of them get nothing."""
    order = ops.argsort(segments)
    segments = ops.take(segments, order)
    changes = ops.cast(segments[1:] != segments[:-1], "int32")
    runs = ops.cumsum(ops.concatenate([ops.zeros((1,), "int32"), changes]))
    num_runs = values.shape[0] or _NUM_ROWS
    sums = _short_sums(ops.take(values, order, axis=0), runs, num_runs)
    of_run = ops.scatter_update(
        ops.zeros((num_runs,), "int32"), ops.expand_dims(runs, axis=1), segments
    )
    # There may be fewer runs: for the others the first is written once more.
    run = ops.arange(num_runs, dtype="int32")
    run = ops.where(run <= runs[-1], run, 0)
    segments = ops.take(of_run, run)
    old, sums = (
        tuple(ops.take(each, index, axis=0) for each in of_all)
        for of_all, index in ((pair, segments), (sums, run))
    )
    return tuple(
        ops.scatter_update(each, ops.expand_dims(segments, axis=1), new)
        for each, new in zip(pair, add(old, sums), strict=True)
    )


def _short_sums(values, segments, num_segments):
    """Returns the sums of `_NUM_ROWS` rows or fewer, as a pair."""
    finite = ops.where(ops.isfinite(values), values, 0.0)
    unit = ops.max(ops.abs(finite), axis=0, initial=0.0) / _NUM_STEPS
    steps = ops.round(finite / ops.where(unit > 0, unit, 1.0))
    rest = values - steps * unit  # at most half a unit, so that their sum loses little
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

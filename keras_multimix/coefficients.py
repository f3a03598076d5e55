"""The coefficients λ ~ Beta(α, α), by inversion of the distribution function.

A table of the quantile function turns one uniform into one λ. At its knots the
distribution is exact, so between them it is off by less than one cell's probability,
1 / 16384, for every α above 0. Unlike a rejection sampler it compiles everywhere, costs
one gather and gives the same λ on every backend, to rounding. It serves ordered and
stratified draws, too.
"""

import functools

import numpy as np

from keras_multimix import randomness, tracing
from keras_multimix.annotations import Ops, State

SAMPLINGS = ("independent", "stratified", "shared")
MAX_INTERPOLATIONS = 1 << 16  # K * 2 ** bits must fit an int32, see below

_CELL_BITS = 14
_NUM_CELLS = 1 << _CELL_BITS
NUM_QUANTILES = _NUM_CELLS + 1


@functools.lru_cache(maxsize=64)
def quantile_table(alpha):
    """Returns Beta(α, α)'s quantiles at 16385 equally spaced probabilities.

    Args:
        alpha: The parameter α, a float, 0 or more.

    Returns:
        A float32 NumPy array of shape `(16385,)`, ascending, symmetric about ½, built
        once for each α; None for α = 0, which has no such table.
    """
    if alpha == 0:
        return None
    from scipy.special import betaincinv  # 60 ms to import: not for `import` to pay

    probabilities = np.arange(_NUM_CELLS // 2 + 1) / _NUM_CELLS
    # The ends of the distribution are at 0 and 1, however unlikely: half the
    # smallest uniform step keeps interpolation in the outer cells from reaching
    # values that Beta(100, 100), for instance, practically never gives.
    probabilities[0] = 2.0**-25
    lower = betaincinv(alpha, alpha, probabilities)
    # At small α the inversion loses accuracy near the median, which is ½ exactly.
    lower[-1] = 0.5
    table = np.concatenate([lower, 1.0 - lower[-2::-1]]).astype("float32")
    table.flags.writeable = False
    return table


def quantiles(alpha):
    """Returns `quantile_table(alpha)`, and for α = 0 the table that gives λ = 1."""
    table = quantile_table(alpha)
    return np.ones(NUM_QUANTILES, "float32") if table is None else table


def draw_indices(draw_ids, num_interpolations, sampling, ops: Ops):
    """Returns the positions of each pair's K draws in a stream of random numbers.

    Args:
        draw_ids: int32 tensor of shape `(..., B)`.
        num_interpolations: K.
        sampling: With "shared" all pairs take the draws of the first id.
        ops: The namespace of `draw_ids`.

    Returns:
        An int32 tensor of shape `(..., B, K)`.
    """
    if sampling == "shared":
        draw_ids = ops.zeros_like(draw_ids)
    ranks = ops.arange(num_interpolations, dtype="int32")
    return draw_ids[..., None] * num_interpolations + ranks


def sample_coefficients(
    state: State,
    draw_ids,
    table,
    num_interpolations,
    sampling,
    ops: Ops,
):
    """Draws K coefficients for each pair, the largest first.

    Args:
        state: As for `randomness.words_of_streams`.
        draw_ids: int32 tensor of shape `(..., B)`. Pairs of the same id have the same
            coefficients.
        table: Quantiles of Beta(α, α) from `quantile_table`; None, for α = 0, gives
            λ = 1.
        num_interpolations: K.
        sampling: "independent": K independent draws. "stratified": one draw from each
            of K strata of equal probability. "shared": the draws of the first id for
            all.
        ops: The namespace of `state` and `draw_ids`.

    Returns:
        A float32 tensor of shape `(..., B, K)` in [0, 1], falling along the last axis.

    References:
        λ ~ Beta(α, α): Zhang et al., "mixup: Beyond Empirical Risk Minimization",
        ICLR 2018. K ordered λ per pair: Shen et al., "Mixup Augmentation with
        Multiple Interpolations", 2024.
    """
    indices = draw_indices(draw_ids, num_interpolations, sampling, ops)
    if table is None:
        return ops.cast(ops.zeros_like(indices), "float32") + 1.0
    words = randomness.random_words(state, randomness.COEFFICIENTS, indices, ops)
    return coefficients_of(words, table, sampling, ops)


def coefficients_of(words, table, sampling, ops: Ops):
    """Turns random words into coefficients: see `sample_coefficients`.

    Args:
        words: int32 tensor of shape `(..., K)`, uniform over all 32-bit integers.
        table: Quantiles of Beta(α, α) from `quantile_table`.
        sampling: "stratified" orders the words by strata; others sort what they give.
        ops: The namespace of `words`.

    Returns:
        A float32 tensor of the same shape, falling along the last axis.
    """
    count = words.shape[-1]
    # Positions in the table are computed in integers. At small α the quantile jumps
    # from 0 to 1 within a cell, and there the last bit of a float position, which
    # compilers round differently, would change λ by more than rounding.
    strata = count if sampling == "stratified" else 1
    bits = min(24, 31 - (strata - 1).bit_length())
    positions = randomness.uniform_integers(words, bits, ops)
    if strata > 1:
        # The first coefficient is the largest: it comes from the uppermost stratum.
        stratum = (count - 1) - ops.arange(count, dtype="int32")
        positions = positions + stratum * (1 << bits)
    elif count > 1:
        positions = -ops.sort(-positions, axis=-1)
    cell_size = strata << (bits - _CELL_BITS)
    cells = ops.floor_divide(positions, cell_size)
    remainders = ops.cast(positions - cells * cell_size, "float32")
    fractions = remainders * (1.0 / cell_size)

    table = tracing.constant(table, ops)
    lower = ops.take(table, cells, axis=0)
    upper = ops.take(table, cells + 1, axis=0)
    return lower + fractions * (upper - lower)

"""Convex combinations of rows, in as few passes over memory as each backend can.

Mixing is memory traffic, and none of it is free: read two rows, write one. The formula
alone costs up to five passes where every operation writes a tensor of its own.
"""

import keras
import numpy as np

from keras_multimix import namespaces

# Below that many numbers in a row dispatching costs more than memory traffic does.
_LARGE_ROW = 1024
# And in a batch, reading the partners' numbers costs more than gathering their rows.
_LARGE_BATCH = 1 << 16


def combine(x, others, rows, weights, ops):
    """Returns `weights * x + (1 - weights) * others[rows]`.

    Args:
        x: Float tensor of shape `(B, ...)`.
        others: Tensor of the same dtype and trailing shape. It is not written to.
        rows: int32 tensor of shape `(B,)`, rows of `others`; None for row i.
        weights: Tensor of that dtype and shape `(B, K)`, in [0, 1].
        ops: The namespace of all of them.

    Returns:
        A tensor of shape `(B, K, ...)`, or `(B, ...)` if K is 1.
    """
    num_interpolations = weights.shape[1]
    single = num_interpolations == 1
    shape = (-1,) if single else (-1, num_interpolations)
    shape += (1,) * (len(x.shape) - 1)
    if ops is namespaces.keras_ops and keras.backend.backend() == "torch":
        return _in_torch(x, others, rows, weights.reshape(shape), single)
    weights = ops.reshape(weights, shape)
    if ops is namespaces.numpy_ops:
        return _in_numpy(x, others, rows, weights, single)
    if namespaces.in_tensorflow_graph() and _is_large(x):
        return namespaces.in_one_kernel(_formula)(x, others, rows, weights)
    return _formula(x, others, rows, weights, ops)


def _formula(x, others, rows, weights, ops):
    if rows is not None:
        others = ops.take(others, rows, axis=0)
    if len(weights.shape) > len(x.shape):
        x, others = x[:, None], others[:, None]
    return weights * x + (1.0 - weights) * others


def _in_numpy(x, others, rows, weights, single):
    if rows is not None:
        others = others[rows]
    if not single:
        x, others = x[:, None], others[:, None]
    mixed = np.multiply(weights, x)
    # What has been gathered is ours to write to.
    out = others if single and rows is not None else None
    mixed += np.multiply(1.0 - weights, others, out=out)
    return mixed


def _in_torch(x, others, rows, weights, single):
    import torch

    if rows is not None:
        in_slices = single and x.numel() >= _LARGE_BATCH
        in_slices &= not (x.requires_grad or others.requires_grad)
        in_slices &= not torch.compiler.is_compiling()
        runs = _runs(rows) if in_slices else None
        if runs is not None:
            mixed = torch.empty_like(x)
            for start, stop, first in runs:
                partners = others[first : first + stop - start]
                own, out = slice(start, stop), mixed[start:stop]
                torch.lerp(partners, x[own], weights[own], out=out)
            return mixed
        others = torch.index_select(others, 0, rows)
        if single:
            return others.lerp_(x, weights)
    if not single:
        x, others = x[:, None], others[:, None]
    return torch.lerp(others, x, weights)


def _runs(rows):
    """Splits row numbers into at most two runs of neighbours, as `"roll"` has them.

    Returns:
        A list of (start, stop, the first one's number), or None for more runs.
    """
    known = namespaces.readable(rows)
    if known is None or not len(known):
        return None
    starts = np.flatnonzero(known[1:] - known[:-1] != 1) + 1
    if len(starts) > 1:
        return None
    starts, stops = [0, *starts.tolist()], [*starts.tolist(), len(known)]
    return [
        (start, stop, int(known[start]))
        for start, stop in zip(starts, stops, strict=True)
    ]


def _is_large(x):
    """Whether a row is large, and of the same shape in every batch."""
    shape = tuple(x.shape)[1:]
    return None not in shape and np.prod(shape, dtype="int64") >= _LARGE_ROW

"""Pairings that look at what the rows hold."""

import math

import numpy as np

from keras_multimix import labels, randomness, tracing
from keras_multimix.annotations import Ops, Tensor
from keras_multimix.arguments import invalid
from keras_multimix.batches import Batch, dtype_of
from keras_multimix.pairing.pairing import Pairing

_NUM_NEIGHBORS = 3


class CandidatePairing(Pairing):
    """Base class: each row's partner is one of its candidates, all equally likely."""

    reads_batch = True

    def positions(self, rows, ops: Ops):
        """Returns one position for each row."""
        return {randomness.PARTNERS: rows}

    def partners_in(self, batch: Batch, words, num_rows, ops: Ops):
        """Returns a candidate for each row, or the row itself where it has none."""
        candidates = self.candidates(batch, num_rows, ops)
        return choose_partners(words[randomness.PARTNERS], candidates, ops)

    def candidates(self, batch: Batch, num_rows, ops: Ops):
        """Returns which rows may be whose partner, a bool tensor of shape `(B, B)`."""
        raise NotImplementedError


class SameClass(CandidatePairing):
    """Pairs each row with a random other one of its class."""

    def check(self, batch: Batch, num_classes: int | dict | list | None = None):
        """Refuses labels that do not give each row one class."""
        labels.check_classes(batch.labels)

    def candidates(self, batch: Batch, num_rows, ops: Ops):
        """Returns which other rows have the same class."""
        return same_class_candidates(labels.class_indices(batch.labels, ops), ops)


class Neighbors(CandidatePairing):
    """Pairs each row with one of the 3 nearest others."""

    def check(self, batch: Batch, num_classes: int | dict | list | None = None):
        """Refuses inputs that have no distances."""
        for leaf in batch.input_leaves:
            if "complex" in dtype_of(leaf) or "string" in dtype_of(leaf):
                raise invalid(
                    'inputs for `pairing="neighbors"`',
                    expected="real numbers, which have distances as float32",
                    received=f"dtype {dtype_of(leaf)}",
                    fix="choose another pairing, or stack real and imaginary parts",
                )

    def candidates(self, batch: Batch, num_rows, ops: Ops):
        """Returns which rows are among the nearest."""
        rows = [
            ops.reshape(ops.cast(leaf, "float32"), (num_rows, values_of_a_row(leaf)))
            for leaf in batch.input_leaves
        ]
        return neighbor_candidates(ops.concatenate(rows, axis=1), ops)


class CallablePairing(Pairing):
    """Pairs as a caller's function says.

    Args:
        function: A function `(x, y, seed) -> partner`.
    """

    reads_batch = True
    checked = False

    def __init__(self, function):
        self.function = function

    def positions(self, rows, ops: Ops):
        """Returns one position, that of the function's seed."""
        return {randomness.CALLABLE_PAIRING: ops.zeros_like(rows[..., :1])}

    def partners_in(self, batch: Batch, words, num_rows, ops: Ops):
        """Returns what the function returns, checked as far as it can be read."""
        words = words[randomness.CALLABLE_PAIRING]
        # An int32 scalar, 0 or more.
        seed = randomness.uniform_integers(words, 31, ops)[0]
        partners = self.function(batch.inputs, batch.labels, seed)
        check_partners(partners, num_rows if isinstance(num_rows, int) else None)
        return ops.cast(ops.convert_to_tensor(partners), "int32")


def choose_partners(words, candidates, ops: Ops):
    """Draws each row's partner from the rows that are allowed to be it.

    Args:
        words: int32 tensor of shape `(B,)`, random words.
        candidates: bool tensor of shape `(B, B)`; row i may be paired with j where
            `candidates[i, j]`. A row without candidates is its own partner.
        ops: The namespace of both.

    Returns:
        An int32 tensor of shape `(B,)`.
    """
    ranks = ops.cumsum(ops.cast(candidates, "int32"), axis=1)
    rows = ops.arange(ops.shape(candidates)[0], dtype="int32")
    counts = ops.sum(ops.cast(candidates, "int32"), axis=1)
    drawn = randomness.uniforms(words, ops) * ops.cast(counts, "float32")
    # The product can round up to the count itself.
    drawn = ops.maximum(ops.minimum(ops.cast(drawn, "int32"), counts - 1), 0)
    # The first place where more than `drawn` candidates have been passed.
    partners = ops.sum(ops.cast(ranks <= drawn[:, None], "int32"), axis=1)
    return ops.where(counts > 0, ops.cast(partners, "int32"), rows)


def same_class_candidates(classes, ops: Ops):
    """Returns which other rows have the same class, bool of shape `(B, B)`.

    Args:
        classes: Integer tensor of shape `(B,)`.
        ops: Its namespace.
    """
    rows = ops.arange(ops.shape(classes)[0], dtype="int32")
    same = ops.equal(classes[:, None], classes[None, :])
    return same & (rows[:, None] != rows[None, :])


def neighbor_candidates(features, ops: Ops):
    """Returns which rows are among the 3 nearest others, bool of shape `(B, B)`.

    Distances are Euclidean, over the flattened features.

    Args:
        features: float32 tensor of shape `(B, d)`.
        ops: Its namespace.
    """
    num_rows = ops.shape(features)[0]
    rows = ops.arange(num_rows, dtype="int32")
    itself = rows[:, None] == rows[None, :]
    if isinstance(num_rows, int) and num_rows == 0:
        return itself  # nobody: PyTorch and NumPy cannot map over nothing

    def squared_distances(row):
        # ‖a‖² + ‖b‖² − 2ab would be faster, but it drowns in rounding where the
        # distances are small beside the values.
        return ops.sum((features - row) ** 2, axis=1)

    distances = ops.map(squared_distances, features)
    distances = ops.where(itself, np.float32(np.inf), distances)
    order = ops.argsort(ops.argsort(distances))
    return (order < _NUM_NEIGHBORS) & ~itself


def check_partners(partners, num_rows, what="the result of the callable `pairing`"):
    """Refuses partners unless they are row numbers, one for each row.

    Args:
        partners: What a caller's function returned, or a caller passed.
        num_rows: B, where it is known; else None.
        what: What the message calls it.

    Raises:
        ValueError: If the shape or dtype is another, or a row is not there.
    """
    shape = tuple(getattr(partners, "shape", ()) or ())
    dtype = str(getattr(partners, "dtype", type(partners).__name__))
    wrong_rows = (
        len(shape) == 1 and None not in (shape[0], num_rows) and (shape[0] != num_rows)
    )
    if len(shape) != 1 or wrong_rows or "int" not in dtype:
        raise invalid(
            what,
            expected="one row number for each row: an integer array of shape "
            f"({'batch' if num_rows is None else num_rows},)",
            received=f"shape {shape}, dtype {dtype}",
            fix="return the partner's row for each row of the batch",
        )
    values = tracing.to_numpy_if_on_host(partners)
    if values is None or num_rows is None or not values.size:
        return
    if values.min() < 0 or values.max() >= num_rows:
        raise invalid(
            what,
            expected=f"row numbers from 0 to {num_rows - 1}",
            received=f"values from {values.min()} to {values.max()}",
            fix="return row numbers of this batch",
        )


def values_of_a_row(leaf: Tensor):
    """Returns how many values a row of a leaf has, or -1 where a size is unknown."""
    sizes = tuple(leaf.shape)[1:]
    return -1 if None in sizes else math.prod(sizes)

"""Who is mixed with whom: the partner of each row of a batch."""

import numpy as np

from keras_multimix import mixing, namespaces, randomness
from keras_multimix.batches import dtype_of
from keras_multimix.errors import invalid
from keras_multimix.pairing.within_shards import WithinShards

PAIRINGS = ("shuffle", "roll", "mirror", "same_class", "neighbors")
# Pairings that look at the rows, not only at how many there are.
DATA_PAIRINGS = ("same_class", "neighbors")

_NUM_NEIGHBORS = 3


def sample_partners(state, pairing, num_rows, ops):
    """Draws each row's partner where the rows' contents do not matter.

    Args:
        state: int32 tensor of shape `(3,)`: two key words and the step.
        pairing: "shuffle" (a random permutation), "roll" (the next row), "mirror"
            (row i with row B - 1 - i) or a `WithinShards`.
        num_rows: B, an integer or a scalar tensor.
        ops: The namespace of `state`.

    Returns:
        An int32 tensor of shape `(B,)`.
    """
    if isinstance(pairing, WithinShards):
        return pairing.partners(state, num_rows, ops)
    rows = ops.arange(num_rows, dtype="int32")
    if pairing == "roll":
        return ops.mod(rows + 1, num_rows)
    if pairing == "mirror":
        return num_rows - 1 - rows
    words = randomness.random_words(state, randomness.PARTNERS, rows, ops)
    return ops.cast(ops.argsort(words), "int32")


def take_partners(pairing, leaf, partners, ops):
    """Returns the partners' rows of a leaf, by the cheapest way for the pairing.

    What a pairing says of its partners, the row numbers in a tensor do not say: a
    compiler that lays the batch out over devices has every device fetch all rows of
    a gather, of slices only those that cross its border.

    Args:
        pairing: As the layer has it.
        leaf: Tensor of shape `(B, ...)`.
        partners: The rows drawn with that pairing, int32 of shape `(B,)`.
        ops: The namespace of both.

    Returns:
        A tensor like `leaf`.
    """
    if isinstance(pairing, WithinShards):
        return pairing.take(leaf, partners, ops)
    if pairing == "roll":
        return ops.concatenate([leaf[1:], leaf[:1]], axis=0)
    if pairing == "mirror":
        return ops.flip(leaf, axis=0)
    return mixing.take_rows(leaf, partners, ops)


def draw_ids(pairing, num_rows, ops):
    """Returns which rows share a draw of coefficients: rows of the same id do.

    A "mirror" pair stands twice in its batch, once from each side; with the same λ
    on both sides each example weighs exactly 1 in the batch.
    """
    rows = ops.arange(num_rows, dtype="int32")
    if pairing == "mirror":
        return ops.minimum(rows, num_rows - 1 - rows)
    if isinstance(pairing, WithinShards) and pairing.pairing == "mirror":
        return ops.minimum(rows, pairing.partners(None, num_rows, ops))
    return rows


def choose_partners(state, candidates, ops):
    """Draws each row's partner from the rows that are allowed to be it.

    Args:
        state: int32 tensor of shape `(3,)`: two key words and the step.
        candidates: bool tensor of shape `(B, B)`; row i may be paired with j where
            `candidates[i, j]`. A row without candidates is its own partner.
        ops: The namespace of both.

    Returns:
        An int32 tensor of shape `(B,)`.
    """
    ranks = ops.cumsum(ops.cast(candidates, "int32"), axis=1)
    rows = ops.arange(ops.shape(candidates)[0], dtype="int32")
    words = randomness.random_words(state, randomness.PARTNERS, rows, ops)
    counts = ops.sum(ops.cast(candidates, "int32"), axis=1)
    drawn = randomness.uniforms(words, ops) * ops.cast(counts, "float32")
    # The product can round up to the count itself.
    drawn = ops.maximum(ops.minimum(ops.cast(drawn, "int32"), counts - 1), 0)
    # The first place where more than `drawn` candidates have been passed.
    partners = ops.sum(ops.cast(ranks <= drawn[:, None], "int32"), axis=1)
    return ops.where(counts > 0, ops.cast(partners, "int32"), rows)


def same_class_candidates(classes, ops):
    """Returns which other rows have the same class, bool of shape `(B, B)`.

    Args:
        classes: Integer tensor of shape `(B,)`.
        ops: Its namespace.
    """
    rows = ops.arange(ops.shape(classes)[0], dtype="int32")
    same = ops.equal(classes[:, None], classes[None, :])
    return same & (rows[:, None] != rows[None, :])


def neighbor_candidates(features, ops):
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


def check_distances(inputs):
    """Refuses inputs that `neighbor_candidates` cannot compare.

    Args:
        inputs: A list of arrays.

    Raises:
        ValueError: If one of them holds complex numbers.
    """
    for leaf in inputs:
        if "complex" in dtype_of(leaf):
            raise invalid(
                'inputs for `pairing="neighbors"`',
                expected="real numbers, which have distances as float32",
                received=f"dtype {dtype_of(leaf)}",
                fix="stack real and imaginary parts, or choose another pairing",
            )


def callable_seed(state, ops):
    """Returns the seed that a callable pairing gets: an int32 scalar, 0 or more."""
    first = ops.arange(1, dtype="int32")
    words = randomness.random_words(state, randomness.CALLABLE_PAIRING, first, ops)
    return randomness.uniform_integers(words, 31, ops)[0]


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
    values = namespaces.readable(partners)
    if values is None or num_rows is None or not values.size:
        return
    if values.min() < 0 or values.max() >= num_rows:
        raise invalid(
            what,
            expected=f"row numbers from 0 to {num_rows - 1}",
            received=f"values from {values.min()} to {values.max()}",
            fix="return row numbers of this batch",
        )

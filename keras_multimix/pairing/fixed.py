"""Pairings that depend on the number of rows alone."""

from keras_multimix import randomness
from keras_multimix.annotations import Ops, Tensor
from keras_multimix.pairing.pairing import Pairing


class Shuffle(Pairing):
    """Pairs by a random permutation, which may leave a row with itself."""

    def positions(self, rows, ops: Ops):
        """Returns one position for each row."""
        return {randomness.PARTNERS: rows}

    def partners(self, rows, words, num_rows, ops: Ops):
        """Returns the order of the rows' random words."""
        return ops.cast(ops.argsort(words[randomness.PARTNERS]), "int32")


class Roll(Pairing):
    """Pairs each row with the next, the last with the first."""

    def partners(self, rows, words, num_rows, ops: Ops):
        """Returns the numbers of the next rows."""
        return ops.mod(rows + 1, num_rows)

    def take(self, leaf: Tensor, rows, ops: Ops):
        """Returns the next rows: two slices."""
        return ops.concatenate([leaf[1:], leaf[:1]], axis=0)

    def runs(self, num_rows):
        """Returns the two runs."""
        return [(0, num_rows - 1, 1), (num_rows - 1, num_rows, 0)]


class Mirror(Pairing):
    """Pairs row i with row B − 1 − i, at the same coefficients.

    A pair stands twice in its batch, once from each side; with the same λ on both
    sides each example weighs exactly 1 in the batch.
    """

    def partners(self, rows, words, num_rows, ops: Ops):
        """Returns the rows from the last to the first."""
        return num_rows - 1 - rows

    def draw_ids(self, rows, num_rows, ops: Ops):
        """Returns the smaller number of each pair's two rows."""
        return ops.minimum(rows, num_rows - 1 - rows)

    def take(self, leaf: Tensor, rows, ops: Ops):
        """Returns the rows in reverse."""
        return ops.flip(leaf, axis=0)


class Itself(Pairing):
    """Pairs each row with itself, as α = 0 does."""

    def partners(self, rows, words, num_rows, ops: Ops):
        """Returns the rows' own numbers."""
        return rows

    def take(self, leaf: Tensor, rows, ops: Ops):
        """Returns the rows themselves."""
        return leaf


class Given(Pairing):
    """Pairs with the rows that a caller has chosen, which nobody may have checked."""

    checked = False

"""What all pairings are: objects that say who is mixed with whom in a batch.

A pairing whose partners depend on the number of rows alone draws them from random words
in `partners`. One that looks at the rows chooses in `partners_in`. A new pairing is a
new file with a subclass.
"""

from keras_multimix import mixing
from keras_multimix.annotations import Ops, Tensor
from keras_multimix.batches import Batch


class Pairing:
    """Base class of the pairings inside of a batch.

    Attributes:
        reads_batch: Whether the partners depend on what the rows hold.
        checked: Whether the partners are rows of the batch for sure. Those that a
            caller's function returns in a compiled function cannot be read.
    """

    reads_batch = False
    checked = True

    def check(self, batch: Batch, num_classes: int | dict | list | None = None):
        """Refuses a batch whose rows cannot be paired so, with a ValueError.

        Args:
            batch: The `Batch`.
            num_classes: How many classes its labels have, as the layer was told.
        """

    def positions(self, rows, ops: Ops):
        """Returns where the pairing's random words stand in their streams.

        Args:
            rows: int32 tensor of shape `(..., B)`, the numbers of the rows, for one
                step or for several.
            ops: Its namespace.

        Returns:
            A dict of a stream of `keras_multimix.randomness` and int32 positions;
            empty where nothing is random.
        """
        return {}

    def partners(self, rows, words, num_rows, ops: Ops):
        """Returns each row's partner, an int32 tensor of shape `(..., B)`.

        Args:
            rows: As for `positions`.
            words: A dict of a stream and the random words at those positions.
            num_rows: B, an integer or a scalar tensor.
            ops: The namespace of `rows` and `words`.
        """
        raise NotImplementedError

    def partners_in(self, batch: Batch, words, num_rows, ops: Ops):
        """Returns each row's partner, where the pairing reads the batch.

        Args:
            batch: The `Batch`.
            words: A dict of a stream and the random words of one step.
            num_rows: B, an integer or a scalar tensor.
            ops: The namespace of `batch` and `words`.

        Returns:
            An int32 tensor of shape `(B,)`.
        """
        raise NotImplementedError

    def draw_ids(self, rows, num_rows, ops: Ops):
        """Returns which rows share a draw of coefficients: rows of the same id do."""
        return rows

    def take(self, leaf: Tensor, rows, ops: Ops):
        """Returns the partners' rows of a leaf, by the cheapest way for the pairing.

        A pairing may know where its partners lie, which row numbers in a tensor do not
        show. This matters for a compiler that lays the batch out over devices: for a
        gather every device fetches all rows, but for slices only the rows that cross
        its border.

        Args:
            leaf: Tensor of shape `(B, ...)`.
            rows: The partners, int32 of shape `(B,)`.
            ops: The namespace of both.
        """
        return mixing.take_rows(leaf, rows, ops)

    def runs(self, num_rows):
        """Returns runs of neighbours that are partners of neighbours, or None.

        Args:
            num_rows: B, an integer.

        Returns:
            A list of `(start, stop, first)`: the partners of rows `start` to `stop`
            are the rows from `first` on. None where there are many.
        """
        return None

"""What the datasets are that pair rows over a whole training set."""

import keras
import numpy as np

from keras_multimix import namespaces, randomness
from keras_multimix.annotations import Structure
from keras_multimix.arguments import check_count, invalid, resolve_seed
from keras_multimix.batches import Batch, check_batch, leaves_of, map_leaves


class PartnerPairs(keras.utils.PyDataset):
    """Base class: batches of rows, each with a partner from the training set.

    Every epoch shuffles the rows and draws a new partner for each, from nothing but the
    seed and the number of the epoch. A subclass says who the partners are, in
    `_partners`, and what it cannot pair, in `_check`.

    Args:
        x: The inputs, an array of shape `(N, ...)` or a structure of such arrays.
        y: The labels, likewise.
        batch_size: Rows of a batch, 1 or more.
        seed: An integer of up to 64 bits; None draws one.
        sample_weight: The rows' weights, or None.
        **kwargs: Those of `keras.utils.PyDataset`.
    """

    def __init__(
        self,
        x: Structure,
        y: Structure,
        batch_size: int,
        seed: int | None = None,
        sample_weight: Structure = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.x, self.y, self.sample_weight = (
            map_leaves(np.asarray, part) for part in (x, y, sample_weight)
        )
        check_batch(Batch(self.x, self.y, None, self.sample_weight))
        self.batch_size = check_count("batch_size", batch_size)
        self._num_rows = leaves_of(self.x)[0].shape[0]
        if self._num_rows == 0:
            raise invalid(
                "argument `x`",
                expected="one row or more",
                received="none",
                fix="pass the training set",
            )
        self._check()
        self.seed = resolve_seed(seed)
        self.epoch = 0

    # What a subclass says ----------------------------------------------------

    def _check(self):
        """Refuses a training set whose rows cannot be paired so, with a ValueError."""

    def _partners(self, rows):
        """Returns the partner of each row, in this epoch; to be overridden.

        Args:
            rows: Row numbers, an integer array of shape `(b,)`.
        """
        raise NotImplementedError

    # Inside -------------------------------------------------------------------

    @property
    def num_batches(self):
        """How many batches an epoch has."""
        return -(-self._num_rows // self.batch_size)

    def __getitem__(self, index):
        if not 0 <= index < self.num_batches:
            raise IndexError(index)
        rows = self._order()[index * self.batch_size : (index + 1) * self.batch_size]
        partners = self._partners(rows)
        return self._batch(rows), self._batch(partners)

    def __len__(self):
        return self.num_batches

    def on_epoch_end(self):
        """Shuffles anew."""
        self.epoch += 1

    def _batch(self, rows):
        parts = [self.x, self.y]
        if self.sample_weight is not None:
            parts.append(self.sample_weight)
        return tuple(map_leaves(lambda leaf: leaf[rows], part) for part in parts)

    def _order(self):
        words = self._words(randomness.PARTNERS, np.arange(self._num_rows))
        return np.argsort(words, kind="stable")

    def _words(self, stream, rows):
        """Returns the random words of some rows in this epoch, an int32 array."""
        state = np.append(randomness.key_words(self.seed), self.epoch).astype("int32")
        return randomness.random_words(
            state, stream, rows.astype("int32"), namespaces.numpy_ops
        )

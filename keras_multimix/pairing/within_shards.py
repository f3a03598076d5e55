"""Pairings that stay inside each device's rows of a batch."""

import keras

from keras_multimix import namespaces, randomness
from keras_multimix.arguments import check_choice, check_count

_PAIRINGS = ("shuffle", "roll", "mirror")


@keras.saving.register_keras_serializable(package="keras_multimix")
class WithinShards:
    """Pairs each row with one of the same shard, so that no row moves between devices.

    For training on JAX with `keras.distribution`, which lays the rows of a batch out
    over the devices in contiguous shards of equal size. A pairing over the whole batch
    then sends rows from one to another in every step; this one sends none. It is a
    pairing like others everywhere else: the same seed gives the same partners on every
    backend and any number of devices. Replicas of `tf.distribute` and ranks of
    `torch.distributed` mix their own rows only and do not need it.

    Args:
        pairing: What to do in each shard: `"shuffle"`, `"roll"` or `"mirror"`. A shard
            of b rows leaves one row in b with itself under `"shuffle"`, none under
            `"roll"` and `"mirror"` (but the middle one of an odd b).
        num_shards: S, the devices that share a batch: the size of the mesh's batch
            axis. In a batch of B rows the shards have ⌈B / S⌉ rows, the last ones
            fewer or none where S does not divide B; rows may move then.

    Raises:
        ValueError: For another pairing, or fewer than 1 shard.

    References:
        Mixing on every device by itself, "and thus avoids communication":
        google-research/big_vision, `utils.py`.

    Example:

    >>> import numpy as np
    >>> from keras_multimix import MixUp
    >>> from keras_multimix.pairing import WithinShards
    >>> layer = MixUp(pairing=WithinShards("roll", num_shards=2))
    >>> layer.get_random_transformation(np.ones((6, 4)))["partner"].tolist()
    [1, 2, 0, 4, 5, 3]
    """

    def __init__(self, pairing, num_shards):
        check_choice("pairing", pairing, _PAIRINGS)
        self.pairing = pairing
        self.num_shards = check_count("num_shards", num_shards)

    def partners(self, state, num_rows, ops):
        """Returns each row's partner, int32 of shape `(B,)`.

        Args:
            state: int32 tensor of shape `(3,)`: two key words and the step.
            num_rows: B, an integer or a scalar tensor.
            ops: The namespace of `state`.
        """
        rows = ops.arange(num_rows, dtype="int32")
        size = (num_rows + self.num_shards - 1) // self.num_shards
        shards = ops.floor_divide(rows, size)
        first = shards * size
        after_last = ops.minimum(first + size, num_rows)
        if self.pairing == "roll":
            return first + ops.mod(rows - first + 1, after_last - first)
        if self.pairing == "mirror":
            return first + after_last - 1 - rows
        words = randomness.random_words(state, randomness.PARTNERS, rows, ops)
        if self._divides(num_rows):
            # Sorted shard by shard, so that not even the words leave their device.
            words = ops.reshape(words, (self.num_shards, -1))
            order = ops.cast(ops.argsort(words), "int32")
            return ops.reshape(order, (-1,)) + first
        ranks = ops.cast(ops.argsort(ops.argsort(words)), "int32")
        return ops.cast(ops.argsort(shards * num_rows + ranks), "int32")

    def take(self, leaf, partners, ops):
        """Returns the partners' rows of a leaf.

        Args:
            leaf: Tensor of shape `(B, ...)`.
            partners: What `partners` returned for it, or its first rows.
            ops: The namespace of both.
        """
        num_rows = leaf.shape[0]
        if not self._divides(num_rows) or partners.shape[0] != num_rows:
            return ops.take(leaf, partners, axis=0)
        return namespaces.take_in_blocks(leaf, partners, self.num_shards, ops)

    def _divides(self, num_rows):
        return isinstance(num_rows, int) and num_rows % self.num_shards == 0

    def get_config(self):
        """Returns the arguments."""
        return {"pairing": self.pairing, "num_shards": self.num_shards}

    @classmethod
    def from_config(cls, config):
        """Returns a pairing made from what `get_config` returned."""
        return cls(**config)

    def __eq__(self, other):
        same_class = isinstance(other, WithinShards)
        return same_class and self.get_config() == other.get_config()

    def __hash__(self):
        return hash((self.pairing, self.num_shards))

    def __repr__(self):
        return f"WithinShards({self.pairing!r}, num_shards={self.num_shards})"

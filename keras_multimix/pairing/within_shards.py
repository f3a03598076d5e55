"""Pairings that stay inside each device's rows of a batch."""

from typing import Any

import keras

from keras_multimix import namespaces
from keras_multimix.annotations import Ops, Tensor
from keras_multimix.arguments import check_choice, check_count
from keras_multimix.pairing.fixed import Mirror, Roll, Shuffle
from keras_multimix.pairing.pairing import Pairing

_PAIRINGS = {"shuffle": Shuffle(), "roll": Roll(), "mirror": Mirror()}


@keras.saving.register_keras_serializable(package="keras_multimix")
class WithinShards(Pairing):
    """Pairs each row with one of the same shard, so that no row moves between devices.

    For training on JAX with `keras.distribution`, which lays the rows of a batch out
    over the devices in contiguous shards of equal size. A pairing over the whole batch
    then sends rows between the devices in every step; this one sends none. Everywhere
    else it works like any other pairing: the same seed gives the same partners on every
    backend and any number of devices. Replicas of `tf.distribute` and ranks of
    `torch.distributed` mix their own rows only and do not need it.

    Args:
        pairing: What to do in each shard: `"shuffle"`, `"roll"` or `"mirror"`. With
            `"shuffle"` on average one row of a shard is its own partner. With `"roll"`
            none is, and with `"mirror"` only the middle row of an odd number.
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

    def __init__(self, pairing: Any, num_shards: int):
        check_choice("pairing", pairing, tuple(_PAIRINGS))
        self.pairing = pairing
        self.num_shards = check_count("num_shards", num_shards)

    def positions(self, rows, ops: Ops):
        """Returns where the random words of the pairing in each shard stand."""
        return _PAIRINGS[self.pairing].positions(rows, ops)

    def partners(self, rows, words, num_rows, ops: Ops):
        """Returns each row's partner, a row of the same shard."""
        size = (num_rows + self.num_shards - 1) // self.num_shards
        shards = ops.floor_divide(rows, size)
        first = shards * size
        after_last = ops.minimum(first + size, num_rows)
        if self.pairing == "roll":
            return first + ops.mod(rows - first + 1, after_last - first)
        if self.pairing == "mirror":
            return first + after_last - 1 - rows
        (words,) = words.values()
        if self._divides(num_rows):
            # Sorted shard by shard, so that not even the words leave their device.
            shape = ops.shape(words)
            words = ops.reshape(words, (*shape[:-1], self.num_shards, -1))
            order = ops.cast(ops.argsort(words), "int32")
            return ops.reshape(order, shape) + first
        ranks = ops.cast(ops.argsort(ops.argsort(words)), "int32")
        return ops.cast(ops.argsort(shards * num_rows + ranks), "int32")

    def draw_ids(self, rows, num_rows, ops: Ops):
        """Returns which rows share a draw: under `"mirror"` the two of a pair."""
        if self.pairing != "mirror":
            return rows
        return ops.minimum(rows, self.partners(rows, {}, num_rows, ops))

    def take(self, leaf: Tensor, rows, ops: Ops):
        """Returns the partners' rows of a leaf.

        On JAX the compiler is told that each row comes from its own shard: it moves
        none between the devices when each holds a shard.
        """
        num_rows = leaf.shape[0]
        sharded = self.num_shards > 1 and namespaces.may_be_sharded(ops)
        if not (sharded and self._divides(num_rows) and rows.shape[0] == num_rows):
            return ops.take(leaf, rows, axis=0)
        import jax

        size = num_rows // self.num_shards
        shards = ops.reshape(leaf, (self.num_shards, size, *leaf.shape[1:]))
        places = ops.mod(ops.reshape(rows, (self.num_shards, size)), size)
        taken = jax.vmap(lambda shard, place: ops.take(shard, place, axis=0))
        return ops.reshape(taken(shards, places), leaf.shape)

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

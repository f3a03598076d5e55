"""Who is mixed with whom: inside a batch, and over a whole training set."""

from keras_multimix.pairing.in_batch import (
    DATA_PAIRINGS,
    PAIRINGS,
    callable_seed,
    check_distances,
    check_partners,
    choose_partners,
    draw_ids,
    neighbor_candidates,
    same_class_candidates,
    sample_partners,
    take_partners,
)
from keras_multimix.pairing.neighbor_pairs import NeighborPairs
from keras_multimix.pairing.within_shards import WithinShards

__all__ = [
    "DATA_PAIRINGS",
    "PAIRINGS",
    "NeighborPairs",
    "WithinShards",
    "callable_seed",
    "check_distances",
    "check_partners",
    "choose_partners",
    "draw_ids",
    "neighbor_candidates",
    "same_class_candidates",
    "sample_partners",
    "take_partners",
]

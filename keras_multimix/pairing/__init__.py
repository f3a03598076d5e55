"""Who is mixed with whom: inside a batch, and over a whole training set."""

from keras_multimix.arguments import check_choice
from keras_multimix.pairing.by_content import CallablePairing, Neighbors, SameClass
from keras_multimix.pairing.fixed import Mirror, Roll, Shuffle
from keras_multimix.pairing.neighbor_pairs import NeighborPairs
from keras_multimix.pairing.pairing import Pairing
from keras_multimix.pairing.similar_label_pairs import SimilarLabelPairs
from keras_multimix.pairing.similar_labels import SimilarLabels
from keras_multimix.pairing.within_shards import WithinShards

__all__ = ["NeighborPairs", "SimilarLabelPairs", "SimilarLabels", "WithinShards"]

_NAMED = {
    "shuffle": Shuffle(),
    "roll": Roll(),
    "mirror": Mirror(),
    "same_class": SameClass(),
    "neighbors": Neighbors(),
}


def get(identifier):
    """Returns the pairing of a layer's argument `pairing`.

    Args:
        identifier: A name, a `SimilarLabels`, a `WithinShards`, or a callable
            `(x, y, seed) -> partner`.

    Raises:
        ValueError: If it is none of these.
    """
    if isinstance(identifier, Pairing):
        return identifier
    if callable(identifier):
        return CallablePairing(identifier)
    check_choice("pairing", identifier, tuple(_NAMED))
    return _NAMED[identifier]

"""Who is mixed with whom: inside a batch, and over a whole training set."""

from keras_multimix.arguments import invalid
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
    if callable(identifier) and not isinstance(identifier, type):
        return CallablePairing(identifier)
    if isinstance(identifier, str) and identifier in _NAMED:
        return _NAMED[identifier]
    raise invalid(
        "argument `pairing`",
        expected=f"one of {', '.join(map(repr, _NAMED))}; a `SimilarLabels` or "
        "`WithinShards` of `keras_multimix.pairing`; or a function (x, y, seed) -> "
        "partner",
        received=f"pairing={identifier!r:.80}",
        fix="name one of these; make a class an object, such as "
        "`SimilarLabels(bandwidth)`",
    )

"""Batches that come together with their partners' batches.

Two zipped datasets, `NeighborPairs` and `SimilarLabelPairs` give
`((x, y), (partner_x, partner_y))`. Each half may also be `(x, y, sample_weight)`. Keras
takes the first half for inputs and the second half for targets. The number of the
model's inputs tells both cases apart.
"""

import keras
from keras import tree

from keras_multimix.batches import map_leaves


def num_inputs(model):
    """Returns how many inputs a model takes, or None if the model does not say."""
    if isinstance(model, keras.Sequential):
        return 1
    inputs = getattr(model, "inputs", None)
    return len(inputs) if inputs else None


def split(x, y, count):
    """Returns a batch and its partners' batch, each `(x, y, sample_weight)`, or None.

    Args:
        x: What Keras takes for the inputs.
        y: What Keras takes for the targets.
        count: How many inputs the model takes.
    """
    if not (_is_batch(x, count) and _is_batch(y, count)):
        return None
    return tuple((*half, None)[:3] for half in (x, y))


def own_inputs(x, count):
    """Returns the inputs of a batch with targets, or `x` if it holds inputs alone."""
    return x[0] if _is_batch(x, count) else x


def concatenate(first, second):
    """Returns all rows of one structure, followed by all rows of another like it."""
    return map_leaves(
        lambda *leaves: keras.ops.concatenate(leaves, axis=0), first, second
    )


def _is_batch(x, count):
    return (
        count is not None
        and isinstance(x, (tuple, list))
        and len(x) in (2, 3)
        and len(tree.flatten(x)) > count
        and len(tree.flatten(x[0])) == count
    )

"""Batches that come with their partners: pairs of `(x, y)` or `(x, y, sample_weight)`.

Two datasets zipped, or `NeighborPairs`, give `((x, y), (partner_x, partner_y))`, which
Keras takes for inputs and targets. The number of the model's inputs tells them apart.
"""

import keras
from keras import tree

from keras_multimix.batches import map_leaves


def num_inputs(model):
    """Returns how many inputs a model takes, or None where it does not say."""
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
    return tuple((*part, None)[:3] for part in (x, y))


def own_inputs(x, count):
    """Returns the inputs of what may be a batch with targets."""
    return x[0] if _is_batch(x, count) else x


def stacked(first, second):
    """Returns the rows of one structure above those of another like it."""
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

"""What belongs to each label of a batch: how many classes, and which weight."""

import functools

from keras import tree

from keras_multimix import mixing
from keras_multimix.annotations import Ops
from keras_multimix.arguments import check_count, invalid
from keras_multimix.batches import Batch, map_leaves

MAX_CLASSES = 2**31 - 1  # class indices are 32-bit integers


def spread(values, structure, what):
    """Returns one value for each leaf of a structure.

    Args:
        values: A value for all leaves; or a dict, list or tuple that has some of the
            structure's keys or all of its places. What it leaves out is None.
        structure: A nested structure.
        what: What `values` is, for the error.

    Raises:
        ValueError: If it has keys or places that the structure has not.
    """
    if isinstance(values, dict) and isinstance(structure, dict):
        unknown = [key for key in values if key not in structure]
        if not unknown:
            each = {key: values.get(key) for key in structure}
            return {key: spread(each[key], structure[key], what) for key in structure}
    elif isinstance(values, (list, tuple)) and isinstance(structure, (list, tuple)):
        if len(values) == len(structure):
            pairs = zip(values, structure, strict=True)
            each = [spread(value, part, what) for value, part in pairs]
            named = hasattr(structure, "_fields")
            return type(structure)(*each) if named else type(structure)(each)
    elif not isinstance(values, (dict, list, tuple)):
        return tree.map_structure(lambda leaf: values, structure)
    keys = f" with keys from {list(structure)}" if isinstance(structure, dict) else ""
    raise invalid(
        what,
        expected=f"one value, or a structure like the batch's{keys}",
        received=f"{values!r:.100}",
        fix="name the parts as the batch names them",
    )


def check_num_classes(num_classes):
    """Returns `num_classes` as the layers keep it, or raises a ValueError.

    Args:
        num_classes: An integer, None, or a nested dict, list or tuple of these.
    """
    if num_classes is None:
        return None
    if isinstance(num_classes, dict):
        return {key: check_num_classes(each) for key, each in num_classes.items()}
    if isinstance(num_classes, (list, tuple)):
        return [check_num_classes(each) for each in num_classes]
    return check_count("num_classes", num_classes, maximum=MAX_CLASSES)


def classes_of(num_classes, batch: Batch):
    """Returns how many classes each leaf of a batch's labels and masks has.

    Args:
        num_classes: A number or None for all of them; or a dict or list like the
            labels. In a batch that is one dict, its keys are those of the batch, or
            those inside of the only key with labels.
        batch: The `Batch`.

    Returns:
        Two structures for `map_labels`, for the labels and for the masks.

    Raises:
        ValueError: If `num_classes` names labels that are not there.
    """
    what = "argument `num_classes`"
    if not isinstance(num_classes, (dict, list, tuple)):
        return num_classes, num_classes
    if batch.masks is None:
        return None if batch.labels is None else spread(
            num_classes, batch.labels, what
        ), None
    named = isinstance(num_classes, dict) and set(num_classes) <= {
        *batch.labels,
        *batch.masks,
    }
    if not named and len(batch.labels) == 1:
        num_classes = dict.fromkeys(batch.labels, num_classes)
    both = spread(num_classes, batch.labels | batch.masks, what)
    return tuple(
        {key: both[key] for key in part} for part in (batch.labels, batch.masks)
    )


def sample_weights_of(batch: Batch):
    """Returns the sample weight of each leaf of a batch's labels, and of its masks.

    One array weighs all labels; a dict or list weighs those of its keys or places.

    Raises:
        ValueError: If the weights name labels that are not there.
    """
    what, weights = "sample weights", batch.sample_weight
    if batch.masks is not None:  # a batch that is one dict has one key for them
        weights = next(iter(weights.values()), None)
    if not tree.is_nested(weights):
        return tuple(
            None if part is None else spread(weights, part, what)
            for part in (batch.labels, batch.masks)
        )
    if batch.masks is not None and len(batch.labels) == 1:
        weights = dict.fromkeys(batch.labels, weights)
    if not tree.is_nested(batch.labels) and len(weights) == 1:  # one of one output
        (weights,) = tree.flatten(weights)
    labels = None if batch.labels is None else spread(weights, batch.labels, what)
    return labels, None if batch.masks is None else spread(None, batch.masks, what)


def map_labels(function, classes, *structures):
    """Maps `function(num_classes, *leaves)` over labels; None stays None.

    Args:
        function: The function.
        classes: What `classes_of` returned for the first of the structures.
        *structures: Structures of labels.
    """
    if not isinstance(classes, (dict, list, tuple)):
        if hasattr(structures[0], "dtype"):
            return function(classes, *structures)
        return map_leaves(functools.partial(function, classes), *structures)
    return tree.map_structure(
        lambda number, *leaves: (
            None if leaves[0] is None else function(number, *leaves)
        ),
        classes,
        *structures,
    )


def united(own, partner, own_weight, partner_weight, alone, ops: Ops):
    """Returns the larger of two labels at each place, for a union of tags.

    Args:
        own: The rows' labels, a structure.
        partner: The partners' labels, likewise.
        own_weight: The rows' sample weights, or None; what weighs 0 counts as 0.
        partner_weight: The partners' sample weights, or None.
        alone: Which rows have no part of their partner, bools of shape `(N,)`.
        ops: The namespace of all of them.
    """
    weights = [
        sample_weights_of(Batch(None, labels, None, weight))[0]
        for labels, weight in ((own, own_weight), (partner, partner_weight))
    ]
    union = functools.partial(mixing.union, alone=alone[:, None], ops=ops)
    return map_leaves(union, own, partner, *weights)

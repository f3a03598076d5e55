"""Parts of a batch that are not averaged: lengths, identities, heads of their own."""

import dataclasses
import functools
import operator
from typing import Any, NamedTuple

from keras_multimix import mixing
from keras_multimix.annotations import Ops, Tensor
from keras_multimix.arguments import invalid
from keras_multimix.batches import Batch, dtype_of, map_leaves

OWN, LARGER = "own", "max"


class Kept(NamedTuple):
    """What is not averaged in a batch.

    Attributes:
        inputs: Such inputs, by their paths.
        labels: Such labels, by their paths.
        whole_labels: All labels of the batch, in the caller's structure.
    """

    inputs: Any
    labels: Any
    whole_labels: Any


def check(unmixed):
    """Returns the names and rules of `unmixed` as a dict, or raises a ValueError.

    Args:
        unmixed: None, a list of names, or a dict of names and rules.
    """
    if unmixed is None:
        return None
    names = unmixed if isinstance(unmixed, (dict, list, tuple)) else ()
    rules = unmixed if isinstance(unmixed, dict) else dict.fromkeys(names)
    good = all(isinstance(name, (str, int)) for name in names) and all(
        rule in (None, OWN, LARGER) for rule in rules.values()
    )
    if not names or not good:
        raise invalid(
            "argument `unmixed`",
            expected='a list of names, or a dict of names and "own" or "max"',
            received=f"unmixed={unmixed!r:.80}",
            fix='pass for instance `unmixed={"lengths": "max", "speaker": "own"}`',
        )
    return dict(rules)


def set_aside(batch: Batch, unmixed):
    """Returns a `Batch` without the inputs and labels that are not averaged.

    Args:
        batch: The `Batch`.
        unmixed: What `check` returned.

    Raises:
        ValueError: If the batch has no part of such a name.
    """
    if unmixed is None:
        return batch
    inputs, kept_inputs = take_out(batch.inputs, unmixed)
    labels, kept_labels = take_out(batch.labels, unmixed)
    found = {path[-1] for path in (*kept_inputs, *kept_labels)}
    missing = [name for name in unmixed if name not in found]
    if missing:
        raise invalid(
            "argument `unmixed`",
            expected="names of inputs or labels of the batch",
            received=f"{missing}, which the batch does not have",
            fix="name parts as the batch does: by keys, or in a list of inputs by "
            "their numbers",
        )

    def pack(mixed_inputs, mixed_labels, masks, weights, kept=None):
        both = (kept_inputs, kept_labels) if kept is None else kept
        inputs = put_back(batch.inputs, mixed_inputs, both[0])
        labels = put_back(batch.labels, mixed_labels, both[1])
        return batch.pack(inputs, labels, masks, weights)

    return dataclasses.replace(
        batch,
        inputs=inputs,
        labels=labels,
        kept=Kept(kept_inputs, kept_labels, batch.labels),
        pack=pack,
    )


def take_out(structure, names, path=()):
    """Returns a structure without the parts of some names, and these by their paths."""
    if isinstance(structure, dict):
        rest, kept = {}, {}
        for name, part in structure.items():
            if name in names:
                kept[(*path, name)] = part
            else:
                rest[name], inner = take_out(part, names, (*path, name))
                kept |= inner
        return rest, kept
    if isinstance(structure, (list, tuple)) and not path:
        numbers = [n for n in range(len(structure)) if n in names]
        kept = {(number,): structure[number] for number in numbers}
        rest = [part for n, part in enumerate(structure) if n not in numbers]
        return (rest if numbers else structure), kept
    return structure, {}


def put_back(like, rest, kept, path=()):
    """Returns the structure of which `take_out` made two parts.

    Args:
        like: The structure.
        rest: What `take_out` left of it, or what became of that.
        kept: What `take_out` took out, or what became of it.
        path: Where in the whole structure this one is.
    """
    if not kept:
        return rest
    if isinstance(like, dict):
        return {
            name: kept[(*path, name)]
            if (*path, name) in kept
            else put_back(part, rest[name], kept, (*path, name))
            for name, part in like.items()
        }
    if isinstance(like, (list, tuple)) and not path:
        others = iter(rest)
        each = [kept[(n,)] if (n,) in kept else next(others) for n in range(len(like))]
        named = hasattr(like, "_fields")
        return type(like)(*each) if named else type(like)(each)
    return rest


def mix(parts, unmixed, locate, alone, ops: Ops, is_label=False):
    """Returns what becomes of the parts that are not averaged, by their paths.

    Args:
        parts: A list of such parts by their paths: of the batch, and of the partners'
            batch if these came in one of their own.
        unmixed: What `check` returned.
        locate: A function that finds the rows of a tensor, and their `Partners`.
        alone: As for `mixing.of_either`.
        ops: The namespace of all of them.
        is_label: Whether they are labels, which stay, while of inputs the larger counts
            if the caller named no rule.
    """

    def mix_leaf(rule, leaf: Tensor, partner_leaf=None):
        own, partners = locate(leaf, partner_leaf)
        if rule == OWN:
            return mixing.repeat_rows(own, alone.shape[1], ops)
        both = own, mixing.take_rows(partners.source, partners.rows, ops)
        # TensorFlow compares no booleans.
        larger = operator.or_ if dtype_of(leaf) == "bool" else ops.maximum
        return mixing.of_either(larger, *both, alone, ops)

    def rule(path):
        return unmixed[path[-1]] or (OWN if is_label else LARGER)

    return {
        path: map_leaves(
            functools.partial(mix_leaf, rule(path)), *(each[path] for each in parts)
        )
        for path in parts[0]
    }


def mix_batches(batches, unmixed, locate, alone, ops: Ops):
    """Returns what becomes of the inputs and of the labels that are not averaged.

    Args:
        batches: The `Batch`, and the partners' if these came in one of their own.
        unmixed: What `check` returned.
        locate: As for `mix`.
        alone: As for `mixing.of_either`.
        ops: The namespace.
    """
    return [
        mix(
            [each.kept[n] for each in batches],
            unmixed,
            locate,
            alone,
            ops,
            is_label=n == 1,
        )
        for n in (0, 1)
    ]

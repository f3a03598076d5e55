"""What a compiled program sends between devices, read from XLA's text of it."""

import re
from typing import NamedTuple

KINDS = (
    "all-gather",
    "all-reduce",
    "all-to-all",
    "collective-permute",
    "reduce-scatter",
)
_BYTES = {"pred": 1, "s8": 1, "u8": 1, "bf16": 2, "f16": 2, "s64": 8, "f64": 8}
_CALL = re.compile(rf" = (.*?) ({'|'.join(KINDS)})(?:-start)?\(")
_TENSOR = re.compile(r"\b([a-z]+[0-9]*)\[([0-9,]*)\]")


class Collective(NamedTuple):
    """One collective operation of a program.

    Attributes:
        kind: One of `KINDS`.
        shapes: The shapes of what it gives each device, tuples.
        bytes: Their size together.
    """

    kind: str
    shapes: tuple
    bytes: int


def collectives(text):
    """Returns the `Collective`s of an HLO module, as XLA prints it after optimizing.

    Args:
        text: The module's text.
    """
    found = []
    for line in text.splitlines():
        call = _CALL.search(line)
        if call is None:
            continue
        tensors = _TENSOR.findall(call[1])
        shapes = tuple(
            tuple(int(size) for size in sizes.split(",") if size)
            for _, sizes in tensors
        )
        total = sum(
            _BYTES.get(dtype, 4) * _product(shape)
            for (dtype, _), shape in zip(tensors, shapes, strict=True)
        )
        found.append(Collective(call[2], shapes, total))
    return found


def _product(shape):
    count = 1
    for size in shape:
        count *= size
    return count

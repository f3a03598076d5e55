"""When to write a checkpoint: after so many epochs, or so many minutes."""

import argparse
import re
import time
from typing import NamedTuple


class Every(NamedTuple):
    """How often a checkpoint is written; one of the two is 0.

    Attributes:
        epochs: so many epochs after the last one.
        minutes: at the end of the epoch in which so many minutes are over.
    """

    epochs: int = 0
    minutes: float = 0

    def __str__(self):
        return f"{self.minutes:g}min" if self.minutes else f"{self.epochs}epochs"


def every(text):
    """An argparse type: "5epochs", "10min", or "never", which is None."""
    if text == "never":
        return None
    found = re.fullmatch(r"(\d+)epochs?|(\d+(?:\.\d+)?)min", text)
    if found:
        epochs, minutes = (part and float(part) for part in found.groups())
        if epochs or minutes:
            return Every(int(epochs or 0), minutes or 0)
    raise argparse.ArgumentTypeError(
        "Expected a number of epochs or of minutes above 0, with its unit, or never. "
        f"Received: {text}. Use, for example, 5epochs or 10min."
    )


def add_option(parser):
    """Adds the option of a recipe whose runs can continue; presets may set it."""
    parser.add_argument(
        "--checkpoint-every",
        type=every,
        metavar="WHEN",
        help="keep all that a run needs to continue, after so many epochs or minutes: "
        "5epochs, 10min, or never",
    )


class Due:
    """Says when the next checkpoint is due.

    Args:
        every: an `Every`.
        clock: function () returning seconds.
    """

    def __init__(self, every, clock=time.monotonic):
        self.every = every
        self.clock = clock
        self.written(0)

    def written(self, epoch):
        """Learns that there is a checkpoint of an epoch."""
        self.epoch = epoch
        self.time = self.clock()

    def __call__(self, epoch):
        """Whether one is due when so many epochs are done."""
        if self.every.epochs:
            return epoch - self.epoch >= self.every.epochs
        return self.clock() - self.time >= 60 * self.every.minutes

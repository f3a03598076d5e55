"""What one draw makes of a batch inside a model: labels in pairs, and how to mix."""

from collections.abc import Callable
from typing import NamedTuple

from keras_multimix.paired_labels import PairedLabels


class PairedBatch(NamedTuple):
    """One draw of a mixing layer for a batch of B rows.

    Attributes:
        labels: The `PairedLabels` of the mixed rows.
        mix: A function of a structure of tensors with B rows, the inputs or what a
            hidden layer made of them, that returns the mixed rows. For a batch that
            came with partners it takes them as a second structure, or both below
            one another, 2·B rows.
        mix_mask: The same for the masks of such rows: a place counts in the mixed
            row if it counts in one of its parents.
    """

    labels: PairedLabels
    mix: Callable
    mix_mask: Callable

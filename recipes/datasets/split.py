"""Rows to train on and rows to test on."""

from dataclasses import dataclass, replace

import numpy as np
from sklearn.model_selection import train_test_split


@dataclass(frozen=True)
class Split:
    """Rows to train on and rows to test on.

    Attributes:
        train_inputs: (N, ...) float32; images in [0, 1].
        train_labels: (N,) int32 classes.
        test_inputs: as `train_inputs`.
        test_labels: as `train_labels`.
        num_classes: how many classes there are, in these rows or not.
        validation_inputs: rows for choices that neither training nor tests may make,
            such as a temperature; None if there are none.
        validation_labels: theirs.
    """

    train_inputs: np.ndarray
    train_labels: np.ndarray
    test_inputs: np.ndarray
    test_labels: np.ndarray
    num_classes: int
    validation_inputs: np.ndarray | None = None
    validation_labels: np.ndarray | None = None

    @property
    def input_shape(self):
        """Shape of a row."""
        return self.train_inputs.shape[1:]


def some_rows(inputs, labels, size, seed):
    """Draws `size` rows, stratified by class; all of them where `size` is None."""
    if size is None or size >= len(inputs):
        return inputs, labels
    return train_test_split(
        inputs, labels, train_size=size, stratify=labels, random_state=seed
    )[::2]


def hold_out(split, size, seed):
    """Returns a `Split` with `size` training rows for validation, stratified by class.

    Args:
        split: the `Split`.
        size: how many rows; 0 gives the split itself.
        seed: the same seed gives the same rows.
    """
    if not size:
        return split
    if not split.num_classes <= size <= len(split.train_labels) - split.num_classes:
        raise ValueError(
            "Invalid value received for argument `validation_size`. Expected at least "
            "one row of each class to validate on, and one to train on: an integer "
            f"from {split.num_classes} to "
            f"{len(split.train_labels) - split.num_classes}. Received: {size}. Pass a "
            "tenth of the training rows, or 0 to hold out none."
        )
    parts = train_test_split(
        split.train_inputs,
        split.train_labels,
        test_size=size,
        stratify=split.train_labels,
        random_state=seed,
    )
    train_inputs, inputs, train_labels, labels = parts
    return replace(
        split,
        train_inputs=train_inputs,
        train_labels=train_labels,
        validation_inputs=inputs,
        validation_labels=labels,
    )

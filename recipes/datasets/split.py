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


def stratified_rows(labels, size, seed):
    """Draws the numbers of rows for the one part and of rows for the other.

    Args:
        labels: (N,) classes from 0.
        size: how many rows, or which share of them, the other part has. It is
            stratified by class; the only row of a class goes to the one part.
        seed: the same seed gives the same rows.
    """
    alone = np.bincount(labels)[labels] < 2
    rows = np.arange(len(labels))
    one, other = train_test_split(
        rows[~alone], test_size=size, stratify=labels[~alone], random_state=seed
    )
    return np.concatenate([one, rows[alone]]), other


def with_held_out(train_size, validation_size):
    """How many rows to draw so that `train_size` are left once others are held out.

    Args:
        train_size: how many to train on.
        validation_size: how many are held out later, or below 1 their share of all.
    """
    if validation_size >= 1:
        return train_size + validation_size
    return train_size + round(validation_size * train_size / (1 - validation_size))


def hold_out(split, size, seed):
    """Returns a `Split` with training rows held out for validation.

    Args:
        split: the `Split`.
        size: how many rows, or below 1 which share of them, stratified by class; 0
            gives the split itself.
        seed: the same seed gives the same rows.
    """
    if not size:
        return split
    num_rows = len(split.train_labels)
    size = round(size * num_rows) if size < 1 else size
    if not split.num_classes <= size <= num_rows - split.num_classes:
        raise ValueError(
            "Invalid value received for argument `validation_size`. Expected at least "
            "one row of each class to validate on, and one to train on: an integer "
            f"from {split.num_classes} to {num_rows - split.num_classes}. Received: "
            f"{size}. Pass a tenth of the training rows, or 0 to hold out none."
        )
    train, validation = stratified_rows(split.train_labels, size, seed)
    return replace(
        split,
        train_inputs=split.train_inputs[train],
        train_labels=split.train_labels[train],
        validation_inputs=split.train_inputs[validation],
        validation_labels=split.train_labels[validation],
    )

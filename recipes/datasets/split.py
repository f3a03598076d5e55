"""Rows to train on and rows to test on."""

from dataclasses import dataclass

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
    """

    train_inputs: np.ndarray
    train_labels: np.ndarray
    test_inputs: np.ndarray
    test_labels: np.ndarray
    num_classes: int

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

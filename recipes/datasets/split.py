"""Rows to train on and rows to test on."""

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import train_test_split


@dataclass(frozen=True)
class Split:
    """Images (N, height, width, channels) float32 in [0, 1], classes (N,) int32."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray

    @property
    def image_shape(self):
        """(height, width, channels)."""
        return self.train_images.shape[1:]


def some_rows(images, labels, size, seed):
    """Draws `size` rows, stratified by class; all of them where `size` is None."""
    if size is None or size >= len(images):
        return images, labels
    return train_test_split(
        images, labels, train_size=size, stratify=labels, random_state=seed
    )[::2]

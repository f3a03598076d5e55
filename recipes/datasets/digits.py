"""The handwritten digits that ship inside scikit-learn: 1797 images, no download."""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from recipes.datasets.split import Split

IMAGE_SHAPE = (8, 8, 1)
NUM_CLASSES = 10
NUM_IMAGES = 1797
_GREY_LEVELS = 16


def load():
    """Returns images (1797, 8, 8, 1) float32 in [0, 1] and labels (1797,) int32."""
    digits = load_digits()
    images = (digits.images / _GREY_LEVELS).astype("float32")[..., np.newaxis]
    return images, digits.target.astype("int32")


def load_split(train_size, seed):
    """Draws `train_size` images to train on, stratified by class; the rest test.

    Args:
        train_size: number of training images, from 10 (one a class) to 1787.
        seed: the same seed gives the same split.
    """
    if not NUM_CLASSES <= train_size <= NUM_IMAGES - NUM_CLASSES:
        raise ValueError(
            "Invalid value received for argument `train_size`. Expected at least "
            "one image of each class to train and one to test: an integer from "
            f"{NUM_CLASSES} to {NUM_IMAGES - NUM_CLASSES}. "
            f"Received: train_size={train_size}. Use, for example, 300."
        )
    images, labels = load()
    parts = train_test_split(
        images, labels, train_size=train_size, stratify=labels, random_state=seed
    )
    train_inputs, test_inputs, train_labels, test_labels = parts
    return Split(train_inputs, train_labels, test_inputs, test_labels, NUM_CLASSES)

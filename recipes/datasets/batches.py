"""Batches of rows in a new order every epoch, and augmented ones."""

import math

import keras
import numpy as np

_SECOND = 2**31  # far from the seeds of the runs: another order


class ShuffledRows(keras.utils.PyDataset):
    """Batches `(inputs, labels)`, shuffled anew every epoch.

    Args:
        inputs: (N, ...) array.
        labels: (N, ...) array.
        batch_size: rows of a batch; the last one of an epoch may have fewer.
        copies: how often each row comes in an epoch.
        seed: of the order.
    """

    def __init__(self, inputs, labels, batch_size, *, copies=1, seed=0):
        super().__init__()
        self.inputs = inputs
        self.labels = labels
        self.rows = np.tile(np.arange(len(inputs)), copies)
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0
        self.order = self._shuffled()

    def __len__(self):
        return math.ceil(len(self.rows) / self.batch_size)

    def __getitem__(self, index):
        rows = self.rows_of(index)
        return self.inputs[rows], self.labels[rows]

    def rows_of(self, index):
        """The numbers of the rows in a batch."""
        start = index * self.batch_size
        return self.order[start : start + self.batch_size]

    def on_epoch_end(self):
        """Draws the order of the next epoch."""
        self.epoch += 1
        self.order = self._shuffled()

    def _shuffled(self):
        return np.random.default_rng((self.seed, self.epoch)).permutation(self.rows)


class Augmented(keras.utils.PyDataset):
    """The batches of another dataset with their images changed at random.

    Args:
        dataset: a `keras.utils.PyDataset` of structures whose leaves of rank 4 are
            images.
        augment: function (images, generator) -> images.
        seed: of the changes.
        **workers: as `keras.utils.PyDataset` takes them, such as `workers=2`.
    """

    def __init__(self, dataset, augment, seed=0, **workers):
        super().__init__(**workers)
        self.dataset = dataset
        self.augment = augment
        self.seed = seed
        self.epoch = 0

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, index):
        generator = np.random.default_rng((self.seed, self.epoch, index))
        return keras.tree.map_structure(
            lambda leaf: self.augment(leaf, generator) if np.ndim(leaf) == 4 else leaf,
            self.dataset[index],
        )

    def on_epoch_end(self):
        """Goes to the draws of the next epoch."""
        self.epoch += 1
        self.dataset.on_epoch_end()


class Zipped(keras.utils.PyDataset):
    """The batches of several datasets of as many batches, side by side.

    Args:
        *datasets: each a `keras.utils.PyDataset`.
    """

    def __init__(self, *datasets):
        super().__init__()
        self.datasets = datasets

    def __len__(self):
        return len(self.datasets[0])

    def __getitem__(self, index):
        return tuple(dataset[index] for dataset in self.datasets)

    def on_epoch_end(self):
        """Goes to the next epoch of each."""
        for dataset in self.datasets:
            dataset.on_epoch_end()


def two_datasets(inputs, labels, batch_size, *, copies=1, seed=0):
    """The same rows in two orders: `((inputs, labels), (inputs, labels))` batches.

    `MixupModel` mixes each row of the first with that of the second. Arguments are
    those of `ShuffledRows`.
    """
    return Zipped(
        *(
            ShuffledRows(inputs, labels, batch_size, copies=copies, seed=each)
            for each in (seed, seed + _SECOND)
        )
    )


def crop_and_flip(images, generator, padding=4):
    """Moves each image by up to `padding` pixels and mirrors every other one.

    Args:
        images: (B, height, width, channels) array.
        generator: a `numpy.random.Generator`.
        padding: black pixels around an image before a part of it is cropped.

    Returns:
        An array like `images`.
    """
    count, height, width = images.shape[:3]
    edges = ((0, 0), (padding, padding), (padding, padding), (0, 0))
    padded = np.pad(images, edges)
    tops, lefts, flipped = draw_crops(count, padding, generator)
    columns = np.arange(width) + lefts[:, None]
    columns[flipped] = columns[flipped, ::-1]
    rows = np.arange(height) + tops[:, None]
    return padded[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None]]


def draw_crops(count, padding, generator):
    """Draws where to crop images, and which ones to mirror.

    Args:
        count: number of images.
        padding: pixels around an image before it is cropped.
        generator: a `numpy.random.Generator`.

    Returns:
        (tops, lefts, flipped): two arrays of integers from 0 to 2 * padding, each as
        likely as the other, and one of booleans, each of length `count`.
    """
    tops, lefts = generator.integers(0, 2 * padding + 1, (2, count))
    return tops, lefts, generator.random(count) < 0.5

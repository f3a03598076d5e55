"""Batches of rows in a new order every epoch, and augmented ones."""

import math

import keras
import numpy as np

from recipes.shared.shares import WHOLE

_SECOND = 2**31  # far from the seeds of the runs: another order


class ShuffledRows(keras.utils.PyDataset):
    """Batches `(inputs, labels)`, shuffled anew every epoch.

    Nothing but the seed and the attribute `epoch` fixes the order, on every backend and
    in every process: set `epoch` to continue where a training stopped. Pass
    `shuffle=False` to `fit`, which would draw an order of the batches.

    Args:
        inputs: (N, ...) array.
        labels: (N, ...) array.
        batch_size: rows of a batch; the last one of an epoch may have fewer.
        copies: how often each row comes in an epoch.
        seed: of the order.
        share: which rows of each batch to give.
    """

    def __init__(self, inputs, labels, batch_size, *, copies=1, seed=0, share=WHOLE):
        super().__init__()
        self.inputs = inputs
        self.labels = labels
        self.rows = np.tile(np.arange(len(inputs)), copies)
        self.batch_size = batch_size
        self.seed = seed
        self.share = share
        self.epoch = 0

    @property
    def epoch(self):
        """The number of the epoch whose order the batches have."""
        return self._epoch

    @epoch.setter
    def epoch(self, value):
        self._epoch = value
        generator = np.random.default_rng((self.seed, value))
        self.order = generator.permutation(self.rows)

    def __len__(self):
        return math.ceil(len(self.rows) / self.batch_size)

    def __getitem__(self, index):
        rows = self.rows_of(index)
        return self.inputs[rows], self.labels[rows]

    def rows_of(self, index):
        """The numbers of the rows in a batch, those of the share."""
        whole = self._whole(index)
        return whole[self.share.rows(len(whole))]

    def part_of(self, index):
        """How many rows the whole batch has, and the places of the share's in it."""
        count = len(self._whole(index))
        return count, self.share.rows(count)

    def _whole(self, index):
        start = index * self.batch_size
        return self.order[start : start + self.batch_size]

    def on_epoch_end(self):
        """Draws the order of the next epoch."""
        self.epoch += 1


class MadeOfOthers(keras.utils.PyDataset):
    """Batches that are made from the batches of other datasets, at their `epoch`."""

    def __init__(self, *datasets):
        super().__init__()
        self.datasets = datasets

    @property
    def epoch(self):
        """The number of the epoch whose draws the batches have."""
        return self.datasets[0].epoch

    @epoch.setter
    def epoch(self, value):
        for dataset in self.datasets:
            dataset.epoch = value

    def __len__(self):
        return len(self.datasets[0])

    def part_of(self, index):
        """The part that `ShuffledRows` gives; None if there are no shares."""
        own = getattr(self.datasets[0], "part_of", None)
        return own and own(index)

    def on_epoch_end(self):
        """Goes to the next epoch of each dataset."""
        for dataset in self.datasets:
            dataset.on_epoch_end()


class SharedBatches(MadeOfOthers):
    """A share of the rows of another dataset's batches, which are made whole.

    Args:
        dataset: a `keras.utils.PyDataset` of structures of arrays.
        share: which rows of each batch to give.
    """

    def __init__(self, dataset, share):
        super().__init__(dataset)
        self.share = share

    def __getitem__(self, index):
        return keras.tree.map_structure(
            lambda leaf: leaf[self.share.rows(len(leaf))], self.datasets[0][index]
        )


class Augmented(MadeOfOthers):
    """The batches of another dataset with their images changed at random.

    Args:
        dataset: a `keras.utils.PyDataset` with an attribute `epoch`, of structures
            whose leaves of rank 4 are images. Where it has a share of each batch, it
            has `part_of(index)`, and the images change as in the whole batch.
        augment: function (images, generator, *, part) -> images; see `crop_and_flip`.
        seed: of the changes.
    """

    def __init__(self, dataset, augment, seed=0):
        super().__init__(dataset)
        self.augment = augment
        self.seed = seed

    def __getitem__(self, index):
        generator = np.random.default_rng((self.seed, self.epoch, index))
        part = self.part_of(index)
        return keras.tree.map_structure(
            lambda leaf: (
                self.augment(leaf, generator, part=part) if np.ndim(leaf) == 4 else leaf
            ),
            self.datasets[0][index],
        )


class Zipped(MadeOfOthers):
    """The batches of several datasets of as many batches, side by side.

    Args:
        *datasets: each a `keras.utils.PyDataset`.
    """

    def __getitem__(self, index):
        return tuple(dataset[index] for dataset in self.datasets)


def two_datasets(inputs, labels, batch_size, *, seed=0, **kwargs):
    """The same rows in two orders: `((inputs, labels), (inputs, labels))` batches.

    `MixupModel` mixes each row of the first with that of the second. Arguments are
    those of `ShuffledRows`.
    """
    return Zipped(
        *(
            ShuffledRows(inputs, labels, batch_size, seed=each, **kwargs)
            for each in (seed, seed + _SECOND)
        )
    )


def crop_and_flip(images, generator, padding=4, part=None):
    """Moves each image by up to `padding` pixels, and mirrors it with probability ½.

    Args:
        images: (B, height, width, channels) array.
        generator: a `numpy.random.Generator`.
        padding: black pixels around an image before a part of it is cropped.
        part: None, or (count, places): the images are those at some places of a batch
            of `count`, and change as they would there.

    Returns:
        An array like `images`.
    """
    count, height, width = images.shape[:3]
    whole, places = part or (count, slice(None))
    edges = ((0, 0), (padding, padding), (padding, padding), (0, 0))
    padded = np.pad(images, edges)
    tops, lefts, flipped = (
        drawn[places] for drawn in draw_crops(whole, padding, generator)
    )
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

"""Batches of augmented images made on the device, where the training set stays.

A GPU trains a small network faster than one CPU core can crop and flip images, and
faster than they can be copied to the GPU.
"""

import keras
import numpy as np

from recipes.datasets.batches import ShuffledRows, draw_crops


class DeviceRows(ShuffledRows):
    """The batches of `Augmented(ShuffledRows(...), crop_and_flip)`, made on the device.

    The host draws the rows, offsets and flips, the same numbers as there; the images
    are put together on the device, in one compiled function on JAX.

    Args:
        inputs: (N, height, width, channels) images.
        labels: (N, ...) array.
        batch_size: rows of a batch; the last one of an epoch may have fewer.
        padding: black pixels around an image before a part of it is cropped.
        copies: how often each row comes in an epoch.
        seed: of the order, the offsets and the flips.
        share: which rows of each batch to give.
    """

    def __init__(self, inputs, labels, batch_size, *, padding=4, **kwargs):
        super().__init__(inputs, labels, batch_size, **kwargs)
        self.padding = padding
        self.size = inputs.shape[1:3]
        self.pixels = keras.ops.convert_to_tensor(
            np.reshape(inputs, (-1, inputs.shape[-1]))
        )

    def __getitem__(self, index):
        rows = self.rows_of(index)
        generator = np.random.default_rng((self.seed, self.epoch, index))
        count, places = self.part_of(index)
        tops, lefts, flipped = (
            drawn[places] for drawn in draw_crops(count, self.padding, generator)
        )
        # One array: a copy to the device costs more than its few bytes.
        numbers = np.stack(
            [rows, tops - self.padding, lefts - self.padding, flipped]
        ).astype("int32")
        return _on_device(self.pixels, numbers, *self.size), self.labels[rows]


def _cropped(pixels, numbers, height, width):
    """Images from the pixels of all, black where a crop lies beyond its image.

    Args:
        pixels: (N * height * width, channels).
        numbers: (4, B) int32: each image's row, its crop's top and left edge, and
            whether it is mirrored.
        height: of the images.
        width: of the images.
    """
    ops = keras.ops
    rows, tops, lefts, flipped = (numbers[i][:, None, None] for i in range(4))
    y = ops.arange(height, dtype="int32")[None, :, None] + tops
    x = ops.arange(width, dtype="int32")[None, None, :]
    x = ops.where(flipped == 1, width - 1 - x, x) + lefts
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    place = (rows * height + ops.clip(y, 0, height - 1)) * width
    images = ops.take(pixels, place + ops.clip(x, 0, width - 1), axis=0)
    return ops.where(inside[..., None], images, ops.zeros_like(images))


def _make():
    if keras.backend.backend() != "jax":
        return lambda pixels, numbers, *size: _cropped(
            pixels, keras.ops.convert_to_tensor(numbers), *size
        )
    import jax

    return jax.jit(_cropped, static_argnums=(2, 3))


_on_device = _make()

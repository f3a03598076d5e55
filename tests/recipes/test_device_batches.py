"""Batches made on the device: the same as the host's, and their law."""

import functools

import keras
import numpy as np
from scipy import stats

from recipes.datasets.batches import Augmented, ShuffledRows, crop_and_flip
from recipes.datasets.device_batches import DeviceRows


def to_numpy(batch):
    return [keras.ops.convert_to_numpy(part) for part in batch]


def test_batches_are_those_of_the_host(rng):
    images, labels = rng.random((10, 6, 5, 3), dtype="float32"), np.arange(10)
    ours = DeviceRows(images, labels, 4, padding=2, copies=2, seed=3)
    rows = ShuffledRows(images, labels, 4, copies=2, seed=3)
    theirs = Augmented(rows, functools.partial(crop_and_flip, padding=2), seed=3)
    assert len(ours) == len(theirs) == 5
    for _ in range(2):
        for index in range(5):
            for one, other in zip(to_numpy(ours[index]), theirs[index], strict=True):
                assert one.dtype == other.dtype
                np.testing.assert_array_equal(one, other)
        ours.on_epoch_end()
        theirs.on_epoch_end()


def test_a_seed_fixes_every_draw_and_epochs_differ(rng):
    images, labels = rng.random((8, 9, 9, 1), dtype="float32"), np.arange(8)
    first, again, other = (DeviceRows(images, labels, 8, seed=s) for s in (1, 1, 2))
    batch = to_numpy(first[0])[0]
    np.testing.assert_array_equal(batch, to_numpy(again[0])[0])
    assert not np.array_equal(batch, to_numpy(other[0])[0])
    again.on_epoch_end()
    assert not np.array_equal(batch, to_numpy(again[0])[0])


def test_every_offset_and_flip_is_equally_likely_for_each_image():
    """81 offsets and two directions; a right law fails for one seed in 10 000."""
    size, cells = 9, 162
    count = 200 * cells
    # Each pixel tells its place, so that an image tells how it was cropped.
    image = np.arange(1, size * size + 1, dtype="float32").reshape(size, size, 1)
    images = np.broadcast_to(image, (count, size, size, 1))
    batch, _ = to_numpy(DeviceRows(images, np.zeros(count), count, seed=0)[0])
    row = batch[:, 4, :, 0]  # the middle, which no offset of up to 4 moves out
    place = row[:, 4].astype("int64") - 1
    right, left = row[:, 5] - row[:, 4], row[:, 4] - row[:, 3]
    flipped = np.where(row[:, 5] > 0, right, left) < 0
    found = np.bincount(2 * place + flipped, minlength=cells)
    assert found.shape == (cells,)
    statistic = stats.chisquare(found).statistic
    assert statistic < stats.chi2.isf(1e-4, cells - 1)
    # Neighbours in a batch share nothing: pairs of flips are even, too.
    both = np.bincount(2 * flipped[:-1] + flipped[1:], minlength=4)
    assert stats.chisquare(both).statistic < stats.chi2.isf(1e-4, 3)


def test_a_model_trains_on_them(rng):
    images = rng.random((8, 8, 8, 3), dtype="float32")
    batches = DeviceRows(images, np.arange(8) % 2, 4)
    model = keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(2)]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss)
    before = model.get_weights()[0]
    model.fit(batches, epochs=2, verbose=0)
    assert batches.epoch >= 2  # once more on JAX, where Keras looks ahead
    assert not np.array_equal(before, model.get_weights()[0])

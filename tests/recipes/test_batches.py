"""Batches of rows and augmented ones."""

import numpy as np

from recipes.datasets.batches import Augmented, ShuffledRows, crop_and_flip


def rows(copies=1, seed=0):
    return ShuffledRows(np.arange(10), np.arange(10) * 2, 4, copies=copies, seed=seed)


def epoch(dataset):
    batches = [dataset[index] for index in range(len(dataset))]
    return np.concatenate([np.ravel(batch[0]) for batch in batches])


def test_every_row_comes_once_in_another_order_each_epoch():
    dataset = rows()
    assert len(dataset) == 3
    inputs, labels = dataset[2]
    assert inputs.shape == (2,)
    np.testing.assert_array_equal(labels, 2 * inputs)
    first = epoch(dataset)
    dataset.on_epoch_end()
    second = epoch(dataset)
    assert first.tolist() != second.tolist()
    assert sorted(first) == sorted(second) == list(range(10))
    np.testing.assert_array_equal(first, epoch(rows()))
    assert first.tolist() != epoch(rows(seed=1)).tolist()


def test_an_epoch_is_gone_to_by_its_number(rng):
    images = rng.random((8, 6, 6, 1)).astype("float32")
    one, other = (
        Augmented(ShuffledRows(images, np.arange(8), 8), crop_and_flip, seed=3)
        for _ in "ab"
    )
    one.on_epoch_end()
    one.on_epoch_end()
    other.epoch = 2
    for a, b in zip(one[0], other[0], strict=True):
        np.testing.assert_array_equal(a, b)


def test_copies():
    assert sorted(epoch(rows(copies=3))) == sorted(list(range(10)) * 3)


def test_crops_are_parts_of_the_padded_image_or_of_its_mirror(rng):
    images = rng.random((64, 5, 6, 3)).astype("float32")
    result = crop_and_flip(images, np.random.default_rng(1), padding=2)
    assert result.shape == images.shape and result.dtype == images.dtype
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)))
    found = set()
    for image, whole in zip(result, padded, strict=True):
        matches = [
            (top, left, flip)
            for top in range(5)
            for left in range(5)
            for flip in (False, True)
            if np.array_equal(
                image[:, ::-1] if flip else image,
                whole[top : top + 5, left : left + 6],
            )
        ]
        assert len(matches) == 1
        found |= set(matches)
    assert len(found) > 30
    assert {flip for *_, flip in found} == {False, True}


def test_only_images_are_augmented_and_every_epoch_anew(rng):
    images = rng.random((8, 6, 6, 1)).astype("float32")
    dataset = Augmented(ShuffledRows(images, np.arange(8), 8), crop_and_flip, seed=3)
    first, again = dataset[0], dataset[0]
    np.testing.assert_array_equal(first[0], again[0])
    assert sorted(first[1]) == list(range(8))
    assert not np.array_equal(first[0], images[first[1]])
    dataset.on_epoch_end()
    second = dataset[0]
    assert second[1].tolist() != first[1].tolist()

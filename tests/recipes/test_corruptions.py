"""Corrupted images: what each kind does, and that every method sees the same ones."""

import numpy as np
import pytest
from scipy import ndimage

from recipes.datasets.corruptions import KINDS, Corruptions


@pytest.fixture
def images(rng):
    smooth = ndimage.gaussian_filter(rng.random((6, 28, 28, 3)), (0, 1.5, 1.5, 0))
    low, high = smooth.min(), smooth.max()
    return ((smooth - low) / (high - low)).astype("float32")


@pytest.mark.parametrize("channels", [1, 3])
def test_every_kind_corrupts_more_and_more(images, channels):
    images = images[..., :channels]
    before, found = images.copy(), {}
    for name, corrupt in Corruptions().items():
        corrupted = corrupt(images)
        assert corrupted.shape == images.shape and corrupted.dtype == "float32"
        # Files have 8 bits a value.
        np.testing.assert_array_equal(np.rint(corrupted * 255) / 255, corrupted)
        kind, _, strength = name.rpartition("_")
        found.setdefault(kind, []).append(np.sqrt(np.mean((corrupted - images) ** 2)))
        assert int(strength) == len(found[kind])
    np.testing.assert_array_equal(images, before)
    assert tuple(found) == KINDS
    for kind, distances in found.items():
        assert 0.002 < distances[0] < 0.12, kind
        assert (np.diff(distances) > 0).all(), kind


def test_draws_are_the_seeds(images):
    for name in ("noise_3", "fog_2"):
        first, again, other = (Corruptions(seed)[name](images) for seed in (1, 1, 2))
        np.testing.assert_array_equal(first, again)
        assert (first != other).any()


def test_other_images_are_not_taken_for_the_last_ones(images):
    corrupt = Corruptions()["blur_2"]
    first = corrupt(images)
    assert (corrupt(images[::-1].copy()) != first).any()
    np.testing.assert_array_equal(corrupt(images), first)


def test_contrast_and_pixels_by_hand():
    image = np.array([[0.2, 0.6], [0.2, 0.6]], "float32").repeat(14, 0).repeat(14, 1)
    image = image[None, ..., None]
    pale = Corruptions()["contrast_3"](image)  # 0.4 of it is left, around 0.4
    np.testing.assert_allclose(np.unique(pale), [0.32, 0.48], atol=1 / 255)
    coarse = Corruptions()["pixelation_4"](image)  # two by two pixels become one
    np.testing.assert_allclose(coarse, image, atol=1 / 255)


def test_equal_images_are_corrupted_once_and_others_anew(images):
    corruptions = Corruptions()
    first = corruptions["blur_3"](images)
    made = corruptions.made["blur_3"]
    np.testing.assert_array_equal(corruptions["blur_3"](images.copy()), first)
    assert corruptions.made["blur_3"] is made
    images[0] = 0  # in place, as a caller may do
    fresh = Corruptions()["blur_3"](images)
    np.testing.assert_array_equal(corruptions["blur_3"](images), fresh)
    assert (fresh != first).any()

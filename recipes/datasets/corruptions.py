"""Corrupted images: six kinds at five strengths, for measuring robustness.

The kinds are those of Hendrycks and Dietterich's benchmark in miniature (arXiv
1903.12261), the functions and strengths our own, for images of about 30 pixels: this is
not CIFAR-10-C, and errors here do not compare with errors there. Pillow makes JPEGs and
coarse pixels, SciPy blurs.
"""

import functools
import io

import numpy as np
from scipy import ndimage

STRENGTHS = (1, 2, 3, 4, 5)
# What a kind does at each strength.
_NOISE = (0.04, 0.08, 0.12, 0.18, 0.26)  # standard deviation, pixels in [0, 1]
_BLUR = (0.4, 0.6, 0.8, 1.1, 1.5)  # standard deviation in pixels
_FOG = (0.15, 0.25, 0.35, 0.45, 0.6)  # how opaque
_CONTRAST = (0.75, 0.55, 0.4, 0.25, 0.15)  # what is left of it
_PIXELS = (0.9, 0.75, 0.6, 0.5, 0.35)  # of each side
_QUALITY = (70, 45, 25, 15, 7)  # of JPEG


class Corruptions(dict):
    """Name with strength, such as "noise_1" -> function of images, in that order.

    The functions take images (N, height, width, 1 or 3) in [0, 1] and return new ones
    of 8 bits a value, as files have. They remember what they made of the last images,
    since every run measures on the same ones, read anew.

    Args:
        seed: of the noise and the fog: the same for every method.
    """

    def __init__(self, seed=0):
        self.images = None
        self.made = {}
        for kind, (function, values) in _KINDS.items():
            for strength, value in zip(STRENGTHS, values, strict=True):
                name = f"{kind}_{strength}"
                self[name] = functools.partial(
                    self._corrupt, name, function, value, (seed, strength)
                )

    def _corrupt(self, name, function, value, seed, images):
        if self.images is None or not np.array_equal(images, self.images):
            self.images, self.made = images.copy(), {}
        if name not in self.made:
            corrupted = function(images, value, np.random.default_rng(seed))
            self.made[name] = _in_8_bits(corrupted)
        return self.made[name] / np.float32(255)


def noise(images, deviation, generator):
    """Gaussian noise on every value."""
    drawn = generator.standard_normal(images.shape, dtype="float32")
    return images + np.float32(deviation) * drawn


def blur(images, deviation, generator):
    """A Gaussian blur of that standard deviation, in pixels."""
    return ndimage.gaussian_filter(images, (0, deviation, deviation, 0))


def fog(images, opacity, generator):
    """Bright clouds in front of the picture, as opaque as said where they are thickest.

    The clouds are sums of smoothed noise, each twice as coarse as the one before.
    """
    count, height, width = images.shape[:3]
    clouds = np.zeros((count, height, width), "float32")
    for size in (1, 2, 4, 8):
        drawn = generator.standard_normal(clouds.shape, dtype="float32")
        # Smoothing leaves 1 / size of the deviation.
        smooth = size * ndimage.gaussian_filter(drawn, (0, size, size), mode="wrap")
        clouds += size * smooth
    low, high = (f(clouds, axis=(1, 2), keepdims=True) for f in (np.min, np.max))
    thickness = opacity * (0.5 + 0.5 * (clouds - low) / (high - low))[..., None]
    return images * (1 - thickness) + thickness


def contrast(images, left, generator):
    """Values drawn towards the mean of their picture."""
    mean = images.mean(axis=(1, 2, 3), keepdims=True)
    return mean + left * (images - mean)


def pixelate(images, share, generator):
    """Scaled down to a share of each side and up again, in squares."""
    from PIL import Image

    height, width = images.shape[1:3]
    small = max(1, round(share * width)), max(1, round(share * height))

    def change(image):
        reduced = image.resize(small, Image.Resampling.BOX)
        return reduced.resize((width, height), Image.Resampling.NEAREST)

    return _with_pillow(images, change)


def jpeg(images, quality, generator):
    """Written as JPEG of that quality, 1 to 95, and read again."""
    from PIL import Image

    def change(image):
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality)
        return Image.open(file)

    return _with_pillow(images, change)


def _with_pillow(images, change):
    """Changes each image, of 8 bits a value, by a function of a Pillow image."""
    from PIL import Image

    pixels = _in_8_bits(images)
    is_grey = pixels.shape[-1] == 1
    changed = [
        np.asarray(change(Image.fromarray(each[..., 0] if is_grey else each)))
        for each in pixels
    ]
    return np.stack(changed).reshape(images.shape).astype("float32") / 255


def _in_8_bits(images):
    return np.rint(255 * np.clip(images, 0, 1)).astype("uint8")


_KINDS = {
    "noise": (noise, _NOISE),
    "blur": (blur, _BLUR),
    "fog": (fog, _FOG),
    "contrast": (contrast, _CONTRAST),
    "pixelation": (pixelate, _PIXELS),
    "jpeg": (jpeg, _QUALITY),
}
KINDS = tuple(_KINDS)

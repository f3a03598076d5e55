"""Folders of parts of the two photos that ship inside scikit-learn."""

import numpy as np
from sklearn.datasets import load_sample_images


def write_photos(root):
    """A temple and a flower: 8 parts of each photo to train on, 3 to test."""
    from PIL import Image

    generator = np.random.default_rng(0)
    for photo, name in zip(
        load_sample_images().images, ("temple", "flower"), strict=True
    ):
        for part, count in (("train", 8), ("val", 3)):
            folder = root / part / name
            folder.mkdir(parents=True)
            for number in range(count):
                height, width = generator.integers(90, 200, 2)
                top = generator.integers(photo.shape[0] - height)
                left = generator.integers(photo.shape[1] - width)
                image = Image.fromarray(photo[top : top + height, left : left + width])
                # In the spellings that folders of photos have.
                suffix = (".jpg", ".JPEG", ".png")[number % 3]
                image.save(folder / f"{number}{suffix}")
    (root / "train" / "flower" / "readme.txt").write_text("no image")
    (root / "train" / "flower" / "._0.jpg").write_text("what macOS leaves")
    return root

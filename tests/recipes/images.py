"""Small files in the formats that the recipes for images read."""

import gzip

import numpy as np


def write_cifar(folder, rows_of=(("train", 40), ("test", 20))):
    """Ten classes that a net can tell apart: each has its own mean colour."""
    generator = np.random.default_rng(0)
    means = generator.integers(40, 216, (10, 3))
    arrays = {}
    for part, rows in rows_of:
        labels = np.arange(rows) % 10
        noise = generator.integers(-40, 40, (rows, 32, 32, 3))
        images = means[labels][:, None, None] + noise
        arrays[f"x_{part}"] = images.astype("uint8")
        arrays[f"y_{part}"] = labels.astype("uint8")[:, None]
    np.savez(folder / "cifar10.npz", **arrays)
    return folder


def write_fashion(folder, rows_of=(("train", 60_000), ("t10k", 10_000))):
    """Ten classes of other greys, by default as many as the recipe expects."""
    generator = np.random.default_rng(0)
    noise = generator.integers(0, 40, (20, 28, 28))
    for part, rows in rows_of:
        labels = (np.arange(rows) % 10).astype("uint8")
        images = (20 * labels[:20, None, None] + noise).astype("uint8")
        images = np.tile(images, (rows // 20, 1, 1))
        for name, values, header in [
            (f"{part}-images-idx3-ubyte.gz", images, 16),
            (f"{part}-labels-idx1-ubyte.gz", labels, 8),
        ]:
            content = gzip.compress(bytes(header) + values.tobytes(), 1)
            (folder / name).write_bytes(content)
    return folder

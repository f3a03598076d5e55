"""Fashion-MNIST: 70 000 grey images of clothes, 28 × 28 pixels."""

import gzip
from pathlib import Path

import numpy as np

_NAME = "train-images-idx3-ubyte.gz"
_HEADER = 16  # bytes: a magic number, how many images, their height and width
_NUM_IMAGES = 60_000


def load_images(data_dir):
    """Returns the training images, (60 000, 28, 28, 1) float32 in [-1, 1].

    Args:
        data_dir: folder that may hold a copy, `train-images-idx3-ubyte.gz` or a folder
            `fashion-mnist` with it; without one Keras downloads the data set.
    """
    name = _NAME
    for path in (Path(data_dir, name), Path(data_dir, "fashion-mnist", name)):
        if path.exists():
            return _scaled(_read(path))
    import keras

    try:
        (images, _), _ = keras.datasets.fashion_mnist.load_data()
    except Exception as error:
        raise ValueError(
            f"Expected Fashion-MNIST in --data-dir, {data_dir}/{name}, or a network to "
            f"download it. Received: neither ({error}). Put the file there, from "
            "https://github.com/zalandoresearch/fashion-mnist."
        ) from error
    return _scaled(images)


def _read(path):
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError) as error:
        raise ValueError(
            f"Expected a whole gzip file at {path}. Received: {error}. Get it again."
        ) from error
    pixels = np.frombuffer(content, "uint8", offset=_HEADER)
    if pixels.size != _NUM_IMAGES * 28 * 28:
        raise ValueError(
            f"Expected {_NUM_IMAGES} images of 28 × 28 in {path}. Received: "
            f"{pixels.size} pixels. Get the file again."
        )
    return pixels.reshape(-1, 28, 28)


def _scaled(images):
    return (images[..., None] / 127.5 - 1).astype("float32")

"""Fashion-MNIST: 70 000 grey images of clothes, 28 × 28 pixels, in ten classes."""

import gzip
from pathlib import Path

import numpy as np

from recipes.datasets.split import Split, some_rows

NUM_CLASSES = 10
# Of the training pixels in [0, 1].
MEAN = 0.2860
VARIANCE = 0.3530**2
_SIZE = 28
# How many images the files of each part hold.
_COUNTS = {"train": 60_000, "t10k": 10_000}
# Bytes before the data: a magic number and the size of each axis.
_IMAGES, _LABELS = ("images-idx3-ubyte.gz", 16), ("labels-idx1-ubyte.gz", 8)


def load(data_dir):
    """Returns x_train, y_train, x_test, y_test: uint8 images and classes, all of them.

    Args:
        data_dir: folder that may hold a copy, the four files of the data set's site
            such as `train-images-idx3-ubyte.gz`, or a folder `fashion-mnist` with them;
            Debian's `dataset-fashion-mnist` has them in /usr/share/datasets. Without
            them Keras downloads the data set.
    """
    names = [f"{part}-{kind}" for part in _COUNTS for kind in (_IMAGES[0], _LABELS[0])]
    paths = [_copy(name, data_dir) for name in names]
    if None in paths:
        (x_train, y_train), (x_test, y_test) = _download(data_dir)
        return x_train, y_train, x_test, y_test
    return tuple(map(_read, paths))


def load_images(data_dir):
    """Returns the training images, (60 000, 28, 28, 1) float32 in [-1, 1].

    Args:
        data_dir: as for `load`; the file of the training images is enough.
    """
    path = _copy(f"train-{_IMAGES[0]}", data_dir)
    images = _read(path) if path else _download(data_dir)[0][0]
    return (images[..., None] / 127.5 - 1).astype("float32")


def load_split(data_dir, *, train_size=None, test_size=None, seed=0):
    """Draws rows of each part of the official split, stratified by class.

    Args:
        data_dir: as for `load`.
        train_size: number of training images; None takes all.
        test_size: number of test images; None takes all.
        seed: the same seed gives the same rows.

    Returns:
        A `Split`, its images (N, 28, 28, 1) float32 in [0, 1].
    """
    x_train, y_train, x_test, y_test = load(data_dir)
    train = some_rows(x_train, y_train, train_size, seed)
    test = some_rows(x_test, y_test, test_size, seed)
    return Split(
        train[0][..., None] / np.float32(255),
        train[1].astype("int32"),
        test[0][..., None] / np.float32(255),
        test[1].astype("int32"),
        NUM_CLASSES,
    )


def _copy(name, data_dir):
    for path in (Path(data_dir, name), Path(data_dir, "fashion-mnist", name)):
        if path.exists():
            return path
    return None


def _download(data_dir):
    import keras

    try:
        return keras.datasets.fashion_mnist.load_data()
    except Exception as error:
        raise ValueError(
            f"Expected Fashion-MNIST in --data-dir, {data_dir}/train-{_IMAGES[0]} and "
            f"the other files, or a network to download it. Received: neither "
            f"({error}). Put the files there, from "
            "https://github.com/zalandoresearch/fashion-mnist."
        ) from error


def _read(path):
    """The images (N, 28, 28) or the classes (N,) in a file, uint8."""
    part, kind = path.name.split("-", 1)
    shape, header = (
        ((_SIZE, _SIZE), _IMAGES[1]) if kind == _IMAGES[0] else ((), _LABELS[1])
    )
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError) as error:
        raise ValueError(
            f"Expected a whole gzip file at {path}. Received: {error}. Get it again."
        ) from error
    values = np.frombuffer(content, "uint8", offset=header)
    count = _COUNTS[part]
    if values.size != count * np.prod(shape, dtype=int):
        what, unit = ("images of 28 × 28", "pixels") if shape else ("labels", "labels")
        raise ValueError(
            f"Expected {count} {what} in {path}. Received: {values.size} {unit}. Get "
            "the file again."
        )
    return values.reshape(-1, *shape)

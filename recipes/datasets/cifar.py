"""CIFAR-10 and CIFAR-100: colour images of 32 × 32 pixels, or averaged to fewer."""

from pathlib import Path

import numpy as np

from recipes.datasets import tfds
from recipes.datasets.split import Split, some_rows

NUM_CLASSES = {"cifar10": 10, "cifar100": 100}
# Of the pixels in [0, 1], as the mixup paper's code normalises them.
MEAN = (0.4914, 0.4822, 0.4465)
VARIANCE = (0.2023**2, 0.1994**2, 0.2010**2)
_SIZE = 32
_ARRAYS = ("x_train", "y_train", "x_test", "y_test")


def load(name, data_dir, tensorflow_datasets=False):
    """Returns x_train, y_train, x_test, y_test: uint8 images and integer classes.

    Args:
        name: "cifar10" or "cifar100" (fine labels).
        data_dir: folder that may hold a copy, an npz file whose name begins with
            `name` and whose arrays are called as above. Without one Keras downloads
            the data set.
        tensorflow_datasets: reads it with TensorFlow Datasets, whose folder is
            `data_dir`.
    """
    if tensorflow_datasets:
        parts = [tfds.load_arrays(name, part, data_dir) for part in ("train", "test")]
        return _checked(name, [*parts[0], *parts[1]], "TensorFlow Datasets")
    copies = sorted(Path(data_dir).glob(f"{name}*.npz"))
    if not copies:
        return _download(name, data_dir)
    with np.load(copies[0]) as file:
        missing = [key for key in _ARRAYS if key not in file]
        if missing:
            raise ValueError(
                f"Expected the arrays {', '.join(_ARRAYS)} in {copies[0]}. Received: "
                f"none called {', '.join(missing)}. Write them with numpy.savez."
            )
        arrays = [file[key] for key in _ARRAYS]
    return _checked(name, arrays, copies[0])


def load_split(
    name,
    data_dir,
    *,
    train_size=None,
    test_size=None,
    size=_SIZE,
    seed=0,
    tensorflow_datasets=False,
):
    """Draws rows of each part, stratified by class.

    Args:
        name: "cifar10" or "cifar100".
        data_dir: as for `load`.
        train_size: number of training images; None takes all.
        test_size: number of test images; None takes all.
        size: height and width, 32 or a divisor of it; pixels are averaged.
        seed: the same seed gives the same rows.
        tensorflow_datasets: as for `load`.
    """
    x_train, y_train, x_test, y_test = load(name, data_dir, tensorflow_datasets)
    train = some_rows(x_train, y_train, train_size, seed)
    test = some_rows(x_test, y_test, test_size, seed)
    return Split(
        _averaged(train[0], size),
        train[1].astype("int32"),
        _averaged(test[0], size),
        test[1].astype("int32"),
        NUM_CLASSES[name],
    )


def _averaged(images, size):
    factor = _SIZE // size
    if factor == 1:
        # The same numbers as below, without a slow mean of one pixel each.
        return images / np.float32(255)
    blocks = images.reshape(len(images), size, factor, size, factor, 3)
    return (blocks.mean(axis=(2, 4), dtype="float32") / 255).astype("float32")


def _checked(name, arrays, source):
    x_train, y_train, x_test, y_test = arrays
    for images, labels in ((x_train, y_train), (x_test, y_test)):
        fits = images.shape == (len(labels.ravel()), _SIZE, _SIZE, 3)
        if not fits or images.dtype != "uint8" or labels.max() >= NUM_CLASSES[name]:
            raise ValueError(
                f"Expected uint8 images (N, 32, 32, 3) of {name} and their classes in "
                f"{source}. Received: {images.dtype} {images.shape}, classes "
                f"{labels.shape} up to {labels.max()}. Delete the file or correct it."
            )
    return x_train, y_train.ravel(), x_test, y_test.ravel()


def _download(name, data_dir):
    import keras

    try:
        train, test = getattr(keras.datasets, name).load_data()
    except Exception as error:
        raise ValueError(
            f"Expected {name} in --data-dir, {data_dir}/{name}*.npz, or a network to "
            f"download it. Received: neither ({error}). Put a copy there, an npz file "
            f"with the arrays {', '.join(_ARRAYS)}."
        ) from error
    return _checked(name, [*train, *test], f"Keras' own {name}")

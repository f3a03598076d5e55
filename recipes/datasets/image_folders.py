"""Images in one folder a class, or ImageNet from TensorFlow Datasets: where they are.

Nothing but paths, or a buffer of compressed images, is ever in memory.
"""

import functools
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recipes.datasets.image_streams import tensorflow

_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp"}
_TEST_FOLDERS = ("val", "test")
_BUFFER = 8192  # compressed images to draw from: 1 GB
_HOW_TO_GET_IMAGENET = (
    "ImageNet has no open download: register at https://www.image-net.org/download.php "
    "for ILSVRC2012_img_train.tar and ILSVRC2012_img_val.tar"
)


@dataclass(frozen=True)
class Part:
    """Images to train on, or to test on.

    Attributes:
        size: how many there are.
        rows: function () -> a `tf.data.Dataset` of (content of a file, class), once
            and in their own order.
        numbered: function (seed, steps, batch_size, share) -> a dataset of (number,
            (content, class)), in random orders, for the batches whose numbers are in
            the range `steps`; a process reads only its share of them. The numbers
            continue in the next pass, and no two processes have the same number. The
            seed and the number of a pass alone fix its order.
    """

    size: int
    rows: Callable
    numbered: Callable


@dataclass(frozen=True)
class Images:
    """Images to train on and images to test on.

    Attributes:
        train: a `Part`.
        test: a `Part`.
        num_classes: how many classes there are.
    """

    train: Part
    test: Part
    num_classes: int


def from_folders(data_dir):
    """Finds `train/<class>/*.jpg` and `val/<class>/*.jpg` (or `test`) in a folder.

    The layout of `keras.utils.image_dataset_from_directory`: classes are counted in
    the order of their names, and images may lie in folders within theirs.
    """
    root = Path(data_dir)
    tensorflow()
    test_folder = next((f for f in _TEST_FOLDERS if (root / f).is_dir()), "val")
    train, test = (_by_class(root / folder) for folder in ("train", test_folder))
    unknown = sorted(set(test) - set(train))
    if unknown:
        raise ValueError(
            f"Expected the classes of {root / 'train'} in {root / test_folder}. "
            f"Received: {len(unknown)} others, {', '.join(unknown)[:80]}. Give both "
            "the same folders."
        )
    numbers = {name: number for number, name in enumerate(train)}
    return Images(_file_part(train, numbers), _file_part(test, numbers), len(train))


def _by_class(folder):
    """A dict: name of a class -> paths of its images."""
    classes = (
        sorted(p for p in folder.iterdir() if p.is_dir()) if folder.exists() else []
    )
    found = {
        each.name: sorted(
            str(path)
            for path in each.rglob("*")
            if path.suffix.lower() in _SUFFIXES and not path.name.startswith(".")
        )
        for each in classes
    }
    empty = [name for name, paths in found.items() if not paths]
    if empty or not found:
        received = f"no images in {', '.join(empty)[:80]}" if empty else "no classes"
        raise ValueError(
            f"Expected a folder of {', '.join(sorted(_SUFFIXES))} images for each "
            f"class in {folder}. Received: {received}. Sort images into "
            f"--data-dir/train/<class> and --data-dir/val/<class>. "
            f"{_HOW_TO_GET_IMAGENET}."
        )
    return found


def _file_part(by_class, numbers):
    paths = [path for paths in by_class.values() for path in paths]
    counts = [len(paths) for paths in by_class.values()]
    labels = np.repeat([numbers[name] for name in by_class], counts).astype("int32")

    def read(path, label):
        return tensorflow().io.read_file(path), label

    def rows():
        files = tensorflow().data.Dataset.from_tensor_slices((paths, labels))
        return files.map(read, tensorflow().data.AUTOTUNE)

    def numbered(seed, steps, batch_size, share):
        tf = tensorflow()
        names, classes = tf.constant(paths), tf.constant(labels)

        def one_pass(number):
            seeds = tf.cast(tf.stack((seed, number)), "int64")
            order = tf.random.experimental.stateless_shuffle(
                tf.range(len(paths)), seeds
            )
            return tf.data.Dataset.from_tensor_slices(
                (tf.gather(names, order), tf.gather(classes, order))
            )

        passes, first, count = _places(steps, batch_size, len(paths))
        files = tf.data.Dataset.range(passes.start, passes.stop).flat_map(one_pass)
        files = files.skip(first % len(paths)).enumerate(first).take(count)
        if share.processes > 1:
            # Those of a process follow each other in a batch, as its rows of arrays do.
            own = batch_size // share.processes
            files = files.filter(
                lambda number, row: number % batch_size // own == share.index
            )
        return files.map(lambda number, row: (number, read(*row)), tf.data.AUTOTUNE)

    return Part(len(paths), rows, numbered)


def _places(steps, batch_size, size):
    """Where the images of some batches are, in passes over all images.

    Returns:
        The range of the passes, the number of the first image, and how many there are.
    """
    first, end = steps.start * batch_size, steps.stop * batch_size
    return range(first // size, -(-end // size)), first, end - first


def from_tfds(data_dir):
    """Reads `imagenet2012` of TensorFlow Datasets, and prepares it where it is not.

    Args:
        data_dir: where TensorFlow Datasets keeps data sets; where there is no such
            folder, its own in the user's home.
    """
    tensorflow()
    try:
        library = importlib.import_module("tensorflow_datasets")
    except ImportError as error:
        raise ValueError(
            "Expected tensorflow_datasets to read imagenet2012. Received: an "
            f"environment without it ({error}). Run: pip install tensorflow-datasets"
        ) from error
    folder = str(data_dir) if Path(data_dir).is_dir() else None
    try:
        builder = library.builder("imagenet2012", data_dir=folder)
        builder.download_and_prepare()
    except Exception as error:  # It raises plain ones, AssertionError among them.
        where = folder or "~/tensorflow_datasets"
        raise ValueError(
            f"Expected imagenet2012 in {where}, or its archives in "
            f"{where}/downloads/manual. Received: {type(error).__name__}: {error}. "
            f"{_HOW_TO_GET_IMAGENET}, and put them there."
        ) from error
    parts = (_tfds_part(library, builder, split) for split in ("train", "validation"))
    return Images(*parts, builder.info.features["label"].num_classes)


def _tfds_part(library, builder, split):
    read = functools.partial(
        builder.as_dataset,
        # Crops are decoded, not whole images.
        decoders={"image": library.decode.SkipDecoding()},
        as_supervised=True,
    )
    size = builder.info.splits[split].num_examples

    def rows():
        return read(split=split)

    def numbered(seed, steps, batch_size, share):
        # A process has its own files, and passes over them of its own.
        count = share.processes
        of = split
        if count > 1:
            parts = library.even_splits(split, count, drop_remainder=True)
            of = parts[share.index]

        def one_pass(number):
            drawn = int(np.random.SeedSequence((seed, number)).generate_state(1)[0])
            order = library.ReadConfig(shuffle_seed=drawn)
            dataset = read(split=of, shuffle_files=True, read_config=order)
            return dataset.shuffle(_BUFFER, seed=drawn)

        own = size // count
        passes, first, length = _places(steps, batch_size // count, own)
        images = functools.reduce(
            lambda one, other: one.concatenate(other), map(one_pass, passes)
        )
        images = images.skip(first % own).enumerate(first).take(length)
        if count == 1:
            return images
        return images.map(lambda number, row: (number * count + share.index, row))

    return Part(size, rows, numbered)

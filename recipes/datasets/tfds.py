"""TensorFlow Datasets as NumPy: two sets of images, a table, two sets of speech."""

import importlib

import numpy as np

# What a row of each data set calls its input. Audio is integer and of any length.
_INPUTS = {
    "cifar10": "image",
    "cifar100": "image",
    "iris": "features",
    "speech_commands": "audio",
    "spoken_digit": "audio",
}
NAMES = tuple(_INPUTS)
_INT16_RANGE = 2**15


def load_arrays(name, split, data_dir=None):
    """Returns the inputs and the int32 labels of a split, all at once.

    Inputs are an array where every row has one shape: uint8 images, float32 features.
    Waveforms differ in length and are a list of float32 arrays in [-1, 1].

    Args:
        name: one of `NAMES`.
        split: as TensorFlow Datasets writes it: "train", "test[:100]".
        data_dir: where it keeps data sets; None is its own folder in the user's home.
            What is not there is downloaded from the data set's site.
    """
    inputs, labels = zip(*examples(name, split, data_dir), strict=True)
    is_audio = _INPUTS.get(name) == "audio"
    return list(inputs) if is_audio else np.stack(inputs), np.array(labels, "int32")


def examples(name, split, data_dir=None):
    """Yields (input, label) one by one, for sets that do not fit into memory.

    Args:
        name: as for `load_arrays`.
        split: as for `load_arrays`.
        data_dir: as for `load_arrays`.
    """
    if name not in NAMES:
        raise ValueError(
            f"Expected a data set among {', '.join(NAMES)}. Received: {name!r}. "
            "Choose one of them."
        )
    for row in _source(name, split, data_dir):
        value = row[_INPUTS[name]]
        if _INPUTS[name] == "audio":
            value = (value / _INT16_RANGE).astype("float32")
        yield value, int(row["label"])


def _source(name, split, data_dir):
    try:
        library = importlib.import_module("tensorflow_datasets")
        # Where one of its own packages is missing, the import succeeds but is empty.
        read = library.data_source
    except (ImportError, AttributeError) as error:
        raise ValueError(
            f"Expected tensorflow_datasets to read {name}. Received: an environment "
            f"without it ({error}). Run: pip install tensorflow-datasets"
        ) from error
    try:
        try:
            # Starts no TensorFlow, which would take the GPU's memory from the backend.
            return read(name, split=split, data_dir=data_dir)
        except NotImplementedError:
            # A copy that tfds.load prepared: TFRecord, which only TensorFlow reads.
            rows = library.load(name, split=split, data_dir=data_dir)
            return library.as_numpy(rows)
    except Exception as error:
        raise ValueError(
            f"Expected the split {split} of {name} in {data_dir or 'its own folder'}, "
            f"or a network to download it. Received: {type(error).__name__}: {error}. "
            "Check the split's name, or put a prepared copy there."
        ) from error

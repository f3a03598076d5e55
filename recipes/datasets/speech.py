"""Spoken words of one second: Speech Commands, a subset of it, and spoken digits."""

import csv
import io
from pathlib import Path, PurePosixPath

import numpy as np

from recipes.datasets import clips, tfds
from recipes.datasets.files import File, locate
from recipes.datasets.split import Split, some_rows

NAMES = ("speech_commands", "speech_commands_subset", "spoken_digit")
# The first of these archives that is in the folder is used. If none is there, the first
# one is downloaded, if it has an address. mixup's paper has the 30 words of version
# 0.01.
ARCHIVES = {
    "speech_commands": (
        File(
            "speech_commands_v0.01.tar.gz",
            "743935421bb51cccdb6bdd152e04c5c70274e935c82119ad7faeec31780d811d",
            "http://download.tensorflow.org/data/speech_commands_v0.01.tar.gz",
        ),
        File(
            "speech_commands_v0.02.tar.gz",
            "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
            "http://download.tensorflow.org/data/speech_commands_v0.02.tar.gz",
        ),
    ),
    "speech_commands_subset": (
        File(
            "speech_commands_subset.tar.xz",
            "5bd7aaa2bb79141ffd46fb4be55fb905e3a58c74d450cd65dee6ec8149368455",
        ),
    ),
    "spoken_digit": (
        File(
            "free_spoken_digits.tar.xz",
            "872c6e1dbde5c9a18f5589f16904cad22db0b5e357302ca09d6a9a21ef745151",
        ),
    ),
}
# Where a person can find what has no archive to download.
_HOMES = {
    "speech_commands": "http://download.tensorflow.org/data",
    "speech_commands_subset": (
        "whoever gave you this selection; speech_commands is the whole data set"
    ),
    "spoken_digit": "https://github.com/Jakobovski/free-spoken-digit-dataset",
}
# What the archive unpacks to, or a clone of its repository.
_FOLDERS = {
    "speech_commands": (
        "speech_commands",
        "speech_commands_v0.01",
        "speech_commands_v0.02",
    ),
    "speech_commands_subset": ("speech_commands_subset", "speech_commands_subset_1800"),
    "spoken_digit": ("free_spoken_digits", "fsdd", "free-spoken-digit-dataset"),
}
# Clips by (name, number of classes): train, val, test.
_COUNTS = {
    ("speech_commands", 30): (51_088, 6_798, 6_835),
    ("speech_commands", 35): (84_843, 9_981, 11_005),
    ("speech_commands_subset", 12): (1_229, 316, 255),
    ("spoken_digit", 10): (2_400, 300, 300),
}
# Samples per second, classes, and what trains and tests, in TensorFlow Datasets.
_TFDS = {
    "speech_commands": (16_000, 12, ("train", "test")),
    "spoken_digit": (8_000, 10, ("train[:90%]", "train[90%:]")),
}
_PARTS = ("train", "val", "test")


def load_split(
    name,
    data_dir,
    seed=0,
    sample_rate=16000,
    *,
    part="test",
    train_size=None,
    test_size=None,
):
    """Reads waveforms of one second and draws rows of each part, stratified by class.

    - "speech_commands" has the official parts. All words are classes, 30 in version
      0.01 and 35 in 0.02; the training inputs fill 3.3 GB and 5.4 GB.
    - "speech_commands_subset" has 1800 clips of version 0.02's separate test set in 12
      classes. Its parts have different speakers and are not official.
    - "spoken_digit" has the official test part, takes 0 to 4. Takes 5 to 9 are its
      "val" part, or else belong to the training part.

    Args:
        name: one of `NAMES`.
        data_dir: folder that may hold the archive named in `ARCHIVES` or the folder it
            unpacks to (read faster), named in `_FOLDERS`. Speech Commands is otherwise
            downloaded, version 0.01, 1.5 GB.
        seed: the same seed draws the same rows; unused where all are taken.
        sample_rate: samples per second of the waveforms; others are resampled.
        part: "test" or "val", what the split's test rows are.
        train_size: number of training clips; None takes all.
        test_size: number of clips of `part`; None takes all.

    Returns:
        A `Split` whose inputs are (N, sample_rate) float32 in [-1, 1], shorter clips
        padded with zeros and longer ones cut, and whose classes are the sorted words.
    """
    if name not in NAMES or part not in _PARTS[1:]:
        raise ValueError(
            f"Expected a name in {', '.join(NAMES)} and part test or val. Received: "
            f"{name!r} and {part!r}. Choose from these."
        )
    files = _read(name, Path(data_dir))
    parts = _LISTS[name](files)
    words = sorted({word for rows in parts.values() for _, word in rows})
    _check_counts(name, parts, len(words), data_dir)
    if name == "spoken_digit" and part == "test":
        parts["train"] = parts["train"] + parts["val"]
    arrays = []
    for rows, size in ((parts["train"], train_size), (parts[part], test_size)):
        classes = np.array([words.index(word) for _, word in rows], "int32")
        chosen, classes = some_rows(np.arange(len(rows)), classes, size, seed)
        paths = [rows[row][0] for row in chosen]
        waveforms = [clips.waveform(files, path, sample_rate) for path in paths]
        arrays += [clips.stack(waveforms, sample_rate), classes]
    return Split(*arrays, len(words))


def load_tfds_split(name, data_dir, seed=0, sample_rate=16000, **sizes):
    """The same from TensorFlow Datasets, whose folder is `data_dir`.

    Its speech_commands has 12 classes, 10 words, silence and all else. Its
    spoken_digit has one part, of which the last tenth tests here.

    Args:
        name: "speech_commands" or "spoken_digit".
        data_dir: its folder; what is not there is downloaded.
        seed: as for `load_split`.
        sample_rate: as for `load_split`.
        **sizes: `train_size` and `test_size`, as for `load_split`.
    """
    if name not in _TFDS:
        raise ValueError(
            f"Expected {' or '.join(_TFDS)} from TensorFlow Datasets. Received: "
            f"{name!r}. Leave --tfds out, or choose one of these."
        )
    rate, num_classes, parts = _TFDS[name]
    arrays = []
    for part, size in zip(parts, ("train_size", "test_size"), strict=True):
        waveforms, classes = tfds.load_arrays(name, part, data_dir)
        rows, classes = some_rows(
            np.arange(len(classes)), classes, sizes.get(size), seed
        )
        chosen = (clips.resampled(waveforms[row], rate, sample_rate) for row in rows)
        arrays += [clips.stack(chosen, sample_rate), classes]
    return Split(*arrays, num_classes)


def _read(name, data_dir):
    for folder in _FOLDERS[name]:
        if (data_dir / folder).is_dir():
            return clips.folder_files(data_dir / folder)
    archives = ARCHIVES[name]
    there = [file for file in archives if (data_dir / file.name).is_file()]
    if not there and archives[0].url is None:
        raise ValueError(
            f"Expected {name} in --data-dir, {data_dir}, as {archives[0].name} or as "
            f"a folder {' or '.join(_FOLDERS[name])}. Received: neither. Get it from "
            f"{_HOMES[name]} and put it there."
        )
    return clips.archive_files(locate((there or archives)[0], data_dir))


def _list_speech_commands(files):
    """The official parts; the words of a clip's folder are its class."""
    part_of = {}
    for part, listing in (("val", "validation_list.txt"), ("test", "testing_list.txt")):
        part_of |= dict.fromkeys(clips.text(files, listing).split(), part)
    wavs = {
        path
        for path in files
        if path.endswith(".wav") and path.count("/") == 1 and not path.startswith("_")
    }
    _check_listed(part_of, wavs)
    parts = {part: [] for part in _PARTS}
    for path in sorted(wavs):
        parts[part_of.get(path, "train")].append((path, path.split("/")[0]))
    return parts


def _list_subset(files):
    parts = {part: [] for part in _PARTS}
    rows = list(csv.DictReader(io.StringIO(clips.text(files, "index.csv"))))
    _check_listed([row["path"] for row in rows], files)
    for row in rows:
        parts[row["split"]].append((row["path"], row["label"]))
    return parts


def _list_spoken_digit(files):
    parts = {part: [] for part in _PARTS}
    for path in sorted(files):
        if path.startswith("recordings/") and path.endswith(".wav"):
            digit, _, take = PurePosixPath(path).stem.split("_")
            part = "test" if int(take) < 5 else "val" if int(take) < 10 else "train"
            parts[part].append((path, digit))
    return parts


_LISTS = {
    "speech_commands": _list_speech_commands,
    "speech_commands_subset": _list_subset,
    "spoken_digit": _list_spoken_digit,
}


def _check_listed(listed, files):
    missing = [path for path in listed if path not in files]
    if missing:
        raise ValueError(
            f"Expected every clip that the lists name. Received: {len(missing)} of "
            f"{len(listed)} missing, {missing[0]} first. Unpack the whole archive "
            "again, or delete the folder and leave the archive."
        )


def _check_counts(name, parts, num_classes, data_dir):
    received = tuple(len(parts[part]) for part in _PARTS)
    expected = {key[1]: counts for key, counts in _COUNTS.items() if key[0] == name}
    if expected.get(num_classes) != received:
        wanted = " or ".join(f"{k} classes, {v} clips" for k, v in expected.items())
        raise ValueError(
            f"Expected {name} with {wanted} (train, val, test). Received: "
            f"{num_classes} classes, {received} clips in {data_dir}. Put the whole "
            f"data set there, from {_HOMES[name]}, or delete a folder that holds only "
            "some of it."
        )

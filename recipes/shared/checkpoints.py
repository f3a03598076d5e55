"""The checkpoints of a run: files whose names say whether their content is whole.

OUTPUT/checkpoints/<run>/000012-<start of the SHA-256>.npz holds the values of all
variables, and what else a run needs to continue, as JSON and arrays. NumPy writes it,
because HDF5, which Keras writes, ends the process with a segmentation fault if a disk
is full.
"""

import hashlib
import itertools
import json
import re
import shutil

import numpy as np

from recipes.shared import processes
from recipes.shared.results import check_same, settings_of
from recipes.shared.whole_files import remove_unfinished, written_whole

_SUFFIX = ".npz"
_DIGITS = 16  # of a checksum
_ARRAY = "array"  # what JSON has in the place of one


def name_of(run):
    """The name of a run, as files and folders have it."""
    return re.sub(r"[^\w.=-]+", "_", "-".join(map(str, run)))


def folder_of(output, run):
    """Where the checkpoints of a run are."""
    return output / "checkpoints" / name_of(run)


class Checkpoints:
    """The checkpoints of one run, which one process at a time may use.

    If several processes train together, only the first one uses them.

    Args:
        folder: where they are.
    """

    def __init__(self, folder):
        self.folder = folder
        self._last = None  # the newest that is known to be whole

    def write(self, epoch, values, state):
        """Writes a checkpoint, whole or not at all, and keeps the one before.

        Args:
            epoch: number of epochs that are done.
            values: list of arrays.
            state: a dict for JSON, in which there may be arrays.

        Raises:
            OSError: Where there is no room; the older ones are still there.
        """
        names = []

        def named(path):
            names.append(f"{epoch:06}-{_checksum(path)}{_SUFFIX}")
            return names[0]

        with written_whole(self.folder / f"checkpoint{_SUFFIX}", named) as path:
            arrays = {str(number): value for number, value in enumerate(values)}
            text = _as_json({**state, "epoch": epoch}, arrays).encode()
            np.savez(path, state=np.frombuffer(text, "uint8"), **arrays)
        new = self.folder / names[0]
        for path in set(self._files()) - {new, self._last}:
            path.unlink(missing_ok=True)
        self._last = new

    def newest(self, tell=lambda line: None):
        """The path of the newest whole checkpoint, or None.

        Args:
            tell: function (line) called for each newer checkpoint that is damaged.
        """
        files = list(self._files())
        whole = next(filter(_is_whole, files), None)
        for damaged in itertools.takewhile(lambda path: path != whole, files):
            then = f"continues from {whole}" if whole else "starts anew"
            tell(
                f"Expected {damaged} as it was written. Received: other bytes, by its "
                f"checksum. It is not used: the run {then}."
            )
        self._last = whole or self._last
        return whole

    def clean(self):
        """Removes what killed processes began to write."""
        remove_unfinished(self.folder)

    def remove(self):
        """Removes all checkpoints of a run that has its record."""
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.folder.parent.is_dir() and not any(self.folder.parent.iterdir()):
            self.folder.parent.rmdir()

    def _files(self):
        """The newest first."""
        found = [p for p in self.folder.glob(f"*{_SUFFIX}") if p.name[:1].isdigit()]
        return sorted(found, reverse=True)


def remove(output, run):
    """Removes those of a run that has its record."""
    if processes.is_first():
        Checkpoints(folder_of(output, run)).remove()


def read_state(path):
    """The dict that a checkpoint was written with, and `epoch`.

    Args:
        path: of the file, or a file object.
    """
    with np.load(path) as file:

        def with_array(found):
            return file[found[_ARRAY]] if set(found) == {_ARRAY} else found

        return json.loads(file["state"].tobytes(), object_hook=with_array)


def read_values(path):
    """The list of arrays that a checkpoint was written with; `path` as above."""
    with np.load(path) as file:
        count = sum(name.isdigit() for name in file.files)
        return [file[str(number)] for number in range(count)]


def check_all(output, runs, same):
    """Refuses to continue a run that was begun with other options, before any run.

    Args:
        output: the output folder.
        runs: list of `recipes.shared.runner.Run`.
        same: what `identity` gave.

    Raises:
        ValueError: If a run has other options; nothing has changed then.
    """
    for run in runs if processes.is_first() else ():
        path = Checkpoints(folder_of(output, run)).newest()
        if path:
            check_same(read_state(path), same, path)


def identity(options):
    """What a run must have been begun with, so that it may continue.

    Args:
        options: what `recipes.shared.options.parse` gave.
    """
    return {
        "recipe": getattr(options, "recipe", None),
        "backend": options.backend,
        "settings": settings_of(options),
        "processes": processes.count(),
    }


def _as_json(state, arrays):
    """The state as JSON, whose arrays are added to a dict of others."""

    def named(value):
        if not isinstance(value, np.ndarray):
            raise TypeError(f"Neither JSON nor an array: {type(value).__name__}")
        name = f"{_ARRAY}{len(arrays)}"
        arrays[name] = value
        return {_ARRAY: name}

    return json.dumps(state, default=named)


def _checksum(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:_DIGITS]


def _is_whole(path):
    return path.name == f"{path.name[:6]}-{_checksum(path)}{_SUFFIX}"

"""Files that are written whole or not at all."""

import os
from contextlib import contextmanager

_PREFIX = "unfinished_"


@contextmanager
def written_whole(path, named=None):
    """Gives a path to write to; the file there replaces `path` at the end.

    A rename is atomic: a reader never sees half a file, and an interruption leaves
    nothing that looks whole. What was written is on the disk before the old file goes,
    so that a power cut leaves one of the two.

    Args:
        path: the file; its folder is made if it is not there.
        named: function (path) -> the name that the written file gets instead, in the
            same folder; it is called with where the file is at that moment.

    Raises:
        OSError: Where there is no room, or no right to write. The old file stays, and
            what was written of the new one goes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # In front of the name: what comes behind it says the format.
    temporary = path.with_name(f"{_PREFIX}{path.name}")
    try:
        yield temporary
        _reach_the_disk(temporary)
        temporary.replace(path.with_name(named(temporary)) if named else path)
    finally:
        temporary.unlink(missing_ok=True)
    if os.name == "posix":  # elsewhere a folder cannot be opened
        _reach_the_disk(path.parent)


def remove_unfinished(folder):
    """Removes what processes that were killed had begun to write in a folder."""
    for path in folder.glob(f"{_PREFIX}*"):
        path.unlink(missing_ok=True)


def check_writable(folder):
    """Refuses a folder that nothing can be written into, before anything is computed.

    Args:
        folder: made if it is not there.

    Raises:
        ValueError: Where it cannot be made, or a file cannot be written in it.
    """
    # Each process has a file of its own: several may check a folder at the same moment.
    probe = folder / f"probe_{os.getpid()}"
    try:
        with written_whole(probe) as path:
            path.write_bytes(b"some room")
        probe.unlink()
    except OSError as error:
        raise ValueError(
            f"Expected a folder to write into, with room on its disk: {folder}. "
            f"Received: {type(error).__name__}: {error}. Make room, get the right to "
            "write there, or choose another --output."
        ) from error


def _reach_the_disk(path):
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)

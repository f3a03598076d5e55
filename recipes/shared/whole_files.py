"""Files that are written whole or not at all."""

from contextlib import contextmanager


@contextmanager
def written_whole(path):
    """Gives a path to write to; the file there replaces `path` at the end.

    A rename is atomic: a reader never sees half a file, and an interruption leaves
    nothing that looks whole.

    Args:
        path: the file; its folder is made if it is not there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # In front of the name: what comes behind it says the format.
    temporary = path.with_name(f"unfinished_{path.name}")
    yield temporary
    temporary.replace(path)

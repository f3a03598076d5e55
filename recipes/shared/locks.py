"""Locks between processes, which end with the process that holds them."""

import contextlib
import os

from recipes.shared import processes

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


@contextlib.contextmanager
def locked(path, refusal=None):
    """Holds a lock while the block runs; a process that is killed holds none.

    If processes train together, the first one holds it for all. If the system has no
    such locks, the block runs without one.

    Args:
        path: a file to lock by; it is made, and removed at the end. Its folder is made
            if it is not there.
        refusal: function (number of a process) -> what to say where that one holds the
            lock; None waits for it.

    Raises:
        ValueError: With what `refusal` says.
    """
    if fcntl is None or not processes.is_first():
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    number = _taken(path, refusal)
    try:
        os.truncate(number, 0)
        os.write(number, str(os.getpid()).encode())
        yield
    finally:
        # Removed while it is locked: whoever waits for it sees that it is gone.
        path.unlink(missing_ok=True)
        os.close(number)


def _taken(path, refusal):
    """The descriptor of the locked file that lies at `path`."""
    while True:
        number = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(number, fcntl.LOCK_EX | (fcntl.LOCK_NB if refusal else 0))
            if _is_at(number, path):
                return number
        except BlockingIOError as error:
            holder = os.pread(number, 20, 0).decode() or "unknown"
            os.close(number)
            raise ValueError(refusal(holder)) from error
        except BaseException:
            os.close(number)
            raise
        os.close(number)


def _is_at(number, path):
    try:
        return os.path.samestat(os.fstat(number), os.stat(path))
    except FileNotFoundError:
        return False

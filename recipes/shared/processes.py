"""Processes that train together: what all of them agree on, and how all of them end.

Each of them runs the same recipe; the first writes and prints, the others are silent.
An error in one is told to all of them, which end with its message. On PyTorch
`torchrun` does that.
"""

import atexit
import json
import os
import sys
import threading
import time

import numpy as np

_FAILED = "keras_multimix/failed"  # where JAX's coordinator keeps what went wrong
_POLL, _PATIENCE = 0.5, 3.0  # seconds
_BETWEEN_PROCESSES = ("Gloo", "NCCL", "coordination service")  # in errors of XLA


class _Alone:
    """One process."""

    count, index = 1, 0

    def of_first(self, content):
        return content

    def of_each(self, content):
        return [content]

    def leave(self, status):
        sys.exit(status)


_ours = _Alone()


def count():
    """How many processes train together."""
    return _ours.count


def index():
    """The number of this one, from 0 on."""
    return _ours.index


def is_first():
    """Whether this is the process that writes files, and prints."""
    return _ours.index == 0


def agreed(value):
    """Returns the first process's value in all of them.

    Args:
        value: what JSON can hold; tuples become lists where there are several.
    """
    if count() == 1:
        return value
    return json.loads(of_first(json.dumps(value).encode()))


def of_first(content):
    """Returns the first process's bytes in all of them, whatever the others give."""
    return _ours.of_first(content)


def of_each(value):
    """Returns a list of the values of all processes, in all of them.

    Args:
        value: what JSON can hold.
    """
    return [json.loads(each) for each in _ours.of_each(json.dumps(value).encode())]


def check_same(settings):
    """Refuses processes that were started with different options.

    Args:
        settings: a dict that JSON can hold.

    Raises:
        ValueError: In a process whose settings are not those of the first one.
    """
    first = agreed(settings)
    own = json.loads(json.dumps(settings)) if count() > 1 else settings
    other = [name for name in first if own.get(name) != first[name]]
    if other:
        raise ValueError(
            "Expected the same options in all processes. Received: "
            + ", ".join(f"{n}={own.get(n)}" for n in other)
            + f" in process {index()}, and "
            + ", ".join(f"{n}={first[n]}" for n in other)
            + " in process 0. Start all of them with one command."
        )


def leave(status):
    """Ends this process, and with it all others.

    Args:
        status: of the process, as for `sys.exit`.
    """
    _ours.leave(status)


def join_jax(coordinator=None, num_processes=None, process_index=None):
    """Joins the other processes that run JAX; call it before JAX computes anything.

    Args:
        coordinator: address of the first process, host:port; None takes all three from
            the environment, as the cluster sets it.
        num_processes: how many there are.
        process_index: the number of this one.
    """
    import keras

    keras.distribution.initialize(coordinator, num_processes, process_index)
    _use(_JaxProcesses())


def join_torch():
    """Joins the other processes that `torchrun` has started."""
    import torch

    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group("nccl" if cuda else "gloo")
        atexit.register(torch.distributed.destroy_process_group)
    _use(_TorchProcesses())


def _use(processes):
    global _ours
    _ours = processes
    if processes.index:
        sys.stdout = open(os.devnull, "w")  # the first one prints


class _TorchProcesses(_Alone):
    def __init__(self):
        import torch

        self.count = torch.distributed.get_world_size()
        self.index = torch.distributed.get_rank()

    def of_first(self, content):
        import torch

        contents = [content]
        torch.distributed.broadcast_object_list(contents, src=0)
        return contents[0]

    def of_each(self, content):
        import torch

        contents = [None] * self.count
        torch.distributed.all_gather_object(contents, content)
        return contents


class _JaxProcesses(_Alone):
    """What `torchrun` does for PyTorch: whoever fails tells the others."""

    def __init__(self):
        import jax

        # JAX has no public way to its coordinator's store of keys and values.
        from jax._src import distributed

        self.count, self.index = jax.process_count(), jax.process_index()
        self._store = distributed.global_state.client
        self._ending = threading.Event()
        atexit.register(self._ending.set)
        sys.excepthook = self._end_all
        threading.Thread(target=self._watch, daemon=True).start()

    def of_first(self, content):
        from jax.experimental.multihost_utils import broadcast_one_to_all

        size = int(broadcast_one_to_all(np.array(len(content))))
        if not size:
            return b""
        # What the others send does not count.
        own = np.resize(np.frombuffer(content, "uint8"), size)
        return bytes(np.asarray(broadcast_one_to_all(own)))

    def of_each(self, content):
        from jax.experimental.multihost_utils import process_allgather

        sizes = np.ravel(process_allgather(np.array(len(content))))
        own = np.resize(np.frombuffer(content, "uint8"), sizes.max())
        rows = np.reshape(process_allgather(own), (self.count, -1))
        return [bytes(row[:n]) for row, n in zip(rows, sizes, strict=True)]

    def leave(self, status):
        self._tell("interrupted")
        _exit(status)

    def _tell(self, message):
        name = f"Process {self.index} of {self.count}"
        try:
            self._store.key_value_set(_FAILED, f"{name}: {message}")
        except Exception:  # noqa: S110, another one was faster, or nobody listens
            pass
        time.sleep(_PATIENCE)  # the store ends with the first process

    def _told(self):
        """What another process has told; None while all is well."""
        try:
            return self._store.key_value_try_get(_FAILED)
        except Exception as error:
            if "NOT_FOUND" in str(error):
                return None
            return "Process 0 does not answer any more."

    def _watch(self):
        while not self._ending.wait(_POLL):
            message = self._told()
            if message is not None and not self._ending.is_set():
                # Ctrl-C may have come to all: the first one reports what there is.
                time.sleep(5 * _PATIENCE if "interrupted" in message else 0)
                print(f"\nEnded with the others. {message}", file=sys.stderr)
                # The store ends with the first process: all others go before.
                time.sleep(0 if self.index else 2 * _PATIENCE)
                _exit(1)

    def _end_all(self, kind, error, trace):
        self._ending.set()
        lost = any(name in str(error) for name in _BETWEEN_PROCESSES)
        if lost:
            time.sleep(_PATIENCE)  # whoever has failed first may still say why
        told = self._told()
        if told is not None:
            print(f"\nEnded with the others. {told}", file=sys.stderr)
            _exit(1)
        message = f"{kind.__name__}: {error}"
        if lost:
            message = (
                f"Expected all {self.count} processes to keep training. Received: "
                f"{' '.join(str(error).split())} Perhaps one has died: see what each "
                "has printed. Start the same command in all of them: it continues."
            )
            print(f"\n{message}", file=sys.stderr)
        else:
            sys.__excepthook__(kind, error, trace)
        self._tell(message)
        _exit(1)


def _exit(status):
    """Ends the process at once: JAX would wait for the others at its end."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)

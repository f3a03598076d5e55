"""Mixing what comes out of a hidden layer, while a forward pass runs.

The layer's `call` is replaced for that time, so that its outputs leave it mixed. So it
works in nested models, keeps the model as it is, and runs what lies below once on the
rows that came in.
"""

import contextlib
import threading
from typing import Any, NamedTuple

from keras_multimix.errors import invalid
from keras_multimix.layers.paired_batch import PairedBatch


class HiddenMixing(NamedTuple):
    """The layer after which a step mixes, and how."""

    operation: Any
    pairs: PairedBatch


# The replicas of a distributed step take turns in threads of their own, each with a
# draw of its own; the layer is one, and stays replaced until the last has done.
_thread = threading.local()
_lock = threading.Lock()
_in_use = {}


@contextlib.contextmanager
def step(mixing):
    """Makes a `HiddenMixing`, or None, that of this thread's forward pass."""
    _thread.mixing = mixing
    try:
        yield
    finally:
        _thread.mixing = None


@contextlib.contextmanager
def forward_pass():
    """Mixes after the layer that the running step names, if it names one.

    Raises:
        ValueError: If the forward pass has not called the layer exactly once.
    """
    mixing = getattr(_thread, "mixing", None)
    if mixing is None:
        yield
        return
    _thread.calls = 0
    with _replaced(mixing.operation):
        yield
    if _thread.calls != 1:
        raise invalid(
            "argument `mix_at`",
            expected="a layer that the forward pass calls once",
            received=f"{mixing.operation.name!r}, called {_thread.calls} times",
            fix='mix at another layer or at "input"',
        )


@contextlib.contextmanager
def _replaced(operation):
    with _lock:
        if not _in_use.get(id(operation)):
            _replace(operation)
        _in_use[id(operation)] = _in_use.get(id(operation), 0) + 1
    try:
        yield
    finally:
        with _lock:
            _in_use[id(operation)] -= 1
            if not _in_use[id(operation)]:
                del _in_use[id(operation)]
                _put_back(operation)


def _replace(operation):
    call = operation.call
    compute_mask = getattr(operation, "compute_mask", None)

    def mixed_call(*args, **kwargs):
        outputs, mixing = call(*args, **kwargs), _mixing_after(operation)
        if mixing is None:
            return outputs
        _thread.calls += 1
        return mixing.pairs.mix(outputs)

    def mixed_mask(*args, **kwargs):
        mask, mixing = compute_mask(*args, **kwargs), _mixing_after(operation)
        return mask if mixing is None else mixing.pairs.mix_mask(mask)

    operation.call = mixed_call
    if compute_mask is not None:
        operation.compute_mask = mixed_mask


def _put_back(operation):
    # The class has them still.
    for name in ("call", "compute_mask"):
        if name in vars(operation):
            delattr(operation, name)


def _mixing_after(operation):
    mixing = getattr(_thread, "mixing", None)
    return mixing if mixing is not None and mixing.operation is operation else None

"""Mixing what comes out of a hidden layer, while a forward pass runs.

The layer's `call` is replaced for that time, so that its outputs leave it mixed. So it
works in nested models, keeps the model as it is, and runs what lies below once on the
rows that came in.
"""

import contextlib
import threading
from typing import NamedTuple

from keras_multimix.errors import invalid
from keras_multimix.layers.paired_batch import PairedBatch
from keras_multimix.models.mixup.cut_points import Cut, is_mask


class HiddenMixing(NamedTuple):
    """Where a step mixes, and how.

    Attributes:
        cut: The `Cut` of the base model's graph, after which everything is mixed.
        pairs: The `PairedBatch` of the step's one draw.
    """

    cut: Cut
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
    operation, mask_takers = mixing.cut
    with contextlib.ExitStack() as stack:
        stack.enter_context(_replaced(operation, _mix_outputs))
        for taker in mask_takers:
            stack.enter_context(_replaced(taker, _mix_masks))
        yield
    if _thread.calls != 1:
        raise invalid(
            "argument `mix_at`",
            expected="a layer that the forward pass calls once",
            received=f"{operation.name!r}, called {_thread.calls} times",
            fix='mix at another layer or at "input"',
        )


@contextlib.contextmanager
def _replaced(operation, replacements):
    with _lock:
        if not _in_use.get(id(operation)):
            for name, function in replacements(operation).items():
                setattr(operation, name, function)
        _in_use[id(operation)] = _in_use.get(id(operation), 0) + 1
    try:
        yield
    finally:
        with _lock:
            _in_use[id(operation)] -= 1
            if not _in_use[id(operation)]:
                del _in_use[id(operation)]
                for name in replacements(operation):  # the class has them still
                    delattr(operation, name)


def _mix_outputs(operation):
    """Returns the methods of the layer that cuts: what comes out of it is mixed."""
    call, compute_mask = operation.call, getattr(operation, "compute_mask", None)

    def mixed_call(*args, **kwargs):
        outputs, mixing = call(*args, **kwargs), _mixing()
        if mixing is None:
            return outputs
        _thread.calls += 1
        return mixing.pairs.mix(outputs)

    def mixed_mask(*args, **kwargs):
        mask, mixing = compute_mask(*args, **kwargs), _mixing()
        return mask if mixing is None else mixing.pairs.mix_mask(mask)

    methods = {"call": mixed_call, "compute_mask": mixed_mask}
    return methods if compute_mask is not None else {"call": mixed_call}


def _mix_masks(operation):
    """Returns the methods of a layer above: the masks from below come in mixed."""
    call, compute_mask = operation.call, getattr(operation, "compute_mask", None)

    def mix(mask):
        mixing = _mixing()
        return mask if mixing is None else mixing.pairs.mix_mask(mask)

    def call_with_mixed(*args, **kwargs):
        masks = {name: mix(value) for name, value in kwargs.items() if is_mask(name)}
        return call(*args, **kwargs | masks)

    def mask_of_mixed(inputs, previous_mask=None):
        return compute_mask(inputs, mix(previous_mask))

    methods = {"call": call_with_mixed, "compute_mask": mask_of_mixed}
    return methods if compute_mask is not None else {"call": call_with_mixed}


def _mixing():
    return getattr(_thread, "mixing", None)

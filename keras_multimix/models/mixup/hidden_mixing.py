"""Mixing the outputs of a hidden layer while a forward pass runs.

A function that mixes the outputs replaces the layer's `call` during the pass. This
works in nested models too. The layers below run once, on the rows of the batch.
"""

import contextlib
import functools
import threading
from typing import NamedTuple

from keras_multimix.arguments import invalid
from keras_multimix.batches import map_leaves
from keras_multimix.layers.mixture import Mixture
from keras_multimix.models.mixup.cut_points import Cut


class HiddenMixing(NamedTuple):
    """Where and how a step mixes.

    Attributes:
        cut: The `Cut` of the base model's graph; everything after it is mixed.
        mixture: The `Mixture` of the step's one draw.
    """

    cut: Cut
    mixture: Mixture


# Under `tf.distribute` each replica runs its step in a thread of its own and has a draw
# of its own. All replicas share the layer, so its `call` stays replaced until the last
# replica has finished.
_thread = threading.local()
_lock = threading.Lock()
_in_use: dict[int, int] = {}


@contextlib.contextmanager
def step(mixing):
    """Gives the forward passes in this thread a `HiddenMixing`, or None."""
    _thread.mixing = mixing
    try:
        yield
    finally:
        _thread.mixing = None


@contextlib.contextmanager
def forward_pass():
    """Mixes after the layer that the running step has chosen, if it has chosen one.

    Raises:
        ValueError: If the forward pass did not call the layer exactly once.
    """
    mixing = getattr(_thread, "mixing", None)
    if mixing is None:
        yield
        return
    _thread.calls = 0
    operation, mask_takers = mixing.cut
    with contextlib.ExitStack() as stack:
        stack.enter_context(_replaced(operation, _mix_outputs))
        for taker, names in mask_takers:
            mix_masks = functools.partial(_mix_masks, names=names)
            stack.enter_context(_replaced(taker, mix_masks))
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
                for name in replacements(operation):  # the class keeps its own methods
                    delattr(operation, name)


def _mix_outputs(operation):
    """Returns methods for the layer at the cut, which mix its outputs."""
    call, compute_mask = operation.call, getattr(operation, "compute_mask", None)

    def mixed_call(*args, **kwargs):
        outputs, mixing = call(*args, **kwargs), _mixing()
        if mixing is None:
            return outputs
        _thread.calls += 1
        outputs = map_leaves(
            lambda leaf: _of_rows(leaf, mixing.mixture, operation), outputs
        )
        return mixing.mixture.inputs(outputs)

    def mixed_mask(*args, **kwargs):
        mask, mixing = compute_mask(*args, **kwargs), _mixing()
        return mask if mixing is None else mixing.mixture.mask(mask)

    methods = {"call": mixed_call, "compute_mask": mixed_mask}
    return methods if compute_mask is not None else {"call": mixed_call}


def _of_rows(leaf, mixture, operation):
    """Returns an output of a layer, or refuses one that has no entry for each row."""
    count, shape = mixture.num_given_rows, tuple(leaf.shape)
    if shape and isinstance(count, int) and shape[0] in (count, None):
        return leaf
    error = invalid(
        "argument `mix_at`",
        expected="a layer whose outputs have as many rows as the batch",
        received=f"{operation.name!r}, with an output of shape {shape}",
        fix="mix at a layer that leaves rows in axis 0 and returns nothing else",
    )
    if not shape or (isinstance(count, int) and shape[0] is not None):
        raise error
    # TensorFlow knows the numbers when the graph runs. XLA leaves assertions out, and
    # without XLA a reshape that seems to change nothing is left out.
    import tensorflow as tf

    sizes = tf.shape(leaf)
    with tf.control_dependencies(
        [tf.debugging.assert_equal(sizes[0], count, message=str(error))]
    ):
        return tf.reshape(leaf, tf.concat([[count], sizes[1:]], axis=0))


def _mix_masks(operation, names):
    """Returns methods for a layer above the cut, which mix the masks from below it.

    Args:
        operation: The layer.
        names: The arguments that take them.
    """
    call, compute_mask = operation.call, getattr(operation, "compute_mask", None)

    def mix(mask):
        mixing = _mixing()
        return mask if mixing is None else mixing.mixture.mask(mask)

    def call_with_mixed(*args, **kwargs):
        masks = {name: mix(value) for name, value in kwargs.items() if name in names}
        return call(*args, **kwargs | masks)

    def mask_of_mixed(inputs, previous_mask=None):
        return compute_mask(inputs, mix(previous_mask))

    methods = {"call": call_with_mixed, "compute_mask": mask_of_mixed}
    return methods if compute_mask is not None else {"call": call_with_mixed}


def _mixing():
    return getattr(_thread, "mixing", None)

"""What one batch calls in the library, counted: function calls, files and frames."""

import os
import sys
from typing import NamedTuple

import keras
import numpy as np

import keras_multimix
from keras_multimix import CutMix, MixUp, MixupModel, MultiMix, RandomMix

SHAPE = (128, 32, 32, 3)
_PACKAGE = os.path.dirname(keras_multimix.__file__)
_ARITHMETIC = "lerp"  # the function of `keras_multimix.mixing` that computes


class Counts(NamedTuple):
    """What one call goes through.

    Attributes:
        calls: calls of functions of the library, generators and comprehensions too.
        changes: how many of them are in another file than the call before.
        files: in how many files they are.
        frames: of the library, from the user's call to the arithmetic; 0 where no
            function is called that has its name.
    """

    calls: int
    changes: int
    files: int
    frames: int


def count(function):
    """Counts what a call goes through, once everything has been cached.

    Args:
        function: function ().

    Returns:
        `Counts`.
    """
    for _ in range(8):
        function()
    files, depths = [], []

    def note(frame, event, argument):
        if event != "call" or not _is_ours(frame):
            return
        files.append(frame.f_code.co_filename)
        if frame.f_code.co_name == _ARITHMETIC:
            depths.append(_depth(frame))

    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(None)
    changes = sum(a != b for a, b in zip([None, *files], files, strict=False))
    return Counts(len(files), changes, len(set(files)), max(depths, default=0))


def calls(rounds):
    """The counts of the layers on NumPy and on tensors, and of a training step.

    Returns:
        (rows, notes): see `report`.
    """
    generator = np.random.default_rng(0)
    x = generator.random(SHAPE, dtype="float32")
    y = np.eye(10, dtype="float32")[np.arange(len(x)) % 10]
    layers = {
        "MixUp": MixUp(seed=0),
        "MultiMix": MultiMix(seed=0),
        "CutMix": CutMix(seed=0),
        "RandomMix": RandomMix([MixUp(seed=0), CutMix(seed=1)], seed=2),
    }
    goals = {"MixUp": Counts(150, 45, 0, 10)}
    rows = []
    for name, layer in layers.items():
        found = count(lambda layer=layer: layer(x, y))
        rows += _rows("NumPy", f"{name}()(x, y)", found, goals.get(name))
    tensors = [keras.ops.convert_to_tensor(each) for each in (x, y)]
    found = count(lambda: layers["MixUp"](*tensors))
    rows += _rows("tensors", "MixUp()(x, y)", found)
    inputs = keras.Input(SHAPE[1:])
    outputs = keras.layers.Dense(10)(keras.layers.Flatten()(inputs))
    model = MixupModel(keras.Model(inputs, outputs), MixUp(seed=0))
    model.compile("sgd", "mse")
    rows += _rows("fit", "a step", count(lambda: model.train_on_batch(x, y)))
    return rows, []


def _is_ours(frame):
    return frame.f_code.co_filename.startswith(_PACKAGE + os.sep)


def _depth(frame):
    depth = 0
    while frame is not None:
        depth += _is_ours(frame)
        frame = frame.f_back
    return depth


def _rows(mode, case, found, goals=None):
    return [
        {
            "section": "calls",
            "mode": mode,
            "case": case,
            "what": f"{case}: {what}",
            **dict.fromkeys(("median", "low", "high"), number),
            "rounds": 1,
            "goal": getattr(goals, what, 0) or None,
        }
        for what, number in found._asdict().items()
    ]

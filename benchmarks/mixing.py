"""What mixing a batch costs, relative to the least that it needs.

That is one pass: to read two different tensors and to write a third, `x + y`, in memory
that the mode allocates for it as it does for what is mixed. Earlier measurements used
`x + 1`, which reads one tensor; the last column still gives the ratio to that.
"""

import itertools
import math

import keras
import numpy as np

from benchmarks.modes import modes
from benchmarks.peers import peers
from benchmarks.timing import ratio, take_turns
from keras_multimix import MixUp, MultiMix

LARGE, SMALL = (64, 224, 224, 3), (128, 32, 32, 3)
PAIRINGS = ("shuffle", "roll", "mirror")
COUNTS = (1, 2, 5)  # K
BATCHES = (16, 64, 256, 1024)  # B, of 32 × 32 × 3
_PASS, _OLD_PASS = "x + y", "x + 1"


def mixing(rounds):
    """Mixing a batch and its labels, K = 1, and what the peers take for it.

    Returns:
        (rows, notes): see `report`.
    """
    rows, notes = [], []
    for mode, (shape, goal) in itertools.product(
        modes(), ((LARGE, 1.10), (SMALL, 1.25))
    ):
        tensors = _batch(mode, shape)
        runs = _passes(mode, shape)
        for pairing in PAIRINGS:
            layer = MixUp(1.0, pairing=pairing, seed=0)
            runs[f"MixUp, {pairing}"] = mode.prepare(_call(layer), tensors)
        others, skipped = peers(mode.name)
        notes += [f"{mode.name}: {k} skipped, {v}" for k, v in skipped.items()]
        for name, mix in others.items():
            try:
                run = mode.prepare(lambda step, x, y, mix=mix: mix(x, y), tensors)
                run()
            except Exception as error:  # whatever a package that is not ours says
                why = f"{type(error).__name__}: {error}".splitlines()[0][:100]
                notes.append(f"{mode.name}: {name} skipped, {why}")
            else:
                runs[name] = run
        seconds = take_turns(runs, rounds)
        for name in list(runs)[2:]:
            limit = None
            if name.startswith("MixUp"):
                limit = goal
                if mode.name == "eager":
                    limit = 1.5 if name.endswith("shuffle") else 1.15
            rows.append(_in_passes("mixing", mode, shape, name, seconds, limit))
    return rows, notes


def interpolations(rounds):
    """Mixing with K interpolations, next to writing B·K rows."""
    rows = []
    shape = (LARGE[0] // 2, *LARGE[1:])
    for mode in modes():
        for count in COUNTS:
            tensors = _batch(mode, shape)
            layer = MultiMix(1.0, count, seed=0)

            def write(step, x, y, count=count):
                ones = keras.ops.ones((1, count, 1, 1, 1))
                return x[:, None] + ones

            runs = {
                "write": mode.prepare(write, tensors),
                "mix": mode.prepare(_call(layer), tensors),
            }
            found = ratio(take_turns(runs, rounds), "mix", "write")
            rows.append(
                _row("interpolations", mode, shape, f"K = {count}", found, 1.15)
            )
    return rows, []


def draws(rounds):
    """The draws for B = 1024 and K = 5, next to one pass over the large batch."""
    rows = []
    for mode in modes():
        layer = MixUp(1.0, 5, seed=0)

        def draw(step, x, layer=layer):
            return layer.get_random_transformation(x, step=step)

        few = mode.tensors(np.zeros((1024, 1), "float32"))
        runs = _passes(mode, LARGE) | {
            "draws": mode.prepare(draw, few),
            # What it costs to run anything at all.
            "nothing": mode.prepare(lambda step, x: x + 1, few),
        }
        seconds = take_turns(runs, rounds)
        for name, limit in (("draws", 0.05), ("nothing", None)):
            rows.append(_in_passes("draws", mode, (1024, 5), name, seconds, limit))
    return rows, []


def batches(rounds):
    """Mixing batches of small images of several sizes, next to one pass."""
    rows = []
    for mode in modes():
        for count in BATCHES:
            shape = (count, *SMALL[1:])
            tensors = _batch(mode, shape)
            runs = _passes(mode, shape)
            runs["MixUp"] = mode.prepare(_call(MixUp(1.0, seed=0)), tensors)
            seconds = take_turns(runs, rounds)
            row = _in_passes("batches", mode, shape, "MixUp", seconds, None)
            rows.append(row | {"what": f"B = {count}"})
    return rows, []


def _batch(mode, shape):
    generator = np.random.default_rng(0)
    x = generator.random(shape, dtype="float32")
    return mode.tensors(x, np.eye(10, dtype="float32")[np.arange(shape[0]) % 10])


def _passes(mode, shape):
    """The two references."""
    # Flat: on a CPU XLA takes up to six times as long for a lone sum of four axes.
    size = math.prod(shape)
    first, second = np.random.default_rng(1).random((2, size), dtype="float32")
    both = mode.tensors(first, second)
    return {
        _PASS: mode.prepare(lambda step, x, y: x + y, both),
        _OLD_PASS: mode.prepare(lambda step, x, y: x + 1.0, both),
    }


def _in_passes(section, mode, shape, name, seconds, limit):
    row = _row(section, mode, shape, name, ratio(seconds, name, _PASS), limit)
    return row | {"old": ratio(seconds, name, _OLD_PASS).median}


def _call(layer):
    return lambda step, x, y: layer(x, y, step=step)


def _row(section, mode, shape, what, found, limit):
    case = "×".join(map(str, shape))
    return {
        "section": section,
        "mode": mode.name,
        "case": case,
        "what": what,
        **found._asdict(),
        "goal": limit,
    }

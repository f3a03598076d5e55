"""Mixing small batches, next to the few lines that a user would write."""

import itertools

import keras
import numpy as np

from benchmarks.modes import modes
from benchmarks.timing import ratio, take_turns
from keras_multimix import MixUp

SHAPE = (128, 32, 32, 3)
ALPHA = 1.0
TURNS = 20  # for each round that the command is asked for


def by_hand(rounds):
    """Each way to run a function of a batch, against lines that do the same there.

    All draw new numbers in every call. `timm` stands for what timm does: one λ for the
    batch, row i with row B − 1 − i.

    Returns:
        (rows, notes): see `report`.
    """
    generator = np.random.default_rng(0)
    x = generator.random(SHAPE, dtype="float32")
    y = np.eye(10, dtype="float32")[np.arange(len(x)) % 10]
    rows = _rows("NumPy", _in_numpy(x, y), rounds)
    for mode, pairs in _CASES[keras.backend.backend()](x, y).items():
        rows += _rows(mode, pairs, rounds)
    return rows, []


def _rows(mode, pairs, rounds):
    """Times ours and theirs of each pair: what -> (ours, theirs, goal)."""
    rows = []
    for what, (ours, theirs, goal) in pairs.items():
        # Short turns, many of them: neighbours are disturbed alike.
        runs = {"ours": ours, "theirs": theirs}
        seconds = take_turns(runs, rounds * TURNS, at_least=0.0)
        found = ratio(seconds, "ours", "theirs")
        row = {"section": "by_hand", "mode": mode, "case": "128×32×32×3", "what": what}
        rows.append(row | found._asdict() | {"goal": goal})
    return rows


def _in_numpy(x, y):
    layer, generator = MixUp(ALPHA, seed=0), np.random.default_rng()

    def theirs():
        weights = generator.beta(ALPHA, ALPHA, len(x)).astype("float32")
        partner = generator.permutation(len(x))
        λ, λ_y = weights[:, None, None, None], weights[:, None]
        return λ * x + (1 - λ) * x[partner], λ_y * y + (1 - λ_y) * y[partner]

    steps = itertools.count()
    return {
        "MixUp": (lambda: layer(x, y), theirs, 1.25),
        # Without the count of the calls, which a variable of the backend keeps.
        "MixUp, step=": (lambda: layer(x, y, step=next(steps)), theirs, 1.25),
    }


def _in_jax(x, y):
    import jax

    layer = MixUp(ALPHA, seed=0)
    x, y = jax.numpy.asarray(x), jax.numpy.asarray(y)

    @jax.jit
    def mix(x, y, step):
        return layer(x, y, step=step)

    @jax.jit
    def mix_by_hand(x, y, key):
        first, second = jax.random.split(key)
        weights = jax.random.beta(first, ALPHA, ALPHA, (len(x),))
        partner = jax.random.permutation(second, len(x))
        λ, λ_y = weights[:, None, None, None], weights[:, None]
        return λ * x + (1 - λ) * x[partner], λ_y * y + (1 - λ_y) * y[partner]

    steps = iter(range(2**31))
    keys = iter(jax.random.split(jax.random.key(0), 20_000))

    def ours():
        jax.block_until_ready(mix(x, y, next(steps)))

    def theirs():
        jax.block_until_ready(mix_by_hand(x, y, next(keys)))

    return {"jit": {"MixUp": (ours, theirs, 1.25)}}


def _in_tensorflow(x, y):
    import tensorflow as tf

    layer = MixUp(ALPHA, seed=0)
    pipeline = next(mode for mode in modes() if mode.name == "tf.data")
    tensors = pipeline.tensors(x, y)

    def mix_by_hand(step, x, y):
        first, second = (tf.random.gamma((SHAPE[0],), ALPHA) for _ in range(2))
        weights = first / (first + second)
        partner = tf.random.shuffle(tf.range(SHAPE[0]))
        λ, λ_y = weights[:, None, None, None], weights[:, None]
        mixed = λ * x + (1 - λ) * tf.gather(x, partner)
        return mixed, λ_y * y + (1 - λ_y) * tf.gather(y, partner)

    counted = pipeline.prepare(lambda step, x, y: layer(x, y), tensors)
    stateless = pipeline.prepare(lambda step, x, y: layer(x, y, step=step), tensors)
    theirs = pipeline.prepare(mix_by_hand, tensors)
    return {
        "tf.data": {
            "MixUp": (counted, theirs, 1.25),
            "MixUp, step=": (stateless, theirs, 1.25),
        }
    }


def _in_torch(x, y):
    import torch

    layer = MixUp(ALPHA, seed=0)
    like_timm = MixUp(ALPHA, pairing="mirror", sampling="shared", seed=0)
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    beta, mixed_in_place = torch.distributions.Beta(ALPHA, ALPHA), x.clone()

    def theirs():
        weights = beta.sample((len(x),))
        partner = torch.randperm(len(x))
        mixed = x[partner].lerp_(x, weights[:, None, None, None])
        return mixed, y[partner].lerp_(y, weights[:, None])

    def timm():
        λ = np.random.beta(ALPHA, ALPHA)
        flipped = mixed_in_place.flip(0).mul_(1.0 - λ)
        mixed_in_place.mul_(λ).add_(flipped)
        return mixed_in_place, y * λ + y.flip(0) * (1.0 - λ)

    return {
        "eager": {
            "MixUp": (lambda: layer(x, y), theirs, 1.25),
            "mirror, shared; timm's lines": (lambda: like_timm(x, y), timm, 1.0),
        }
    }


_CASES = {"jax": _in_jax, "tensorflow": _in_tensorflow, "torch": _in_torch}

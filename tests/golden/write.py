"""Writes what layers draw, for the tests of later versions to compare with.

    KERAS_BACKEND=jax python tests/golden/write.py

Version 0.1.0 wrote streams.npz. A stream never changes: write it again only to add
cases, and check that the old ones are still there.
"""

import itertools
from pathlib import Path

import numpy as np

from keras_multimix import CutMix, MixUp, RandomMix
from keras_multimix.pairing import WithinShards

FILE = Path(__file__).with_name("streams.npz")
STEPS = (0, 1, 7, 2**31 - 1)
CALLS = 3  # without a step, after each other
SEEDS = (0, 1, 2**40 + 3)
PAIRINGS = {
    "shuffle": "shuffle",
    "roll": "roll",
    "mirror": "mirror",
    "same_class": "same_class",
    "neighbors": "neighbors",
    "shards": WithinShards("shuffle", 2),
    "mirrored shards": WithinShards("mirror", 2),
    "callable": lambda x, y, seed: (np.arange(len(x)) + int(seed) % 5 + 1) % len(x),
}


def batch(num_rows):
    """Inputs and one-hot labels, the same in every run."""
    rows = np.arange(num_rows * 24, dtype="float32").reshape(num_rows, 4, 3, 2)
    return np.sin(rows), np.eye(3, dtype="float32")[(np.arange(num_rows) * 7) % 3]


def cases():
    """A dict name -> (a function that makes a layer, the number of rows)."""
    found = {}
    grid = itertools.product(
        (MixUp, CutMix),
        (1, 2, 5),
        ("independent", "stratified", "shared"),
        PAIRINGS,
        (False, True),
    )
    for number, (kind, count, sampling, pairing, keep) in enumerate(grid):
        # The others go round, so that the file stays small.
        num_rows, seed = (1, 2, 5, 12)[number % 4], SEEDS[number % 3]
        alpha = (0.2, 1.0)[number // 4 % 2]

        def make(
            kind=kind,
            count=count,
            sampling=sampling,
            alpha=alpha,
            pairing=pairing,
            keep=keep,
            seed=seed,
        ):
            return kind(
                alpha,
                count,
                sampling=sampling,
                pairing=PAIRINGS[pairing],
                keep_batch_size=keep,
                seed=seed,
            )

        name = f"{kind.__name__} {count} {sampling} {alpha} {pairing} {keep}"
        found[name] = make, num_rows
    for seed in SEEDS:

        def make(seed=seed):
            layers = [MixUp(0.8, 2, seed=seed), CutMix(1.0, 2, seed=seed + 1)]
            return RandomMix(layers, [0.4, 0.4], seed=seed)

        found[f"RandomMix {seed}"] = make, 5
    return found


def draws(layer, data):
    """A dict step or call -> transformation."""
    drawn = {f"step {s}": layer.get_random_transformation(data, step=s) for s in STEPS}
    for call in range(CALLS):
        drawn[f"call {call}"] = layer.get_random_transformation(data)
    return drawn


def flat(drawn):
    """All draws of one case in one array of integers and one of floats."""
    parts = {"int32": [], "float32": []}
    for transformation in drawn.values():
        for key in sorted(transformation):
            entry = np.asarray(transformation[key])
            kind = "float32" if entry.dtype.kind == "f" else "int32"
            parts[kind].append(entry.astype(kind).reshape(-1))
    return [np.concatenate(arrays) for arrays in parts.values()]


def main():
    """Writes the file."""
    integers, floats = [], []
    for make, num_rows in cases().values():
        drawn = flat(draws(make(), batch(num_rows)))
        integers.append(drawn[0])
        floats.append(drawn[1])
    np.savez_compressed(
        FILE, integers=np.concatenate(integers), floats=np.concatenate(floats)
    )
    print(f"{FILE.stat().st_size} bytes in {FILE}")


if __name__ == "__main__":
    main()

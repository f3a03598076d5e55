"""Writes files that models and layers save, for later versions to load.

    KERAS_BACKEND=jax python tests/saved/write.py

Version 0.1.0 wrote those in this folder. Beside each, NAME.npz holds what it predicts
and what its mixers draw next.
"""

import json
from pathlib import Path

import keras
import numpy as np

from keras_multimix import (
    CutMix,
    MixUp,
    MixupGAN,
    MixupModel,
    MultiMix,
    RandomMix,
)
from keras_multimix.pairing import WithinShards

FOLDER = Path(__file__).parent
ROWS = 4


def batch():
    """Images and one-hot labels, the same in every run."""
    values = np.arange(ROWS * 32, dtype="float32").reshape(ROWS, 4, 4, 2)
    return np.sin(values), np.eye(3, dtype="float32")[np.arange(ROWS) % 3]


def every_layer():
    """A layer of each class, all arguments other than the defaults."""
    common = {
        "num_interpolations": 2,
        "sampling": "shared",
        "num_classes": 3,
        "keep_batch_size": True,
    }
    mix_up = MixUp(0.3, mix_labels=False, pairing="roll", seed=3, **common)
    cut_mix = CutMix(0.5, pairing="same_class", seed=5, **common)
    return [
        mix_up,
        MultiMix(0.4, pairing=WithinShards("mirror", 2), seed=2**40 + 1, **common),
        cut_mix,
        RandomMix([mix_up, cut_mix], [0.3, 0.4], seed=7),
    ]


def network():
    """A small network for `batch`."""
    inputs = keras.Input((4, 4, 2))
    hidden = keras.layers.Conv2D(3, 2, activation="relu", name="hidden")(inputs)
    outputs = keras.layers.Dense(3)(keras.layers.Flatten()(hidden))
    return keras.Model(inputs, outputs)


def layers_inside():
    """A model of mixing layers, and these, which have been called twice."""
    mixers = [
        MixUp(0.3, seed=1),
        MultiMix(0.4, 2, seed=2),
        CutMix(0.5, seed=3),
        RandomMix([MixUp(seed=4), CutMix(seed=5)], [0.5, 0.4], seed=6),
    ]
    inputs = keras.Input((4, 4, 2)), keras.Input((3,))
    mixed = inputs
    for mixer in mixers:
        mixed = mixer(*mixed)
    model = keras.Model(inputs, list(mixed))
    for _ in range(2):
        model(list(batch()), training=True)
    return model


def trained(mix_at):
    """A `MixupModel` after two steps."""
    model = MixupModel(network(), MultiMix(1.0, 2, seed=8), mix_at=mix_at)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    # What JAX chooses by itself, PyTorch would take from the file and compile for long.
    model.compile(keras.optimizers.Adam(0.01), loss, jit_compile=False)
    model.fit(*batch(), epochs=2, verbose=0)
    return model


def gan():
    """A `MixupGAN` after one step."""
    generator = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    discriminator = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model = MixupGAN(generator, discriminator, alpha=0.3, discriminator_steps=2)
    model.compile(keras.optimizers.Adam(0.01), keras.optimizers.Adam(0.01))
    model.fit(batch()[1], batch_size=ROWS, verbose=0)
    return model


def next_draws(layer):
    """What a layer draws next."""
    drawn = layer.get_random_transformation(batch())
    return {key: np.asarray(drawn[key]) for key in drawn}


def main():
    """Writes the files."""
    keras.utils.set_random_seed(0)
    configs = [keras.saving.serialize_keras_object(each) for each in every_layer()]
    text = json.dumps(configs, indent=1)
    (FOLDER / "layers.json").write_text(text + "\n", encoding="utf-8")
    arrays = {}
    for number, layer in enumerate(every_layer()):
        arrays |= {f"{number}/{k}": v for k, v in next_draws(layer).items()}
    np.savez_compressed(FOLDER / "layers.npz", **arrays)
    model = layers_inside()
    model.save(FOLDER / "layers_inside.keras")
    arrays = {}
    for number, layer in enumerate(model.layers[2:]):
        arrays |= {f"{number}/{k}": v for k, v in next_draws(layer).items()}
    np.savez_compressed(FOLDER / "layers_inside.npz", **arrays)
    for name, mix_at in {"input": None, "hidden": ["input", "hidden"]}.items():
        model = trained(mix_at)
        model.save(FOLDER / f"mixed_at_{name}.keras")
        model.save_weights(FOLDER / f"mixed_at_{name}.weights.h5")
        predicted = model.predict(batch()[0], verbose=0)
        drawn = next_draws(model.mixer)
        np.savez_compressed(
            FOLDER / f"mixed_at_{name}.npz", predicted=predicted, **drawn
        )
    model = gan()
    model.save(FOLDER / "gan.keras")
    np.savez_compressed(FOLDER / "gan.npz", predicted=model.generate(5, seed=1))


if __name__ == "__main__":
    main()

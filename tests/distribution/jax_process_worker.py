"""Trains a model and a GAN in one of two processes, and prints what comes out.

    python -m tests.distribution.jax_process_worker INDEX PORT

Each process gives its own half of every batch.
"""

import json
import sys

import keras
import numpy as np

from keras_multimix import MixupGAN, MixupModel, MultiMix

ROWS, CLASSES, STEPS = 8, 3, 3


class Halves(keras.utils.PyDataset):
    """Batches of `parts`, of which a process gives its rows."""

    def __init__(self, parts, index, count):
        super().__init__()
        self.parts = parts
        own = ROWS // count
        self.own = slice(index * own, (index + 1) * own)

    def __len__(self):
        return STEPS

    def __getitem__(self, step):
        whole = [part[step * ROWS : (step + 1) * ROWS] for part in self.parts]
        return tuple(part[self.own] for part in whole)


def data():
    rng = np.random.default_rng(0)
    y = np.arange(STEPS * ROWS) % CLASSES
    x = rng.normal(size=(len(y), 6, 6, 2)) + y[:, None, None, None]
    return x.astype("float32"), y


def train(index=0, count=1):
    keras.utils.set_random_seed(0)
    base = keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            keras.layers.Conv2D(4, 3, name="conv", use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.Flatten(),
            keras.layers.Dense(CLASSES),
        ]
    )
    mixer = MultiMix(0.7, num_interpolations=2, seed=3)
    model = MixupModel(base, mixer, mix_at=["input", "conv"])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), loss, metrics=["accuracy"])
    x, y = data()
    halves = Halves((x, y), index, count)
    history = model.fit(halves, epochs=2, shuffle=False, verbose=0).history
    return {
        "weights": _flat(base.get_weights()),
        "logs": history,
        "state": np.asarray(mixer.random_state).tolist(),
        "predictions": base.predict_on_batch(x[:3]).tolist(),
    }


def train_gan(index=0, count=1):
    keras.utils.set_random_seed(1)
    generator = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    discriminator = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    gan = MixupGAN(generator, discriminator, discriminator_steps=2, seed=5)
    gan.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1))
    rows = data()[0][:, 0, :3, 0]
    history = gan.fit(Halves((rows,), index, count), shuffle=False, verbose=0).history
    return {
        "weights": _flat(gan.get_weights()),
        "logs": history,
        "made": gan.generate(3, seed=0).tolist(),
    }


def _flat(weights):
    return np.concatenate([np.ravel(weight) for weight in weights]).tolist()


if __name__ == "__main__":
    import jax

    index, port = map(int, sys.argv[1:3])
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    keras.distribution.initialize(f"127.0.0.1:{port}", 2, index)
    distribution = keras.distribution.DataParallel(
        devices=keras.distribution.list_devices(), auto_shard_dataset=False
    )
    with distribution.scope():
        found = [train(index, 2), train_gan(index, 2)]
    print(json.dumps(found))

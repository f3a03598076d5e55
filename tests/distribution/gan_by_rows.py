"""A GAN whose training depends on the rows alone, not on the latent vectors drawn."""

import keras
import numpy as np

from keras_multimix import MixupGAN
from keras_multimix.models.gan import draws

ROWS = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")


def build():
    gan = MixupGAN(_network(2, 3, 0.0), _network(3, 1, 0.5), 0.0, 1, seed=1)
    gan.compile(keras.optimizers.SGD(1.0), keras.optimizers.SGD(1.0))
    return gan


def _network(inputs, outputs, kernel):
    dense = keras.layers.Dense(outputs)
    net = keras.Sequential([keras.Input((inputs,)), dense])
    dense.set_weights([np.full((inputs, outputs), kernel), np.full(outputs, 0.2)])
    return net


def trained(rows):
    """The weights before and after one step."""
    gan = build()
    before = weights_of(gan)
    gan.fit(rows, batch_size=len(rows), shuffle=False, verbose=0)
    return before, weights_of(gan)


def weights_of(gan):
    weights = [*gan.generator.get_weights(), *gan.discriminator.get_weights()]
    # Not the generator's kernel, whose gradient depends on the latent vectors.
    return np.concatenate([each.ravel() for each in weights[1:]]).tolist()


def drawn():
    """The latent vectors of a first step."""
    latents, _ = draws.draw_calls(build().random_state, 1, 4, (2,), 0.0)
    return keras.ops.convert_to_numpy(latents[0]).tolist()

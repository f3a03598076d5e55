"""Trains a GAN on one device and on two, and prints the weights before and after.

    python -m tests.distribution.tensorflow_gan_worker

Replicas draw other latent vectors, so the generator makes the same row of all of them.
"""

import contextlib
import json

import numpy as np
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(
    cpu, [tf.config.LogicalDeviceConfiguration()] * 2
)

import keras  # noqa: E402

from keras_multimix import MixupGAN  # noqa: E402


def network(inputs, outputs, kernel):
    dense = keras.layers.Dense(outputs)
    net = keras.Sequential([keras.Input((inputs,)), dense])
    dense.set_weights([np.full((inputs, outputs), kernel), np.full(outputs, 0.2)])
    return net


def weights_of(gan):
    weights = [*gan.generator.get_weights(), *gan.discriminator.get_weights()]
    # Not the generator's kernel, whose gradient depends on the latent vectors.
    return np.concatenate([each.ravel() for each in weights[1:]]).tolist()


def trained(scope):
    with scope:
        gan = MixupGAN(network(2, 3, 0.0), network(3, 1, 0.5), 0.0, 1, seed=1)
        gan.compile(keras.optimizers.SGD(1.0), keras.optimizers.SGD(1.0))
    before = weights_of(gan)
    rows = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    gan.fit(rows, batch_size=8, shuffle=False, verbose=0)
    return before, weights_of(gan)


before, one = trained(contextlib.nullcontext())
_, two = trained(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope())
print(json.dumps({"before": before, "one": one, "two": two}))

"""Trains a GAN on one device and on two, and prints the weights before and after.

    python -m tests.distribution.tensorflow_gan_worker

Replicas draw other latent vectors, so the generator makes the same row of all of them.
"""

import json

import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(
    cpu, [tf.config.LogicalDeviceConfiguration()] * 2
)

from tests.distribution.gan_by_rows import ROWS, build, trained, weights_of  # noqa: E402

before, one = trained(ROWS)
alone = build()
with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
    gan = build()
made = [each.generate(5, seed=3, batch_size=4).tolist() for each in (alone, gan)]
gan.fit(ROWS, batch_size=len(ROWS), shuffle=False, verbose=0)
print(json.dumps({"before": before, "one": one, "two": weights_of(gan), "made": made}))

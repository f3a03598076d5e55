"""Runs recipes one after another in this process, with virtual devices if asked for.

    python -m tests.recipes.devices_worker '[["digits", "--backend", "jax"]]' 8

Virtual devices have to be made before a backend starts.
"""

import importlib
import json
import os
import sys


def make_devices(backend, number):
    if backend == "jax":
        os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={number}"
    elif backend == "tensorflow":
        import tensorflow as tf

        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * number
        )


if __name__ == "__main__":
    if len(sys.argv) > 2:
        make_devices(os.environ["KERAS_BACKEND"], int(sys.argv[2]))
    for recipe, *arguments in json.loads(sys.argv[1]):
        importlib.import_module(f"recipes.{recipe}").main(arguments)

"""Trains on 8 virtual devices, and prints weights and what moves between devices.

    python -m tests.distribution.jax_worker '[["data", "shuffle", {}]]'

Takes a list of runs, each a layout ("one", "data" or "model"), a pairing and other
arguments of the mixer; "within roll" stands for `WithinShards("roll", 8)`.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

DUMPED = Path(tempfile.mkdtemp())
os.environ["XLA_FLAGS"] = (
    f"--xla_force_host_platform_device_count=8 --xla_dump_to={DUMPED} "
    "--xla_dump_hlo_as_text --xla_dump_hlo_module_re=.*train_step.*"
)

import keras  # noqa: E402
import numpy as np  # noqa: E402

from benchmarks.collectives import collectives  # noqa: E402
from keras_multimix import MixupModel, MultiMix, RandomMix  # noqa: E402
from keras_multimix.pairing import WithinShards  # noqa: E402

ROWS, CLASSES = 32, 5


def layout(name):
    devices = keras.distribution.list_devices()
    if name == "one":
        return None
    if name == "data":
        return keras.distribution.DataParallel(devices=devices)
    mesh = keras.distribution.DeviceMesh((4, 2), ["batch", "model"], devices)
    layouts = keras.distribution.LayoutMap(mesh)
    layouts[".*hidden/kernel"] = (None, "model")
    layouts[".*hidden/bias"] = ("model",)
    return keras.distribution.ModelParallel(
        layout_map=layouts, batch_dim_name="batch", auto_shard_dataset=False
    )


def mixer(pairing, random=False, **arguments):
    if pairing.startswith("within "):
        pairing = WithinShards(pairing.removeprefix("within "), 8)
    arguments = {"num_interpolations": 2, "seed": 3} | arguments
    layer = MultiMix(0.7, pairing=pairing, **arguments)
    return RandomMix([layer], [0.5], seed=1) if random else layer


def _one_devices(variable):
    """How many devices there are, and the shape of what each of them holds."""
    sharding = variable.value.sharding
    shape = sharding.shard_shape(tuple(variable.shape))
    return [len(sharding.device_set), list(shape)]


def train(name, pairing, arguments):
    for path in DUMPED.rglob("*.txt"):
        path.unlink()
    keras.distribution.set_distribution(layout(name))
    keras.utils.set_random_seed(0)
    base = keras.Sequential(
        [
            keras.Input((6, 6, 3)),
            keras.layers.Conv2D(8, 3, strides=2),
            keras.layers.BatchNormalization(),
            keras.layers.Flatten(),
            keras.layers.Dense(16, "relu", name="hidden"),
            keras.layers.Dense(CLASSES),
        ]
    )
    points = arguments.pop("mix_at", None)
    model = MixupModel(base, mixer(pairing, **arguments), mix_at=points)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), loss, metrics=["accuracy"])
    rng = np.random.default_rng(0)
    y = np.arange(3 * ROWS) % CLASSES
    x = (rng.normal(size=(len(y), 6, 6, 3)) + y[:, None, None, None]).astype("float32")
    history = model.fit(x, y, batch_size=ROWS, epochs=2, shuffle=False, verbose=0)
    texts = [path.read_text() for path in DUMPED.rglob("*after_optimizations.txt")]
    return {
        "weights": np.concatenate([w.ravel() for w in base.get_weights()]).tolist(),
        "logs": history.history,
        "kernel": _one_devices(base.get_layer("hidden").kernel),
        "collectives": [collectives(text) for text in texts],
    }


if __name__ == "__main__":
    print(json.dumps([train(*run) for run in json.loads(sys.argv[1])]))

"""A recipe as it is, but small enough to be killed many times.

    python -m benchmarks.killed_run digits --epochs 40 --checkpoint-every 1epochs
    python -m benchmarks.killed_run imagenet --data-dir PHOTOS --epochs 8

Takes the options of the recipe. The net of `imagenet` is a small one under the name of
the ResNet-50. The tests and `benchmarks.reliability` kill it at any time, and compare
what it measures in the end with an undisturbed run.
"""

import hashlib
import importlib
import json
import os
import subprocess
import sys
import time

from recipes.shared.options import BACKENDS
from recipes.shared.runner import select_backend

# Of array data, of streamed images, and of a GAN.
COMMANDS = {
    "digits": "digits --epochs 40 --methods multimix --train-size 60".split(),
    "imagenet": (
        "imagenet --epochs 10 --methods multimix --image-size 32 --batch-size 3".split()
    ),
    "gan": (
        "gan --epochs 20 --methods mixup_gan --dataset ring --width 8 --batch-size 8 "
        "--discriminator-steps 1"
    ).split(),
}


def program(kind, folder, backend):
    """The command line of a run that writes into a folder."""
    more = []
    if kind == "imagenet":
        from tests.recipes.photos import write_photos

        photos = folder / "photos"
        more = ["--data-dir", photos if photos.exists() else write_photos(photos)]
    more += ["--backend", backend, "--seeds", 1, "--checkpoint-every", "1epochs"]
    more += ["--output", folder / "out"]
    start = [sys.executable, "-m", "benchmarks.killed_run", *COMMANDS[kind]]
    return [*start, *map(str, more)]


def left_alone(kind, folder, backend):
    """What an undisturbed run measures, at its end and on the way.

    The checksums of the samples that it keeps are added.
    """
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(program(kind, folder, backend), check=True, **quiet)
    (record,) = json.loads((folder / "out" / "results.json").read_text())
    del record["metrics"]["seconds"]
    samples = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.glob("out/samples/*.npz")
    }
    return {**record, "samples": samples}


def killed(kind, folder, backend, count, rng):
    """Kills a run again and again, each time when it has made an epoch or more.

    Returns:
        How often it was killed, at most `count` times, and what it measures in the end.
    """
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    kills = 0
    while kills < count:
        before = _newest(folder)
        process = subprocess.Popen(program(kind, folder, backend), **quiet)
        while process.poll() is None and _newest(folder) <= before:
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.3))
        ended = process.poll() is not None
        process.kill()
        process.wait()
        if ended:
            break
        kills += 1
    return kills, left_alone(kind, folder, backend)


def _newest(folder):
    """The epochs of the newest checkpoint; the first one is not of an epoch."""
    names = [path.name for path in folder.glob("out/checkpoints/*/0*.npz")]
    return max((int(name[:6]) for name in names), default=0)


def tiny_resnet(weights, input_shape, classes, classifier_activation):
    """A net with the arguments of Keras' own."""
    import keras

    return keras.Sequential(
        [
            keras.Input(input_shape),
            keras.layers.Conv2D(4, 3, strides=4),
            keras.layers.BatchNormalization(),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(classes),
        ]
    )


def main(arguments=None):
    """The command; returns the records in results.json."""
    name, *others = sys.argv[1:] if arguments is None else arguments
    if name == "imagenet":
        backend = dict(zip(others, others[1:], strict=False)).get("--backend")
        select_backend(backend or os.environ.get("KERAS_BACKEND", BACKENDS[0]))
        import keras

        keras.applications.ResNet50 = tiny_resnet
    return importlib.import_module(f"recipes.{name}").main(others)


if __name__ == "__main__":
    main()

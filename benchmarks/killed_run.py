"""A recipe as it is, but small enough to be killed many times.

    python -m benchmarks.killed_run digits --epochs 40 --checkpoint-every 1epochs
    python -m benchmarks.killed_run imagenet --data-dir PHOTOS --epochs 8

Takes the options of the recipe. The net of `imagenet` is a small one under the name of
the ResNet-50. The tests and `benchmarks.reliability` kill it at any time, and compare
what it measures in the end with a run that was left alone.
"""

import importlib
import os
import sys

from recipes.shared.options import BACKENDS
from recipes.shared.runner import select_backend


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

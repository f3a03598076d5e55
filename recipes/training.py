"""One run of a classifier: what every method shares."""

import math

import keras
import numpy as np

from keras_multimix import MixupModel
from recipes import methods
from recipes.curves import TestCurve


def train_classifier(network, split, name, options, seed, on_epoch_end):
    """Trains a network that gives logits, with Adam and a cosine decay.

    Args:
        network: a `keras.Model` whose outputs are logits.
        split: a `recipes.datasets.Split`.
        name: of the method.
        options: with `epochs`, `batch_size`, `learning_rate`, `alpha` and
            `num_interpolations`.
        seed: of the mixer.
        on_epoch_end: function () called after every epoch.

    Returns:
        The list of measures on the test set during the run; the last is final.
    """
    epochs = methods.epochs_of(name, options)
    model = MixupModel(network, methods.build_mixer(name, options, seed))
    num_rows = len(split.train_inputs)
    steps = math.ceil(num_rows / options.batch_size) * epochs
    model.compile(
        optimizer=keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(options.learning_rate, steps)
        ),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    # Each image `copies` times, in batches `copies` times as large: as many steps.
    copies = options.num_interpolations if methods.METHODS[name].more_rows else 1
    curve = TestCurve(
        network, split.test_inputs, split.test_labels, epochs, on_epoch_end
    )
    model.fit(
        np.repeat(split.train_inputs, copies, axis=0),
        np.repeat(split.train_labels, copies, axis=0),
        batch_size=options.batch_size * copies,
        epochs=epochs,
        verbose=0,
        callbacks=[curve],
    )
    return curve.points

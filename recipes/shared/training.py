"""One run of a classifier, by any method."""

import math

import keras
import numpy as np

from keras_multimix import MixupModel, MixupSchedule
from keras_multimix.pairing import NeighborPairs
from recipes.datasets.batches import (
    Augmented,
    RowsOfKeras,
    SharedBatches,
    ShuffledRows,
)
from recipes.datasets.split import hold_out
from recipes.shared import devices, processes
from recipes.shared.curves import TestCurve
from recipes.shared.methods import build_mixer, epochs_of
from recipes.shared.shares import WHOLE
from recipes.shared.temperature import scaled_measures

_NUM_NEIGHBORS = 200  # the mixup paper's


def train_classifier(
    network,
    split,
    method,
    options,
    run,
    on_epoch_end,
    *,
    optimizer,
    augment=None,
    make_batches=None,
    warm_up=0,
    num_points=20,
    last=1,
):
    """Trains a network that gives logits.

    Args:
        network: a `keras.Model` whose outputs are logits.
        split: a `recipes.datasets.split.Split`.
        method: a `recipes.shared.methods.Method`.
        options: with `epochs`, `batch_size`, `alpha`, `num_interpolations`,
            `validation_size`, `output` and `tensorboard`.
        run: a `recipes.shared.runner.Run`.
        on_epoch_end: function () called after every epoch.
        optimizer: function (epochs, steps_per_epoch) -> a Keras optimizer.
        augment: function (images, generator) -> images, for every batch; or None.
        make_batches: function (inputs, labels, batch_size, *, copies, seed, share) -> a
            `keras.utils.PyDataset` of batches that are augmented already; it replaces
            `augment`, but not for partners that are neighbors. Or None.
        warm_up: how many epochs to train plainly before mixing starts.
        num_points: how often to measure on the way.
        last: how many of the last epochs to measure, each.

    Returns:
        The record of the run: `metrics`, `curve` and `reliability`.
    """
    epochs = epochs_of(method, options)
    split = hold_out(split, options.validation_size, run.seed)
    data, steps_per_epoch = _data(
        split, method, options, run.seed, augment, make_batches
    )
    model = MixupModel(
        _with_noise(network, split.input_shape, method.noise),
        build_mixer(method, options, run.seed),
        mix_at=list(method.mix_at) or None,
    )
    model.compile(optimizer=optimizer(epochs, steps_per_epoch), loss=_loss(method))
    devices.connect(model)
    curve = TestCurve(
        network,
        split.test_inputs,
        split.test_labels,
        epochs,
        on_epoch_end,
        num_points=num_points,
        last=last,
    )
    callbacks = [curve]
    if warm_up:
        callbacks.append(MixupSchedule(start_epoch=warm_up))
    if options.tensorboard and processes.is_first():
        folder = options.output / "tensorboard" / "-".join(map(str, run))
        callbacks.append(keras.callbacks.TensorBoard(folder, write_graph=False))
    model.fit(**data, epochs=epochs, verbose=0, callbacks=callbacks)
    measured = curve.measured()
    with devices.outside():
        measured["metrics"] |= scaled_measures(network, split)
    return measured


def _data(split, method, options, seed, augment, make_batches):
    """What `fit` takes, and how many steps an epoch has.

    Of several processes each takes its own share of every batch.
    """
    share = devices.share()
    x, y = split.train_inputs, split.train_labels
    if method.label_smoothing:
        y = np.eye(split.num_classes, dtype="float32")[y]
    # Each row `copies` times, in batches `copies` times as large: as many steps.
    copies = options.num_interpolations if method.more_rows else 1
    batch_size = options.batch_size * copies
    if make_batches and not method.neighbors:
        batches = make_batches(x, y, batch_size, copies=copies, seed=seed, share=share)
        return {"x": batches}, len(batches)
    if augment is None and not method.neighbors:
        return _unchanged_rows(x, y, batch_size, copies, seed, share)
    if method.neighbors:
        same_class = method.neighbors == "same"
        rows = NeighborPairs(
            x, y, batch_size, _NUM_NEIGHBORS, same_class, seed=seed, verbose=False
        )
    else:
        rows = ShuffledRows(x, y, batch_size, copies=copies, seed=seed, share=share)
    batches = rows if augment is None else Augmented(rows, augment, seed)
    if method.neighbors and share != WHOLE:
        batches = SharedBatches(batches, share)
    return {"x": batches}, len(batches)


def _unchanged_rows(x, y, batch_size, copies, seed, share):
    """What `fit` takes for rows that come as they are, in the same order everywhere."""
    num_rows = copies * len(x)
    num_batches = math.ceil(num_rows / batch_size)
    on_tensorflow = keras.backend.backend() == "tensorflow"
    if share == WHOLE or on_tensorflow and share.divides(num_rows, batch_size):
        x, y = np.repeat(x, copies, axis=0), np.repeat(y, copies, axis=0)
        return {"x": x, "y": y, "batch_size": batch_size}, num_batches
    settings = {"copies": copies, "seed": seed, "share": share}
    if on_tensorflow:
        return {"x": ShuffledRows(x, y, batch_size, **settings)}, num_batches
    rows = RowsOfKeras(x, y, batch_size, **settings)
    return {"x": rows, "shuffle": False}, num_batches


def _with_noise(network, input_shape, noise):
    if not noise:
        return network
    return keras.Sequential(
        [keras.Input(input_shape), keras.layers.GaussianNoise(noise), network]
    )


def _loss(method):
    if not method.label_smoothing:
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=method.label_smoothing
    )

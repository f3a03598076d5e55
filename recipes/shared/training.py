"""One run of a classifier, by any method."""

import keras
import numpy as np

from keras_multimix import MixupModel, MixupSchedule
from keras_multimix.pairing import NeighborPairs
from recipes.datasets.ahead import Ahead
from recipes.datasets.batches import Augmented, SharedBatches, ShuffledRows
from recipes.shared import devices, feeding, processes
from recipes.shared.curves import TestCurve
from recipes.shared.methods import build_mixer, epochs_of
from recipes.shared.resuming import Resuming
from recipes.shared.saved_models import ModelSaver
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
        split: a `recipes.datasets.split.Split`, validation rows held out already.
        method: a `recipes.shared.methods.Method`.
        options: with `epochs`, `batch_size`, `alpha`, `num_interpolations`,
            `output`, `tensorboard`, `checkpoint_every`, `save_models`, and where the
            recipe has them `workers` and `steps_per_execution`.
        run: a `recipes.shared.runner.Run`.
        on_epoch_end: function (logs) called after every epoch with its losses.
        optimizer: function (epochs, steps_per_epoch) -> a Keras optimizer.
        augment: function (images, generator, *, part) -> images, for every batch, as
            `crop_and_flip`; or None.
        make_batches: function (inputs, labels, batch_size, *, copies, seed, share) -> a
            dataset with an attribute `epoch`, of augmented batches; it replaces
            `augment`, but not for partners that are neighbors. Or None.
        warm_up: how many epochs to train plainly before mixing starts.
        num_points: how often to measure on the way.
        last: how many of the last epochs to measure, each.

    Returns:
        The record of the run: `metrics`, `curve` and `reliability`; and
        `before`, the seconds that processes before this one have trained.
    """
    epochs = epochs_of(method, options)
    batches = _batches(split, method, options, run.seed, augment, make_batches)
    if getattr(options, "workers", None):
        batches = Ahead(batches, options.workers)
    model = MixupModel(
        _with_noise(network, split.input_shape, method.noise),
        build_mixer(method, options, run.seed),
        mix_at=list(method.mix_at) or None,
    )
    model.compile(
        optimizer=optimizer(epochs, len(batches)),
        loss=_loss(method),
        steps_per_execution=feeding.steps_per_execution(options),
    )
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
    saver = ModelSaver(network, options, run, curve, split)
    size = {"train": len(split.train_labels), "test": len(split.test_labels)}
    resuming = Resuming(options, run, size, {"curve": curve, "models": saver})

    def data():
        batches.epoch = resuming.epoch
        # Keras would draw an order of the batches, too.
        return {"x": batches, "shuffle": False}

    resuming.fit(model, data, epochs, [*callbacks, saver])
    measured = curve.measured()
    with devices.outside():
        measured["metrics"] |= scaled_measures(network, split)
    saver.save_last(measured["metrics"])
    return {**measured, "before": resuming.before}


def _batches(split, method, options, seed, augment, make_batches):
    """What to train on, whose order follows from the seed and the epoch alone.

    With several processes each takes its own share of every batch.
    """
    share = devices.share()
    x, y = split.train_inputs, split.train_labels
    if method.label_smoothing:
        y = np.eye(split.num_classes, dtype="float32")[y]
    # Each row `copies` times, in batches `copies` times as large: as many steps.
    copies = options.num_interpolations if method.more_rows else 1
    batch_size = options.batch_size * copies
    if method.neighbors:
        same_class = method.neighbors == "same"
        whole = NeighborPairs(
            x, y, batch_size, _NUM_NEIGHBORS, same_class, seed=seed, verbose=False
        )
        if augment is not None:
            whole = Augmented(whole, augment, seed)
        return whole if share == WHOLE else SharedBatches(whole, share)
    make = make_batches or ShuffledRows
    rows = make(x, y, batch_size, copies=copies, seed=seed, share=share)
    return rows if augment is None or make_batches else Augmented(rows, augment, seed)


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

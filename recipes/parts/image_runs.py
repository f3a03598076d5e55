"""One run of a recipe for images: its data, its training and what is measured then."""

import dataclasses
import functools
import time

from recipes.parts.image_options import SCHEDULES
from recipes.shared import checkpoints, devices, precision


def labelled(split, options, seed):
    """Holds out validation images, and makes the labels to learn.

    Args:
        split: all images, a `recipes.datasets.split.Split`.
        options: of the recipe.
        seed: of the run.

    Returns:
        The split with the true labels, and the training labels: the true ones, or with
        `--corrupt` corrupted ones. Labels held out stay true. With `--measure-on
        validation` the images held out stand in the place of the test images.
    """
    from keras_multimix.evaluation import corrupt_labels
    from recipes.datasets.split import hold_out

    split = hold_out(split, options.validation_size, seed)
    if options.measure_on == "validation":
        split = dataclasses.replace(
            split,
            test_inputs=split.validation_inputs,
            test_labels=split.validation_labels,
            validation_inputs=None,
            validation_labels=None,
        )
    if not options.corrupt:
        return split, split.train_labels
    return split, corrupt_labels(
        split.train_labels, options.corrupt, split.num_classes, seed
    )[0]


def learned(split, labels):
    """The rows as a run learns them.

    Args:
        split: with the true labels, as `labelled` gave it.
        labels: the training labels, likewise.
    """
    return dataclasses.replace(split, train_labels=labels)


def of_pixels(network, input_shape, mean, variance):
    """Lets a network of normalised images take pixels in [0, 1].

    Args:
        network: a `keras.Model` that gives logits.
        input_shape: (height, width, channels).
        mean: of the training pixels, one number for each channel.
        variance: theirs.
    """
    import keras

    inputs = keras.Input(input_shape)
    normalized = keras.layers.Normalization(mean=mean, variance=variance)
    # With mixed precision the logits are float32 again.
    as_float32 = keras.layers.Activation("linear", dtype="float32")
    return keras.Model(inputs, as_float32(network(normalized(inputs))))


def build_optimizer(options):
    """A function (epochs, steps_per_epoch) -> SGD with the schedule of the options."""
    from recipes.shared.one_cycle import sgd_one_cycle
    from recipes.shared.optimizers import sgd

    rate, decay = options.learning_rate, options.weight_decay
    if options.schedule == "one_cycle":
        return sgd_one_cycle(rate, decay)
    return sgd(rate, decay, SCHEDULES[options.schedule])


def fit(
    build,
    split,
    labels,
    method,
    run,
    options,
    on_epoch_end,
    *,
    optimizer,
    augment=True,
    make_batches=None,
    num_points=12,
    last=10,
):
    """Trains one network; returns it and its record.

    Args:
        build: function (dropout) -> a network for these images that gives logits.
        split: with the true labels, validation images held out already.
        labels: the training labels.
        method: a `recipes.shared.methods.Method`.
        run: a `recipes.shared.runner.Run`.
        options: of the recipe.
        on_epoch_end: function (logs) called after every epoch with its losses.
        optimizer: function (epochs, steps_per_epoch) -> a Keras optimizer.
        augment: whether images are cropped and flipped at random.
        make_batches: as for `train_classifier`, but not augmented yet.
        num_points: how often to measure on the way, if the options do not say.
        last: how many of the last epochs to measure, if they do not.
    """
    import keras

    from recipes.datasets.batches import crop_and_flip
    from recipes.datasets.device_batches import DeviceRows
    from recipes.shared.training import train_classifier

    keras.utils.set_random_seed(run.seed)
    crop = functools.partial(crop_and_flip, padding=options.padding)
    if augment and make_batches:
        make_batches = functools.partial(_augmented, make_batches, crop)
    elif augment and options.on_device:
        make_batches = functools.partial(DeviceRows, padding=options.padding)
    with precision.computing_in(options.mixed_precision), devices.scope():
        network = build(options.dropout * method.dropout)
        measured = train_classifier(
            network,
            learned(split, labels),
            method,
            options,
            run,
            on_epoch_end,
            optimizer=optimizer,
            augment=crop if augment else None,
            make_batches=make_batches,
            num_points=options.points or num_points,
            last=options.last or last,
        )
    return devices.on_one(network), measured


def _augmented(make_batches, augment, inputs, labels, batch_size, *, seed, **kwargs):
    from recipes.datasets.batches import Augmented

    batches = make_batches(inputs, labels, batch_size, seed=seed, **kwargs)
    return Augmented(batches, augment, seed)


def train(run, options, on_epoch_end, recipe):
    """One run; returns its record.

    Args:
        run: a `recipes.shared.runner.Run`.
        options: of the recipe.
        on_epoch_end: function (logs) called after every epoch with its losses.
        recipe: with the functions `load_data`, `fit` and `build_network`.
    """
    from recipes.parts import robustness

    start = time.process_time()
    split, labels = recipe.load_data(options, run.seed)
    network, measured = recipe.fit(split, labels, run, options, on_epoch_end)
    metrics = measured["metrics"]
    # What training cost, on all cores together: a busy machine does not change it.
    before = measured["before"]["cpu_seconds"]
    metrics["cpu_seconds"] = round(before + time.process_time() - start, 1)
    metrics |= robustness.train_errors(network, split, labels, bool(options.corrupt))
    if not options.no_profile:
        measured["profile"] = robustness.profile(network, split, run.seed)
        metrics |= robustness.profile_means(measured["profile"])
    if options.corruptions:
        found = robustness.corruption_measures(network, split)
        measured["corruptions"] = found
        metrics |= robustness.corruption_means(found)
    if options.attack:
        other = run._replace(method="erm", seed=run.seed + robustness.OTHER_SEED)

        def train_source():
            return recipe.fit(split, labels, other, options, lambda logs: None)[0]

        path = options.output / "sources" / f"{run.dataset}_{run.seed}.weights.h5"
        source = robustness.source_network(
            path, train_source, lambda: recipe.build_network(split, options)
        )
        checkpoints.remove(options.output, other)  # it is kept as a file
        metrics |= robustness.attack_errors(
            network, source, split, options, seed=run.seed
        )
    return measured


def report_and_draw(records, options):
    """Prints the tables and draws the figures."""
    from recipes.parts.masked_gradients import masking_remarks
    from recipes.shared.columns import (
        CORRUPT_COLUMNS,
        LAST_COLUMNS,
        MORE_COLUMNS,
        with_parts,
    )
    from recipes.shared.experiment import setting_of
    from recipes.shared.report import print_report

    title = setting_of(options, options.network)
    if options.corrupt:
        title += f", {100 * options.corrupt:g} % of the labels replaced"
    if options.measure_on == "validation":
        title += ", measured on validation images"
    print_report(
        records,
        title,
        options.output,
        columns=CORRUPT_COLUMNS if options.corrupt else LAST_COLUMNS,
        more_columns=with_parts(records, MORE_COLUMNS),
        reference="erm",
        by_rank=getattr(options, "ablation", False),
    )
    for remark in masking_remarks(records):
        print(remark)

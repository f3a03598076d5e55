"""Trains under a strategy of `tf.distribute`, and prints what its replicas hold.

    python -m tests.distribution.tensorflow_worker '{"runs": [["input", "plain"]]}'

Two virtual devices under `MirroredStrategy`; with the variable TF_CONFIG one of the
processes of a `MultiWorkerMirroredStrategy`. The points say where each step mixes.
"""

import functools
import json
import os
import sys

import tensorflow as tf

if "TF_CONFIG" in os.environ:
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
else:
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * 2
    )
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])

import keras  # noqa: E402

from keras_multimix import MixupModel, MixupSchedule  # noqa: E402
from tests.distribution import by_hand  # noqa: E402

NUM_REPLICAS = 2


def batches(num_steps):
    """The replicas' rows: each batch is divided among those of this process."""
    x, y = by_hand.data(num_steps, NUM_REPLICAS)

    def dataset_of(context):
        own = context.input_pipeline_id if context.num_input_pipelines > 1 else slice(2)
        parts = [each[:, own].reshape(-1, *each.shape[3:]) for each in (x, y)]
        return tf.data.Dataset.from_tensor_slices(tuple(parts)).batch(by_hand.ROWS)

    return strategy.distribute_datasets_from_function(dataset_of)


def per_replica(variable):
    """The values of a variable's copies in this process."""
    copies = strategy.experimental_local_results(variable.value)
    return [copy.numpy() for copy in copies]


def drawn(layer):
    """What the replicas of this process draw in two calls."""

    @tf.function
    def draw():
        rows = tf.zeros((by_hand.ROWS, 1))

        def on_replica():
            found = layer.get_random_transformation(rows)
            return found["partner"], found["coefficients"]

        return strategy.run(on_replica)

    calls = [draw() for _ in range(2)]
    return [
        [copy.numpy().tolist() for copy in strategy.experimental_local_results(part)]
        for call in calls
        for part in call
    ]


def fit_by_hand(model, dataset, num_epochs, schedule):
    """A loop around `train_step`: `fit` of Keras 3 fails in several processes here."""
    with strategy.scope():
        model.optimizer.build(model.trainable_variables)
    schedule.set_model(model)

    @functools.cache
    def step_of(kind):
        return tf.function(
            lambda iterator: strategy.run(model.train_step, args=(next(iterator),))
        )

    iterator, losses = iter(dataset), []
    for epoch in range(num_epochs):
        schedule.on_epoch_begin(epoch)
        model.reset_metrics()
        model.step_kind = model.next_step_kind(model.mixer.random_state)
        logs = step_of(model.step_kind)(iterator)
        (loss,) = strategy.experimental_local_results(logs["loss"])
        losses.append(float(loss))
    return losses


def train(points):
    with strategy.scope():
        base = keras.Sequential(
            [
                keras.Input((by_hand.FEATURES,)),
                keras.layers.Dense(by_hand.UNITS, "relu", name="hidden"),
                keras.layers.Dense(by_hand.CLASSES),
            ]
        )
        base.set_weights(by_hand.first_weights())
        mixed = sorted(set(points) - {"plain"}, reverse=True)  # "input" first
        model = MixupModel(base, by_hand.mixer(), mix_at=mixed)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(by_hand.RATE), loss)
    # One step an epoch: then a schedule can say of each step whether it mixes.
    start = next(i for i, point in enumerate(points) if point != "plain")
    after = [i for i, point in enumerate(points[start:], start) if point == "plain"]
    schedule = MixupSchedule(start, after[0] if after else None)
    dataset = batches(len(points))
    if "TF_CONFIG" in os.environ:
        loss = fit_by_hand(model, dataset, len(points), schedule)
    else:
        history = model.fit(
            dataset,
            epochs=len(points),
            steps_per_epoch=1,
            callbacks=[schedule],
            verbose=0,
        )
        loss = history.history["loss"]
    copies = zip(*[per_replica(each) for each in base.weights], strict=True)
    return {
        "weights": [by_hand.flat(copy) for copy in copies],
        "loss": loss,
        "state": [copy.tolist() for copy in per_replica(model.mixer.random_state)],
    }


if __name__ == "__main__":
    options = json.loads(sys.argv[1])
    found = [train(points) for points in options["runs"]]
    with strategy.scope():
        layer = by_hand.mixer()
    print(json.dumps({"runs": found, "drawn": drawn(layer)}))

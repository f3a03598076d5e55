"""Trains one rank of several, and prints its weights and what it draws.

    python -m tests.distribution.torch_worker RANK PORT WAY '["input", "plain"]'

The way is "model" (a `MixupModel` that trains through `DistributedDataParallel`),
"apart" (the same without), or "loop" (a mixing layer in a loop of one's own, as Keras'
guide to distributed training with PyTorch has it). The points say where steps mix.
"""

import json
import os
import sys
import warnings

import keras
import torch
from torch.nn.parallel import DistributedDataParallel

from keras_multimix import MixupModel, MixupSchedule
from tests.distribution import by_hand

NUM_RANKS = 2


def base_model():
    base = keras.Sequential(
        [
            keras.Input((by_hand.FEATURES,)),
            keras.layers.Dense(by_hand.UNITS, "relu", name="hidden"),
            keras.layers.Dense(by_hand.CLASSES),
        ]
    )
    base.set_weights(by_hand.first_weights())
    return base


def rows_of(rank, num_steps):
    x, y = by_hand.data(num_steps, NUM_RANKS)
    return x[:, rank], y[:, rank]


def fit(rank, points, through):
    base = base_model()
    mixed = sorted(set(points) - {"plain"}, reverse=True)
    model = MixupModel(base, by_hand.mixer(), mix_at=mixed)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(by_hand.RATE), loss)
    if through:
        model.train_through(DistributedDataParallel(base))
    names = [name for name, _ in model.named_parameters()]
    callbacks = []
    if "plain" in points:  # the last step, as an epoch of its own
        callbacks = [MixupSchedule(0, len(points) - 1)]
    x, y = rows_of(rank, len(points))
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        for epoch in range(len(points)):
            model.fit(
                x[epoch],
                y[epoch],
                batch_size=by_hand.ROWS,
                initial_epoch=epoch,
                epochs=epoch + 1,
                shuffle=False,
                callbacks=callbacks,
                verbose=0,
            )
    assert len(names) == len(set(names)) and not any(".module." in n for n in names)
    apart = [str(each.message) for each in raised if "apart" in str(each.message)]
    return base, {"warned": len(apart), "state": model.mixer.random_state.numpy()}


def loop(rank, points):
    base, mixer = base_model(), by_hand.mixer()
    mixer.num_classes = by_hand.CLASSES
    model = DistributedDataParallel(base)
    optimizer = torch.optim.SGD(model.parameters(), lr=by_hand.RATE)
    for x, y in zip(*rows_of(rank, len(points)), strict=True):
        mixed_x, mixed_y = mixer(torch.from_numpy(x), torch.from_numpy(y))
        loss = torch.nn.functional.cross_entropy(model(mixed_x), mixed_y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return base, {"state": mixer.random_state.numpy()}


if __name__ == "__main__":
    rank, port, way, points = (*map(int, sys.argv[1:3]), *sys.argv[3:5])
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.distributed.init_process_group("gloo", rank=rank, world_size=NUM_RANKS)
    points = json.loads(points)
    if way == "loop":
        base, found = loop(rank, points)
    else:
        base, found = fit(rank, points, way == "model")
    drawn = by_hand.mixer().get_random_transformation(torch.zeros(by_hand.ROWS, 1))
    found["coefficients"] = drawn["coefficients"].numpy()
    found = {
        name: getattr(each, "tolist", lambda e=each: e)()
        for name, each in found.items()
    }
    weights = by_hand.flat(base.get_weights())
    torch.distributed.destroy_process_group()
    print(json.dumps(found | {"weights": weights}))

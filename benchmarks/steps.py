"""What a training step of `MixupModel` costs, next to a plain one of as many rows."""

import keras
import numpy as np

from benchmarks.timing import Ratio, ratio, take_turns
from keras_multimix import MixUp, MixupModel, MultiMix
from recipes.networks import preact_resnet

SHAPE = (32, 32, 3)
BATCH = 40
WIDTH = 16
STEPS = 2  # of a turn
COUNTS = (5,)  # K
LATE = "stage_3"


def steps(rounds):
    """The time of a mixing step relative to a plain step.

    It is measured for K = 1, for `keep_batch_size=True`, and for K times the rows.

    Returns:
        (rows, notes): see `report`.
    """
    runs = {"plain": plain(BATCH), "K = 1": mixing(MixUp(1.0, seed=0))}
    limits = {"K = 1": ("plain", 1.02)}
    kept = MultiMix(1.0, 5, keep_batch_size=True, seed=0)
    runs["K = 5, keep_batch_size"] = mixing(kept)
    limits["K = 5, keep_batch_size"] = ("plain", 1.03)
    for count in COUNTS:
        name, reference = f"K = {count}", f"plain, {count} × the rows"
        runs[reference] = plain(count * BATCH)
        runs[name] = mixing(MultiMix(1.0, count, seed=0))
        runs[f"{name}, one at a time"] = in_parts(count)
        limits[name] = (reference, None)
    seconds = take_turns(runs, rounds)
    rows = [
        _row("steps", f"{name}, against {reference}", found, limit)
        for name, (reference, limit) in limits.items()
        for found in [ratio(seconds, name, reference)]
    ]
    for count in COUNTS:
        # How the cost grows: of K, against K times a plain step of B rows.
        name, reference = f"K = {count}", f"plain, {count} × the rows"
        for each, limit in (
            (name, 1.0),
            (f"{name}, one at a time", 1.0),
            (reference, None),
        ):
            found = ratio(seconds, each, "plain", count)
            what = f"{each}, against {count} × plain"
            rows.append(_row("steps", what, found, limit))
    return rows, []


def late(rounds):
    """A step that mixes K = 5 rows of a late layer, next to what its FLOPs say.

    What lies below runs on B rows, what lies above on 5·B: the steps of a model that is
    only the part below, and of one that is only the part above, say what that costs.
    """
    model = network()
    features = model.get_layer(LATE).output
    # A weight to train below, so that the gradient comes down to the features.
    given = keras.Input(features.shape[1:])
    above = keras.Model(features, model.outputs)
    above = keras.Model(given, above(Scaled()(given)))
    generator = np.random.default_rng(0)
    inputs = generator.random((5 * BATCH, *features.shape[1:]), dtype="float32")
    head = keras.layers.GlobalAveragePooling2D()(features)
    below = keras.Model(model.inputs, keras.layers.Dense(10)(head))
    runs = {
        "mixed": mixing(MultiMix(1.0, 5, seed=0), [LATE]),
        "below": training(below, BATCH),
        "above": training(above, 5 * BATCH, inputs),
    }
    seconds = take_turns(runs, rounds)
    seconds["both"] = [
        one + other
        for one, other in zip(seconds["below"], seconds["above"], strict=True)
    ]
    found = ratio(seconds, "mixed", "both")
    what = f"K = 5 at {LATE}, against the parts below and above alone"
    return [_row("late", what, found, 1.10)], []


class Scaled(keras.layers.Layer):
    """Multiplies by one number."""

    def build(self, shape):
        """Makes the number."""
        self.scale = self.add_weight(shape=(), initializer="ones")

    def call(self, x):
        """Returns `x` times the number."""
        return x * self.scale


def network():
    """A new narrow PreAct ResNet-18."""
    keras.utils.set_random_seed(0)
    return preact_resnet.build(SHAPE, 10, width=WIDTH, blocks_per_stage=2)


def plain(rows):
    """A function that trains it plainly on batches of some rows."""
    return training(network(), rows)


def mixing(mixer, mix_at=None):
    """A function that trains it with a mixer on batches of B rows."""
    return training(MixupModel(network(), mixer, mix_at), BATCH)


def in_parts(count):
    """The same with K interpolations, one after another."""
    mixer = MultiMix(1.0, count, seed=0)
    model = MixupModel(network(), mixer, interpolations_at_once=1)
    return training(model, BATCH, accumulated=count)


def training(model, batch_size, x=None, accumulated=None):
    """A function that trains a model for a few steps."""
    generator = np.random.default_rng(0)
    if x is None:
        x = generator.random((batch_size, *SHAPE), dtype="float32")
    x = np.concatenate([x] * STEPS)
    y = np.arange(len(x)) % 10
    compile_for_labels(model, accumulated)
    return lambda: model.fit(x, y, batch_size=batch_size, shuffle=False, verbose=0)


def compile_for_labels(model, accumulated=None):
    """Compiles a model, with an optimizer that may accumulate gradients."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.SGD(
        1e-3, momentum=0.9, gradient_accumulation_steps=accumulated
    )
    model.compile(optimizer, loss)


def _row(section, what, found: Ratio, limit):
    case = f"PreAct ResNet-18, width {WIDTH}, B = {BATCH}"
    own = {"section": section, "mode": "fit", "case": case, "what": what}
    return own | found._asdict() | {"goal": limit}

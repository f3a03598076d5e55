"""Training runs of a regression: methods, their settings, and the choice of these."""

import itertools
import json
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from recipes.shared.whole_files import written_whole

# Of the options: what an error depends on beside the method and its setting.
_SAME = ("backend", "epochs", "batch_size", "learning_rate", "num_interpolations")


@dataclass(frozen=True)
class RegressionMethod:
    """One way to train, with what has to be chosen for it.

    Attributes:
        summary: what it does, in one line.
        mixes: whether it has an α to choose.
        near: where partners of near labels are drawn, "batch" or "set"; None draws
            any, and has no bandwidth to choose.
        interpolates: K rows from each pair.
        more_rows: K times the rows in a step.
        more_epochs: K times the epochs.
    """

    summary: str
    mixes: bool = True
    near: str | None = None
    interpolates: bool = False
    more_rows: bool = False
    more_epochs: bool = False

    def settings(self, options):
        """The (α, bandwidth) to choose from."""
        alphas = options.alphas if self.mixes else [0.0]
        return list(
            itertools.product(alphas, options.bandwidths if self.near else [0.0])
        )


METHODS = {
    "erm": RegressionMethod("plain training", mixes=False),
    "mixup": RegressionMethod("mixup with any partner"),
    "cmixup": RegressionMethod(
        "C-Mixup: partners of near labels in the batch", near="batch"
    ),
    "cmixup_set": RegressionMethod(
        "C-Mixup: partners of near labels in the training set", near="set"
    ),
    "multimix": RegressionMethod("K interpolations per pair", interpolates=True),
    "mixup_matched": RegressionMethod(
        "control: mixup on K times the pairs per step", more_rows=True
    ),
    "erm_long": RegressionMethod(
        "control: plain training for K times the epochs", mixes=False, more_epochs=True
    ),
}


def epochs_of(method, options):
    """Epochs in a run of a method, by its name."""
    times = options.num_interpolations if METHODS[method].more_epochs else 1
    return options.epochs * times


def train(split, name, setting, options, seed, on_epoch_end=lambda logs: None):
    """Trains a network by one method.

    Args:
        split: a `recipes.datasets.numbers.NumberSplit`.
        name: of the method.
        setting: α and the bandwidth, in deviations of the training targets.
        options: with `epochs`, `batch_size`, `learning_rate`, `num_interpolations`.
        seed: of weights, rows and draws.
        on_epoch_end: function (logs) called after every epoch with its losses.

    Returns:
        The root mean squared errors on validation and test rows, in the unit of the
        targets.
    """
    import keras

    from keras_multimix import MixUp, MixupModel, MultiMix
    from keras_multimix.pairing import SimilarLabelPairs, SimilarLabels
    from recipes.networks import mlp

    method, (alpha, bandwidth) = METHODS[name], setting
    keras.utils.set_random_seed(seed)
    network = mlp.build(split.train[0].shape[1:], 1)
    pairing = SimilarLabels(bandwidth) if method.near == "batch" else "shuffle"
    mixer = MixUp(alpha, pairing=pairing, seed=seed)
    if method.interpolates:
        mixer = MultiMix(alpha, options.num_interpolations, seed=seed)
    model = MixupModel(network, mixer)
    model.compile(keras.optimizers.Adam(options.learning_rate), "mse")
    copies = options.num_interpolations if method.more_rows else 1
    batch_size = options.batch_size * copies
    if method.near == "set":
        pairs = SimilarLabelPairs(*split.train, batch_size, bandwidth, seed=seed)
        data = {"x": pairs, "shuffle": False}
    else:
        x, y = (np.repeat(part, copies, axis=0) for part in split.train)
        data = {"x": x, "y": y, "batch_size": batch_size}
    ended = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: on_epoch_end(logs)
    )
    epochs = epochs_of(name, options)
    model.fit(**data, epochs=epochs, verbose=0, callbacks=[ended])
    return [
        _error(network, part, split.unit) for part in (split.validation, split.test)
    ]


def _error(network, rows, unit):
    predicted = network.predict(rows[0], batch_size=1024, verbose=0)[:, 0]
    squares = np.square(predicted.astype("float64") - rows[1])
    return unit * float(np.sqrt(squares.mean()))


def choose(dataset, methods, options, load_split):
    """Chooses α and the bandwidth of each method by the mean error on validation rows.

    What was measured is kept in OUTPUT/chosen.json, so that the same command continues.

    Args:
        dataset: its name.
        methods: names of methods.
        options: as for `train`, with `alphas`, `bandwidths`, `tuning_seeds`, `output`.
        load_split: function (dataset, seed) -> a split.

    Returns:
        A dict method -> (α, bandwidth).
    """
    path = options.output / "chosen.json"
    known = json.loads(path.read_text("utf-8")) if path.exists() else {}
    same = [getattr(options, name) for name in _SAME]

    def key(name, setting, seed):
        return " ".join(map(str, (dataset, name, *setting, seed, *same)))

    settings = {name: METHODS[name].settings(options) for name in methods}
    seeds = range(options.tuning_seeds)
    runs = [
        (name, setting, seed)
        for name in methods
        for setting in settings[name]
        for seed in seeds
        if len(settings[name]) > 1
    ]
    for run in tqdm(runs, desc=f"choosing for {dataset}", unit="run"):
        if key(*run) not in known:
            name, setting, seed = run
            split = load_split(dataset, seed)
            known[key(*run)], _ = train(split, name, setting, options, seed)
            with written_whole(path) as unfinished:
                unfinished.write_text(json.dumps(known, indent=1) + "\n", "utf-8")

    def mean_error(name, setting):
        return np.mean([known.get(key(name, setting, seed), 0.0) for seed in seeds])

    def best(name):
        errors = [mean_error(name, setting) for setting in settings[name]]
        # A setting that has diverged once is the worst: NaN itself has no order.
        return settings[name][np.argmin(np.nan_to_num(errors, nan=np.inf))]

    return {name: best(name) for name in methods}

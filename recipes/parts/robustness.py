"""Measures of a trained image classifier beside its test errors."""

import tempfile
from functools import partial
from pathlib import Path

import numpy as np

from keras_multimix.evaluation import (
    adversarial_error,
    corruption_errors,
    fgsm,
    interpolation_profile,
    iterative_fgsm,
)
from recipes.datasets.corruptions import KINDS, Corruptions
from recipes.datasets.split import some_rows
from recipes.shared import processes
from recipes.shared.curves import predict
from recipes.shared.locks import locked
from recipes.shared.measures import error_rate
from recipes.shared.whole_files import written_whole

OTHER_SEED = 1000  # far from the seeds of the runs: the source is another network
# The iterative one takes ten steps, as in the mixup paper.
_ATTACKS = {"fgsm": fgsm, "ifgsm": partial(iterative_fgsm, steps=10)}
_NUM_PAIRS = 500
_CORRUPTIONS = Corruptions()
_IN_BATCHES = {"batch_size": 500, "verbose": False}


def train_errors(network, split, labels, corrupted):
    """Errors on the training images, without augmentation.

    Args:
        network: gives logits.
        split: with the true labels.
        labels: the labels that were trained on.
        corrupted: whether they may differ from the true ones.

    Returns:
        A dict with `train_error`, on the true labels, and with corrupted labels
        `train_error_corrupted`, on the labels that were trained on.
    """
    logits = predict(network, split.train_inputs)
    errors = {"train_error": error_rate(logits, split.train_labels)}
    if corrupted:
        errors["train_error_corrupted"] = error_rate(logits, labels)
    return errors


def profile(network, split, seed):
    """Misses and gradients between training samples, as lists."""
    found = interpolation_profile(
        network,
        split.train_inputs,
        split.train_labels,
        _NUM_PAIRS,
        seed=seed,
        **_IN_BATCHES,
    )
    return {name: np.asarray(values).tolist() for name, values in found.items()}


def profile_means(profile):
    """The means of a profile over λ."""
    return {
        "profile_misses": float(np.mean(profile["misses"])),
        "profile_gradient": float(np.mean(profile["gradient_norm"])),
    }


def corruption_measures(network, split):
    """Errors and calibration on corrupted test images, of `corruption_errors`."""
    x, y = split.test_inputs, split.test_labels
    return corruption_errors(network, x, y, _CORRUPTIONS, **_IN_BATCHES)


def corruption_means(found):
    """The means over all corruptions, and over the strengths of each kind.

    Returns:
        A dict with `corrupted_error`, `corrupted_ece`, `corrupted_error_noise` and
        so on.
    """
    means = {"corrupted_error": found["mean_error"], "corrupted_ece": found["mean_ece"]}
    for measure in ("error", "ece"):
        for kind in KINDS:
            own = [
                value
                for name, value in found[measure].items()
                if name.rpartition("_")[0] == kind
            ]
            means[f"corrupted_{measure}_{kind}"] = float(np.mean(own))
    return means


def source_network(path, train, build):
    """The plain network of a seed whose examples attack the others.

    Args:
        path: file of its weights; a network is trained and written if there is none.
        train: function () -> a trained network.
        build: function () -> the same network, untrained.
    """
    # Commands with other methods need the same network: the first one trains it.
    with locked(path.with_suffix(".lock")):
        there = processes.is_first() and path.exists()
        weights = processes.of_first(path.read_bytes() if there else b"")
        if not weights:
            network = train()
            if processes.is_first():
                with written_whole(path) as temporary:
                    network.save_weights(temporary)
            return network
    network = build()
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder) / path.name  # the file may be on another host
        own.write_bytes(weights)
        network.load_weights(own)
    return network


def attack_errors(network, source, split, options, seed):
    """Errors on adversarial examples of the test images.

    Args:
        network: the network under attack.
        source: another network, which makes the examples of the black box; None leaves
            them out.
        split: with images in [0, 1].
        options: with `attack`, names of attacks, "noise" among them or not; `epsilon`,
            out of 255, a number or several; and `attack_size`, how many of the test
            images, drawn by the seed, are attacked, or None.
        seed: of that and of the noise.

    Returns:
        A dict with `fgsm_error`, `fgsm_black_box_error` and so on; of several ε each
        name ends in one, as in `fgsm_error_8`.
    """
    x, y = some_rows(split.test_inputs, split.test_labels, options.attack_size, seed)
    several = isinstance(options.epsilon, list)
    errors = {}
    for epsilon in options.epsilon if several else [options.epsilon]:
        end = f"_{epsilon:g}" if several else ""
        for name in options.attack:
            if name == "noise":
                noisy = with_noise(x, epsilon / 255, seed)
                errors[f"noise_error{end}"] = _error(network, x, y, noisy)
                continue
            make = partial(_ATTACKS[name], epsilon=epsilon / 255, **_IN_BATCHES)
            errors[f"{name}_error{end}"] = _error(network, x, y, make)
            if source is None:
                continue
            examples = make(source, x, y)
            errors[f"{name}_black_box_error{end}"] = _error(network, x, y, examples)
    return errors


def with_noise(images, epsilon, seed):
    """Images whose values each moved by ε, up or down at random, within [0, 1].

    As far from the images as examples of FGSM are, but without a gradient.
    """
    signs = 2 * np.random.default_rng(seed).integers(0, 2, images.shape) - 1
    return np.clip(images + epsilon * signs, 0, 1).astype(images.dtype)


def _error(network, x, y, attack):
    return adversarial_error(network, x, y, attack, **_IN_BATCHES)["top1"]

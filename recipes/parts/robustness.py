"""Measures of a trained image classifier beside its test errors."""

from functools import partial

import numpy as np

from keras_multimix.evaluation import (
    adversarial_error,
    fgsm,
    interpolation_profile,
    iterative_fgsm,
)
from recipes.shared import processes
from recipes.shared.curves import predict
from recipes.shared.measures import error_rate
from recipes.shared.whole_files import written_whole

OTHER_SEED = 1000  # far from the seeds of the runs: the source is another network
# The iterative one takes ten steps, as in the mixup paper.
_ATTACKS = {"fgsm": fgsm, "ifgsm": partial(iterative_fgsm, steps=10)}
_NUM_PAIRS = 500


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
        batch_size=500,
        verbose=False,
    )
    return {name: np.asarray(values).tolist() for name, values in found.items()}


def profile_means(profile):
    """The means of a profile over λ."""
    return {
        "profile_misses": float(np.mean(profile["misses"])),
        "profile_gradient": float(np.mean(profile["gradient_norm"])),
    }


def source_network(path, train, build):
    """The plain network of a seed whose examples attack the others.

    Args:
        path: file of its weights; a network is trained and written if there is none.
        train: function () -> a trained network.
        build: function () -> the same network, untrained.
    """
    if processes.agreed(path.exists()):
        network = build()
        network.load_weights(path)
        return network
    network = train()
    if processes.is_first():
        with written_whole(path) as temporary:
            network.save_weights(temporary)
    return network


def attack_errors(network, source, split, attacks, epsilon):
    """Errors on adversarial examples of the test images.

    Args:
        network: the network under attack.
        source: another network, which makes the examples of the black box.
        split: with images in [0, 1].
        attacks: "fgsm", "ifgsm" or both.
        epsilon: largest change of a value.
    """
    x, y = split.test_inputs, split.test_labels
    options = {"batch_size": 500, "verbose": False}
    errors = {}
    for name in attacks:
        make = partial(_ATTACKS[name], epsilon=epsilon, **options)
        white = adversarial_error(network, x, y, make, **options)
        black = adversarial_error(network, x, y, make(source, x, y), **options)
        errors[f"{name}_error"] = white["top1"]
        errors[f"{name}_black_box_error"] = black["top1"]
    return errors

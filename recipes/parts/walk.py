"""An example of multi-mix on two real digits: an ordered walk between them."""

import numpy as np

from keras_multimix import MultiMix
from keras_multimix.evaluation import plot_examples
from recipes.datasets import digits


def save_example_walk(path, num_interpolations):
    """Draws K mixtures of a zero and a one, ordered from the first to the second."""
    images, labels = digits.load()
    pair = np.stack([images[np.argmax(labels == digit)] for digit in (0, 1)])
    # α = 1 spreads λ evenly, which shows the order best; rolling two rows makes
    # each the other's partner.
    layer = MultiMix(1.0, num_interpolations, pairing="roll", num_classes=10, seed=0)
    transformation = layer.get_random_transformation(pair, training=True, step=0)
    mixed = np.asarray(layer.apply(pair, transformation))[:num_interpolations]
    coefficients = np.asarray(transformation["coefficients"])[0]
    walk = np.concatenate([pair[:1], mixed, pair[1:]])
    titles = [f"λ = {λ:.2f}" for λ in (1.0, *coefficients, 0.0)]
    # Dark digits on a white ground are easier to see.
    figure = plot_examples(1 - walk, titles, num_columns=len(walk))
    figure.suptitle(
        f"MultiMix(alpha=1.0, num_interpolations={num_interpolations}): "
        "λ · image + (1 - λ) · partner"
    )
    figure.savefig(path, dpi=120)

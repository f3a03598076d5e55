"""Regularizers and `add_loss` in the networks of a MixupGAN, against NumPy."""

import keras
import numpy as np
import pytest

from keras_multimix import MixupGAN
from tests.models.gan_oracle import Oracle, assert_stepped_by_hand, network, rows

DECAY, SIZE = 0.7, 0.9


class MeanSquare(keras.layers.Layer):
    """Adds to the loss what it passes on."""

    def call(self, x):
        self.add_loss(SIZE * keras.ops.mean(keras.ops.square(x)))
        return x


def penalized(inputs, outputs):
    """A `network` whose first kernel and whose hidden outputs are kept small."""
    plain = network(inputs, outputs)
    hidden, last = plain.layers
    hidden.kernel_regularizer = keras.regularizers.L2(DECAY)
    hidden.kernel.regularizer = hidden.kernel_regularizer
    return keras.Sequential([keras.Input((inputs,)), hidden, MeanSquare(), last])


class PenalizedOracle(Oracle):
    """The same by hand; a network's penalty counts in its own loss only."""

    @staticmethod
    def penalty(weights, x):
        hidden = np.maximum(x @ weights[0] + weights[1], 0)
        return DECAY * np.square(weights[0]).sum() + SIZE * np.square(hidden).mean()

    def discriminator_loss(self, real, latent, λ):
        loss = super().discriminator_loss(real, latent, λ)
        if self.of_generator:
            return loss
        fake = self.run(self.generator, latent)
        seen = [real, fake] if self.gan.alpha == 0 else [λ * real + (1 - λ) * fake]
        return loss + np.mean([self.penalty(self.discriminator, x) for x in seen])

    def generator_loss(self, real, latent, λ):
        self.of_generator = True
        loss = super().generator_loss(real, latent, λ)
        self.of_generator = False
        return loss + self.penalty(self.generator, latent)

    of_generator = False


@pytest.mark.parametrize("run_eagerly", [False, True])
@pytest.mark.parametrize(
    ("alpha", "kind"),
    [(0.0, "non_saturating"), (0.2, "non_saturating"), (0.2, "min_max")],
)
def test_they_count_in_the_loss_of_their_own_network(alpha, kind, run_eagerly):
    networks = penalized(2, 3), penalized(3, 1)
    gan = MixupGAN(*networks, alpha, 2, generator_loss=kind, seed=3)
    SGD = keras.optimizers.SGD
    gan.compile(SGD(0.1), SGD(0.2), run_eagerly=run_eagerly)
    oracle = PenalizedOracle(gan, SGD(0.1), SGD(0.2))
    gan.fit(rows(4), batch_size=4, epochs=2, verbose=0, shuffle=False)
    for _ in range(2):
        oracle.step(rows(4))
    assert_stepped_by_hand(gan, oracle)

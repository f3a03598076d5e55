"""Small GANs, and what their training has to give, computed by hand."""

import keras
import numpy as np

from keras_multimix import MixupGAN, coefficients, namespaces, randomness
from tests.helpers import in_numpy


def network(inputs, outputs, width=8, layers=1, activation=None):
    """A net whose weights are the same on every backend."""
    hidden = [keras.layers.Dense(width, activation="relu") for _ in range(layers)]
    last = keras.layers.Dense(outputs, activation=activation)
    net = keras.Sequential([keras.Input((inputs,)), *hidden, last])
    generator = np.random.default_rng(0)
    net.set_weights([generator.normal(0, 0.4, w.shape) for w in net.get_weights()])
    return net


def make(alpha=0.2, steps=2, seed=1, layers=1, **kwargs):
    networks = network(2, 3), network(3, 1, layers=layers)
    gan = MixupGAN(*networks, alpha, steps, seed=seed, **kwargs)
    gan.compile(keras.optimizers.SGD(0.1), keras.optimizers.Adam(1e-2))
    return gan


def rows(count=16):
    return np.random.default_rng(2).normal(size=(count, 3)).astype("float32")


def weights_of(gan):
    return [*gan.generator.get_weights(), *gan.discriminator.get_weights()]


def assert_same(gan, other, rtol=0.0):
    for ours, theirs in zip(weights_of(gan), weights_of(other), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=rtol)
    np.testing.assert_array_equal(
        in_numpy(gan.random_state), in_numpy(other.random_state)
    )


def oracle_cross_entropy(logits, targets):
    p = 1 / (1 + np.exp(-np.asarray(logits, "float64")))
    return float(np.mean(-targets * np.log(p) - (1 - targets) * np.log(1 - p)))


class Oracle:
    """A GAN of `network`s trained by hand: float64 NumPy and plain Keras optimizers.

    Gradients are finite differences of the loss, and the optimizers step on weights of
    their own, so nothing of the GAN's training step takes part.
    """

    def __init__(self, gan, generator_optimizer, discriminator_optimizer):
        self.gan = gan
        self.optimizers = generator_optimizer, discriminator_optimizer
        networks = gan.generator, gan.discriminator
        self.variables = [
            [keras.Variable(w, dtype="float32") for w in each.get_weights()]
            for each in networks
        ]
        for optimizer, variables in zip(self.optimizers, self.variables, strict=True):
            optimizer.build(variables)
        self.read()
        self.state = np.array(in_numpy(gan.random_state))

    def read(self):
        self.generator, self.discriminator = (
            [in_numpy(v.value).astype("float64") for v in each]
            for each in self.variables
        )

    def draws(self, count):
        ops = namespaces.numpy_ops
        state, self.state = self.state, self.state + np.array([0, 0, 1], "int32")
        flat = randomness.normals(state, np.arange(2 * count, dtype="int32"), ops)
        table = coefficients.quantile_table(self.gan.alpha)
        ids = np.arange(count, dtype="int32")
        λ = coefficients.sample_coefficients(state, ids, table, 1, "independent", ops)
        return flat.reshape(count, 2).astype("float64"), λ.astype("float64")

    @staticmethod
    def run(weights, x):
        hidden = np.maximum(x @ weights[0] + weights[1], 0)
        return hidden @ weights[2] + weights[3]

    def discriminator_loss(self, real, latent, λ):
        fake = self.run(self.generator, latent)
        if self.gan.alpha == 0:
            parts = (
                oracle_cross_entropy(self.run(self.discriminator, x)[:, 0], t)
                for x, t in ((real, 1.0), (fake, 0.0))
            )
            return sum(parts) / 2
        blend = λ * real + (1 - λ) * fake
        return oracle_cross_entropy(self.run(self.discriminator, blend)[:, 0], λ[:, 0])

    def generator_loss(self, real, latent, λ):
        if self.gan.generator_loss == "min_max":
            return -self.discriminator_loss(real, latent, λ)
        fake = self.run(self.generator, latent)
        return oracle_cross_entropy(self.run(self.discriminator, fake)[:, 0], 1.0)

    def descend(self, number, loss):
        weights = (self.generator, self.discriminator)[number]
        gradients = []
        for weight in weights:
            gradient = np.zeros_like(weight)
            for index in np.ndindex(weight.shape):
                before = weight[index]
                values = []
                for shift in (1e-6, -1e-6):
                    weight[index] = before + shift
                    values.append(loss())
                weight[index] = before
                gradient[index] = (values[0] - values[1]) / 2e-6
            gradient *= self.optimizers[number].scale_loss(1.0)
            gradients.append(keras.ops.convert_to_tensor(gradient.astype("float32")))
        self.optimizers[number].apply(gradients, self.variables[number])
        self.read()

    def step(self, real):
        for _ in range(self.gan.discriminator_steps):
            draws = self.draws(len(real))
            self.descend(1, lambda draws=draws: self.discriminator_loss(real, *draws))
        draws = self.draws(len(real))
        self.descend(0, lambda: self.generator_loss(real, *draws))

    def epoch(self, real, batch_size):
        for start in range(0, len(real), batch_size):
            self.step(real[start : start + batch_size])

    def finalize(self):
        for optimizer, variables in zip(self.optimizers, self.variables, strict=True):
            optimizer.finalize_variable_values(variables)
        self.read()


def assert_stepped_by_hand(gan, oracle, atol=2e-4):
    expected = [*oracle.generator, *oracle.discriminator]
    for ours, theirs in zip(weights_of(gan), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=atol)

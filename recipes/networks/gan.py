"""Generators and discriminators of the GAN recipe."""

import keras


def perceptrons(width=512, depth=3, latent=2, outputs=2):
    """The mixup paper's networks for points: hidden layers of ReLU.

    Args:
        width: units of a hidden layer, 512 in the paper.
        depth: hidden layers of each, 3 in the paper.
        latent: dimensions of z, 2 in the paper.
        outputs: dimensions of a point.

    Returns:
        (generator, discriminator), `keras.Model`s; the discriminator gives a logit.
    """

    def build(inputs, outputs, name):
        hidden = [keras.layers.Dense(width, activation="relu") for _ in range(depth)]
        return keras.Sequential(
            [keras.Input((inputs,)), *hidden, keras.layers.Dense(outputs)], name=name
        )

    return build(latent, outputs, "generator"), build(outputs, 1, "discriminator")


def dcgan(width=32, latent=64):
    """A small DCGAN for 28 × 28 × 1 images in [-1, 1] (Radford et al., 1511.06434).

    As there: strided convolutions, batch normalization, leaky ReLU in the
    discriminator. Its discriminator has no batch normalization: a batch of mixtures
    would be normalised by other moments than one of generated images.

    Args:
        width: channels of the last hidden layer of the generator and the first of the
            discriminator.
        latent: dimensions of z.

    Returns:
        (generator, discriminator), `keras.Model`s; the discriminator gives a logit.
    """
    layers = keras.layers
    generator = [keras.Input((latent,)), layers.Dense(7 * 7 * 2 * width)]
    generator += [layers.Reshape((7, 7, 2 * width)), layers.BatchNormalization()]
    generator += [layers.ReLU(), layers.Conv2DTranspose(width, 4, 2, padding="same")]
    generator += [layers.BatchNormalization(), layers.ReLU()]
    generator += [layers.Conv2DTranspose(1, 4, 2, padding="same", activation="tanh")]
    discriminator = [keras.Input((28, 28, 1))]
    for channels in (width, 2 * width):
        discriminator += [layers.Conv2D(channels, 4, 2, padding="same")]
        discriminator += [layers.LeakyReLU(0.2)]
    discriminator += [layers.Flatten(), layers.Dense(1)]
    return (
        keras.Sequential(generator, name="generator"),
        keras.Sequential(discriminator, name="discriminator"),
    )

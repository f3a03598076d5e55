"""The VGG-11 of the mixup paper's speech experiments."""

import keras

from recipes.networks.preactivation import activate, convolve


def build(input_shape, num_classes, width=64):
    """Eight convolutions and two fully connected layers; the outputs are logits.

    The mixup paper says no more than "VGG-11 with two fully connected layers" of
    spectrograms of 160 × 101; the convolutions are configuration A of Simonyan and
    Zisserman, arXiv 1409.1556. Batch normalization and the 512 units of the hidden
    layer follow a public PyTorch implementation for the same data,
    github.com/adiyoss/GCommandsPytorch. Unlike it, the convolutions have no biases,
    which batch normalization would take away again, and a ReLU stands between the two
    fully connected layers, without which they would be one linear map.

    For 160 × 101 × 1 spectrograms and 30 classes: 13 170 142 parameters to train,
    2 325 365 760 multiply-adds a spectrogram.

    Args:
        input_shape: (height, width, channels) of a spectrogram, at least 32 × 32.
        num_classes: number of logits.
        width: channels of the first convolution; the last four and the hidden layer
            have 8 times as many.

    Returns:
        A `keras.Model`, spectrograms (B, *input_shape) -> (B, num_classes).
    """
    inputs = x = keras.Input(input_shape)
    for factors in [(1,), (2,), (4, 4), (8, 8), (8, 8)]:
        for factor in factors:
            x = activate(convolve(x, factor * width))
        x = keras.layers.MaxPooling2D()(x)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(8 * width, activation="relu")(x)
    outputs = keras.layers.Dense(num_classes)(x)
    return keras.Model(inputs, outputs, name="vgg")

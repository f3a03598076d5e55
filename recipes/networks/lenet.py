"""The LeNet of the mixup paper's speech experiments."""

import keras


def build(input_shape, num_classes, width=20, dropout=0.0):
    """Two convolutions and one hidden layer; the outputs are logits.

    The mixup paper says no more than "LeNet" of spectrograms of 160 × 101. Sizes and
    order follow a public PyTorch implementation for the same data,
    github.com/adiyoss/GCommandsPytorch; it has both dropouts, at a rate of 0.5, of
    which the paper says nothing.

    For 160 × 101 × 1 spectrograms and 30 classes: 16 321 570 parameters to train,
    56 436 000 multiply-adds a spectrogram.

    Args:
        input_shape: (height, width, channels) of a spectrogram, at least 16 × 16.
        num_classes: number of logits.
        width: channels of both convolutions; the hidden layer has 50 times as many
            units.
        dropout: rate of the dropout of whole channels after the second convolution and
            of that of single units after the hidden layer.

    Returns:
        A `keras.Model`, spectrograms (B, *input_shape) -> (B, num_classes).
    """
    inputs = keras.Input(input_shape)
    x = keras.layers.Conv2D(width, 5)(inputs)
    x = keras.layers.ReLU()(keras.layers.MaxPooling2D()(x))
    x = keras.layers.Conv2D(width, 5)(x)
    x = keras.layers.SpatialDropout2D(dropout)(x)
    x = keras.layers.ReLU()(keras.layers.MaxPooling2D()(x))
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(50 * width, activation="relu")(x)
    x = keras.layers.Dropout(dropout)(x)
    outputs = keras.layers.Dense(num_classes)(x)
    return keras.Model(inputs, outputs, name="lenet")

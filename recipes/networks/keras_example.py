"""The small convolutional network of keras.io's example of mixup."""

import keras


def build(input_shape, num_classes):
    """Two convolutions, each pooled, and one hidden layer; the outputs are logits.

    Of Sayak Paul, "MixUp augmentation for image classification", keras.io, whose last
    layer ends in a softmax.

    For 28 × 28 × 1 images and 10 classes: 18 762 parameters to train,
    1 054 976 multiply-adds an image.

    Args:
        input_shape: (height, width, channels) of an image, from 16 × 16 pixels on.
        num_classes: number of logits.

    Returns:
        A `keras.Sequential`, images (B, *input_shape) in [0, 1] -> (B, num_classes).
    """
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(input_shape),
            layers.Conv2D(16, 5, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 5, activation="relu"),
            layers.MaxPooling2D(),
            layers.Dropout(0.2),
            layers.GlobalAveragePooling2D(),
            layers.Dense(128, activation="relu"),
            layers.Dense(num_classes),
        ],
        name="keras_example",
    )

"""A convolutional network for images of a few pixels: about 20 000 weights."""

import keras


def build(image_shape, num_classes):
    """Two convolutions and one hidden layer; the outputs are logits.

    Args:
        image_shape: (height, width, channels), at least 5 × 5 pixels.
        num_classes: number of logits.

    Returns:
        A `keras.Sequential`, images (B, *image_shape) in [0, 1] -> (B, num_classes).
    """
    return keras.Sequential(
        [
            keras.Input(image_shape),
            keras.layers.Conv2D(8, 3, activation="relu"),
            keras.layers.Conv2D(16, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(num_classes),
        ],
        name="small_conv",
    )

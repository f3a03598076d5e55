"""The multilayer perceptron of the mixup paper's UCI experiments."""

import keras


def build(input_shape, num_classes, width=128):
    """Two hidden layers of `width` ReLU; the outputs are logits.

    Args:
        input_shape: shape of a row; flattened.
        num_classes: number of logits.
        width: units of each hidden layer, 128 in the paper.

    Returns:
        A `keras.Sequential`, rows (B, *input_shape) -> (B, num_classes).
    """
    return keras.Sequential(
        [
            keras.Input(input_shape),
            keras.layers.Flatten(),
            keras.layers.Dense(width, activation="relu"),
            keras.layers.Dense(width, activation="relu"),
            keras.layers.Dense(num_classes),
        ],
        name="mlp",
    )

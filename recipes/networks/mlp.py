"""The multilayer perceptron of the mixup paper's UCI experiments."""

import keras


def build(input_shape, num_classes, width=128, dropout=0.0):
    """Two hidden layers of `width` ReLU; the outputs are logits.

    Args:
        input_shape: shape of a row; flattened.
        num_classes: number of logits.
        width: units of each hidden layer, 128 in the paper.
        dropout: rate of the dropout after each hidden layer.

    Returns:
        A `keras.Sequential`, rows (B, *input_shape) -> (B, num_classes).
    """
    network = keras.Sequential(
        [keras.Input(input_shape), keras.layers.Flatten()], name="mlp"
    )
    for _ in range(2):
        network.add(keras.layers.Dense(width, activation="relu"))
        if dropout:
            network.add(keras.layers.Dropout(dropout))
    network.add(keras.layers.Dense(num_classes))
    return network

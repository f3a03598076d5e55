"""Small nets whose weights every backend has alike."""

import keras
import numpy as np


def with_weights(model, seed=0, scale=0.5):
    rng = np.random.default_rng(seed)
    model.set_weights([scale * rng.normal(size=w.shape) for w in model.get_weights()])
    return model


def dense(ending="logits", size=6, classes=4):
    """Two layers of weights; `ending` says how the scores come."""
    inputs = keras.Input((size,))
    x = keras.layers.Dense(8, "tanh")(inputs)
    if ending == "dense softmax":
        outputs = keras.layers.Dense(classes, "softmax")(x)
    else:
        outputs = keras.layers.Dense(classes)(x)
    if ending == "softmax layer":
        outputs = keras.layers.Softmax()(outputs)
    if ending == "activation layer":
        outputs = keras.layers.Activation("softmax")(outputs)
    return with_weights(keras.Model(inputs, outputs))


class Subclassed(keras.Model):
    """Probabilities from a model that shows no graph."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def call(self, x):
        return keras.ops.softmax(self.inner(x))


def conv():
    inputs = keras.Input((6, 6, 3))
    x = keras.layers.Conv2D(4, 3, activation="relu")(inputs)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Flatten()(keras.layers.Dropout(0.5)(x))
    model = keras.Model(inputs, keras.layers.Dense(7)(x))
    weights = model.get_weights()
    with_weights(model)
    moving = model.get_weights()
    moving[5] = np.ones_like(weights[5])  # a variance is no negative number
    model.set_weights(moving)
    return model


def rows(shape=(6,), classes=4, count=20, seed=1):
    rng = np.random.default_rng(seed)
    x = rng.uniform(size=(count, *shape)).astype("float32")
    return x, rng.integers(0, classes, count)

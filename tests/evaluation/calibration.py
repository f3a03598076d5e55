"""What calibration is held against, in NumPy, and models and rows for it."""

import keras
import numpy as np
from keras import ops

from tests.evaluation import nets

C = 4
quiet = {"verbose": False}


def sample(rng, shape, classes=C, scale=1.0):
    """Logits, and labels drawn from the softmax of them divided by `scale`: T ≈ it."""
    z = 2 * rng.normal(size=(*shape, classes))
    p = softmax(z)
    y = (p.cumsum(axis=-1) < rng.random((*shape, 1))).sum(axis=-1)
    return (scale * z).astype("float32"), np.minimum(y, classes - 1)


def softmax(z):
    p = np.exp(z - z.max(axis=-1, keepdims=True))
    return p / p.sum(axis=-1, keepdims=True)


def nll(z, target, temperature):
    z = np.float64(z) / temperature
    z = z - z.max(axis=-1, keepdims=True)
    logarithms = z - np.log(np.exp(z).sum(axis=-1, keepdims=True))
    return -(target * logarithms).sum(axis=-1).mean()


def on_grid(z, target):
    """The best temperature from 0.001 to 1000, to 0.02 %, of a grid and a finer one."""
    low, high = np.log([1e-3, 1e3])
    for _ in range(2):
        grid = np.linspace(low, high, 500)
        best = np.argmin([nll(z, target, t) for t in np.exp(grid)])
        low, high = grid[best - 1], grid[best + 1]
    return np.exp(grid[best])


def rows_for(model, x=None):
    """Inputs, and labels that a model gets right half of the time."""
    x = nets.rows(count=60)[0] if x is None else x
    y = model.predict(x, verbose=0).argmax(axis=-1)
    y[::2] = np.arange(len(y[::2])) % C
    return x, y


def identity(ending, units=C):
    """A model whose logits are its inputs, up to an ending."""
    own = ending in ("dense softmax", "dense sigmoid")
    inputs = keras.Input((units,))
    dense = keras.layers.Dense(
        units, ending.split()[1] if own else None, kernel_initializer="identity"
    )
    return keras.Model(inputs, ENDINGS[ending](dense(inputs)))


ENDINGS = {
    "logits": lambda z: z,
    "dense softmax": lambda z: z,
    "dense sigmoid": lambda z: z,
    "softmax layer": lambda z: keras.layers.Softmax()(z),
    "softmax of axis 1": lambda z: keras.layers.Softmax(axis=1)(z),
    "activation layer": lambda z: keras.layers.Activation("softmax")(z),
    "softmax of keras.ops": lambda z: ops.softmax(z),
    "softmax, then float32": lambda z: keras.layers.Activation("linear")(
        keras.layers.Dropout(0.1)(keras.layers.Activation("softmax")(z))
    ),
    "sigmoid layer": lambda z: keras.layers.Activation("sigmoid")(z),
    "sigmoid of keras.ops": lambda z: ops.sigmoid(z),
    "log-softmax": lambda z: ops.log_softmax(z),
}
WITH_SOFTMAX = [name for name in ENDINGS if "softmax" in name and "log" not in name]
WITH_SIGMOID = [name for name in ENDINGS if "sigmoid" in name]

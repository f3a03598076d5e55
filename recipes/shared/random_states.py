"""The random states that belong to no model: Python's, NumPy's and PyTorch's."""

import random

import keras
import numpy as np


def random_states():
    """All of them, as JSON.

    Keras shuffles arrays and batches with them, and its layers without a seed draw from
    PyTorch's on that backend.
    """
    version, words, gauss = random.getstate()
    numbers = np.random.get_state(legacy=False)
    states = {
        "python": [version, list(words), gauss],
        "numpy": {
            **numbers,
            "state": {**numbers["state"], "key": numbers["state"]["key"].tolist()},
        },
    }
    if keras.backend.backend() == "torch":
        import torch

        states["torch"] = torch.get_rng_state().tolist()
        if torch.cuda.is_available():
            states["cuda"] = [each.tolist() for each in torch.cuda.get_rng_state_all()]
    return states


def set_random_states(states):
    """Sets what `random_states` gave."""
    version, words, gauss = states["python"]
    random.setstate((version, tuple(words), gauss))
    numbers = states["numpy"]
    key = np.array(numbers["state"]["key"], dtype="uint32")
    np.random.set_state({**numbers, "state": {**numbers["state"], "key": key}})
    if "torch" in states and keras.backend.backend() == "torch":
        import torch

        torch.set_rng_state(torch.tensor(states["torch"], dtype=torch.uint8))
        if "cuda" in states and torch.cuda.is_available():
            as_bytes = (torch.tensor(x, dtype=torch.uint8) for x in states["cuda"])
            torch.cuda.set_rng_state_all(list(as_bytes))

"""Calls of a layer that can skip what Keras does around the layer's `call`.

PyTorch runs eagerly. There Keras' `__call__` takes as long as mixing a small batch
(keras#22561), and PyTorch's compiler has to trace all of it. If a mixing layer gets
tensors and no other layer is calling it, `__call__` changes nothing, so the mixing
layer runs its `call` directly. Only protected methods of Keras' layers tell whether
another layer is calling. If Keras takes these methods away, every call goes through
Keras.
"""

import keras

PROTECTED_METHODS = ("_get_call_context", "_maybe_reset_call_context")


def can_skip_keras_call(layer, leaves):
    """Whether PyTorch runs, all inputs are its tensors, and no other layer is calling.

    Args:
        layer: The layer that is called.
        leaves: A list of arrays and tensors.
    """
    if keras.backend.backend() != "torch":
        return False
    import torch

    if not all(isinstance(leaf, torch.Tensor) for leaf in leaves) or not all(
        hasattr(layer, method) for method in PROTECTED_METHODS
    ):
        return False
    context = layer._get_call_context()
    layer._maybe_reset_call_context()
    return context.entry_layer is layer

"""Calls that need nothing of what Keras does around a layer's `call`.

PyTorch runs eagerly, and there Keras' `__call__` takes as long as mixing a small batch;
PyTorch's compiler has to trace it. Where no other layer is being called, it does
nothing for a mixing layer of tensors, so that `call` may be called itself. Only
protected methods of Keras' layers know whether another one is being called; without
them every call goes through Keras.
"""

import keras

PROTECTED_METHODS = ("_get_call_context", "_maybe_reset_call_context")


def can_skip_keras_call(layer, leaves):
    """Whether a call on PyTorch's tensors comes from no other layer or model.

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

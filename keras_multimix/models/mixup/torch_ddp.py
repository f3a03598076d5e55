"""Training a base model through PyTorch's `DistributedDataParallel`.

The wrapper averages the gradients over the ranks, but only if the forward pass goes
through the wrapper. Keras' training step calls the model itself.
"""

import sys
import warnings

import keras

from keras_multimix.arguments import invalid


def check_wrapper(wrapper, base_model):
    """Refuses a wrapper of anything but a base model.

    Args:
        wrapper: The argument that the caller passed:
            `DistributedDataParallel(base_model)` or None.
        base_model: The model that it should wrap.

    Raises:
        ValueError: If it does not wrap `base_model`, or the backend is not PyTorch.
    """
    if wrapper is None:
        return
    if keras.backend.backend() != "torch":
        raise invalid(
            "call of `train_through`",
            expected="the PyTorch backend",
            received=f"the backend {keras.backend.backend()!r}",
            fix="use `keras.distribution` on JAX and `tf.distribute` on TensorFlow, "
            "which need no wrapper",
        )
    if not callable(wrapper) or getattr(wrapper, "module", None) is not base_model:
        raise invalid(
            "argument `wrapper`",
            expected="a wrapper of this model's `base_model`",
            received=f"{type(wrapper).__name__}",
            fix="pass `torch.nn.parallel.DistributedDataParallel(model.base_model)`",
        )


def warn_if_apart(wrapper):
    """Warns if several ranks train without averaging their gradients.

    Nothing in the results would show it.
    """
    distributed = sys.modules.get("torch.distributed")
    if wrapper is not None or keras.backend.backend() != "torch" or not distributed:
        return
    if not distributed.is_available() or not distributed.is_initialized():
        return
    if distributed.get_world_size() > 1:
        warnings.warn(
            "The ranks of torch.distributed train apart: Keras does not average their "
            "gradients. Call `model.train_through(DistributedDataParallel("
            "model.base_model))` before `fit`.",
            stacklevel=3,
        )

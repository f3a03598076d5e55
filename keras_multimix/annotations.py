"""The names of types in signatures that Python has no name for.

Arrays and tensors of NumPy, TensorFlow, JAX and PyTorch have no type in common, and
neither have the modules whose functions they go through.
"""

from typing import Any, TypeAlias

# An array of NumPy or a tensor of a backend.
Tensor: TypeAlias = Any
# A tensor, or dicts, lists and tuples of tensors.
Structure: TypeAlias = Any
# `keras.ops`, or a namespace with functions of the same names.
Ops: TypeAlias = Any
# int32 of shape `(3,)`, two key words and the step; or a tuple of these three.
State: TypeAlias = Any
# What one draw holds: `"partner"`, `"coefficients"` and what else a layer needs.
Transformation: TypeAlias = dict[str, Tensor]

"""Splits a caller's batch into inputs, labels, masks and weights, and checks it."""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import tree

from keras_multimix.annotations import Ops, Tensor
from keras_multimix.arguments import invalid
from keras_multimix.namespaces import numpy_ops

_LABEL_KEYS = ("labels", "label")
_MASK_KEYS = ("segmentation_masks", "segmentation_mask")
_NO_LABEL_KEYS = ("y", "y_true", "target", "targets", "class", "classes")
_NO_MASK_KEYS = ("mask", "masks", "segmentation", "segmentations")
_WEIGHT_KEYS = ("sample_weights", "sample_weight")
_BOX_KEYS = ("bounding_boxes", "bounding_box", "boxes")

_KINDS = {"int": (8, 16, 32, 64), "uint": (8, 16, 32, 64), "float": (16, 32, 64)}
_NUMBERS = ["bool", *(f"{kind}{n}" for kind, sizes in _KINDS.items() for n in sizes)]
# The dtypes that are common here, and their names.
_NAMES: dict[Any, str] = {np.dtype(name): name for name in _NUMBERS}
if keras.backend.backend() == "torch":
    import torch

    _NAMES |= {
        getattr(torch, n): n for n in (*_NUMBERS, "bfloat16") if hasattr(torch, n)
    }

FORMS = "(x, y), (x, y, sample_weight), or a dict such as {'images': …, 'labels': …}"


@dataclasses.dataclass
class Batch:
    """The parts of a batch, each a nested structure of arrays or None.

    Attributes:
        inputs: What a model is fed.
        labels: What it is to predict.
        masks: Labels with spatial axes.
        sample_weight: Weights of the rows.
        pack: Puts four such parts back into the structure that the caller used.
        kept: What is not averaged, and so in none of the parts; or None.
        parts: The four parts in order.
        part_leaves: The arrays of each, a list of lists.
        input_leaves: The arrays of the inputs.
        leaves: The arrays of all parts.
    """

    inputs: Any
    labels: Any
    masks: Any
    sample_weight: Any
    pack: Callable | None = None
    kept: Any = None

    def __post_init__(self):
        self.parts = (self.inputs, self.labels, self.masks, self.sample_weight)
        # Flattened once, however many ask for its arrays.
        self.part_leaves = [leaves_of(part) for part in self.parts]
        self.input_leaves = self.part_leaves[0]
        self.leaves = [leaf for leaves in self.part_leaves for leaf in leaves]


def leaves_of(structure):
    """Returns the arrays of a nested structure, without its Nones."""
    # Walking over a tree, even of a single leaf, costs as much as mixing a small batch.
    if structure is None:
        return []
    if hasattr(structure, "shape") and hasattr(structure, "dtype"):
        return [structure]
    return [leaf for leaf in tree.flatten(structure) if leaf is not None]


def map_leaves(function, *structures):
    """Maps a function over the arrays of structures; None stays None."""
    first = structures[0]
    if first is None:
        return None
    if hasattr(first, "shape") and hasattr(first, "dtype"):
        return function(*structures)
    return tree.map_structure(
        lambda *leaves: None if leaves[0] is None else function(*leaves), *structures
    )


def split(x, y=None, sample_weight=None):
    """Sorts a call's arguments into the parts of a `Batch`.

    Args:
        x: The inputs; or, without `y` and `sample_weight`, a tuple or list `(x, y)`
            or `(x, y, sample_weight)`, or a dict that holds the whole batch.
        y: The labels, or None.
        sample_weight: The rows' weights, or None.

    Returns:
        A `Batch`.

    Raises:
        ValueError: If a tuple has more than three parts, or a dict holds boxes.
    """
    if y is None and sample_weight is None:
        if isinstance(x, dict):
            return _split_dict(x)
        if isinstance(x, (tuple, list)):
            return _split_sequence(x)

        return Batch(x, None, None, None, lambda i, _l, _m, _w: i)

    def pack(inputs, labels, _masks, weights):
        if sample_weight is None:
            return (inputs, labels)
        return (inputs, labels, weights)

    return Batch(x, y, None, sample_weight, pack)


def of_model(data):
    """Returns the `Batch` of `(x, y, sample_weight)`, as a model has unpacked it."""
    x, y, sample_weight = data
    return Batch(x, y, None, sample_weight)


def _split_sequence(data):
    if not 1 <= len(data) <= 3:
        raise invalid(
            "batch",
            expected=FORMS,
            received=f"a {type(data).__name__} of {len(data)} parts",
            fix="pass several inputs as `layer([x1, x2, …], y)`",
        )
    size = len(data)
    inputs, labels, weights = (*data, None, None)[:3]

    def pack(inputs, labels, _masks, weights):
        parts = (inputs, labels, weights)[:size]
        if hasattr(data, "_fields"):
            return type(data)(*parts)
        return list(parts) if isinstance(data, list) else parts

    return Batch(inputs, labels, None, weights, pack)


def _split_dict(data):
    for key in _BOX_KEYS:
        if key in data:
            raise invalid(
                f"key {key!r} in the batch",
                expected="parts whose average means something: inputs, labels, "
                "segmentation masks, sample weights",
                received="boxes, which cannot be averaged",
                fix="remove that key before mixing",
            )
    known = _LABEL_KEYS + _MASK_KEYS + _WEIGHT_KEYS
    others = _NO_LABEL_KEYS + _NO_MASK_KEYS
    for key in others if not any(key in data for key in known) else ():
        leaf = data.get(key)
        # Under these names masks of tokens have fewer axes.
        fewest = 3 if key in _NO_MASK_KEYS else 0
        if hasattr(leaf, "dtype") and is_integer(leaf) and len(leaf.shape) >= fewest:
            raise invalid(
                f"key {key!r} in the batch",
                expected=f"labels under one of the keys {_LABEL_KEYS + _MASK_KEYS}",
                received=f"integers of shape {tuple(leaf.shape)}, which would count as "
                "inputs",
                fix='rename the key to "labels" or "segmentation_masks", or pass '
                "`(inputs, labels)`; cast it to float32 if it is an input",
            )
    groups = [
        {k: v for k, v in data.items() if k not in known},
        *(
            {k: v for k, v in data.items() if k in keys}
            for keys in (_LABEL_KEYS, _MASK_KEYS, _WEIGHT_KEYS)
        ),
    ]

    def pack(*parts):
        merged = {k: v for part in parts for k, v in (part or {}).items()}
        return {key: merged[key] for key in data}

    return Batch(*groups, pack)


def dtype_of(leaf: Tensor):
    """Returns a leaf's dtype as a string such as "float32"."""
    dtype = leaf.dtype
    # Standardising a name takes longer than looking it up, and every call asks often.
    if not isinstance(dtype, str) and dtype in _NAMES:
        return _NAMES[dtype]
    name = str(dtype)
    if name.startswith("torch."):
        return name.removeprefix("torch.")
    try:
        return keras.backend.standardize_dtype(dtype)
    except ValueError:
        return str(dtype)


def needs_cast(leaf: Tensor, dtype, ops: Ops):
    """Whether `ops.cast` would change a leaf: its dtype, or an array to a tensor."""
    if dtype_of(leaf) != dtype:
        return True
    return ops is not numpy_ops and isinstance(leaf, (np.ndarray, np.generic))


def is_integer(leaf: Tensor):
    """Whether a leaf's dtype is an integer one (bool is not)."""
    return "int" in dtype_of(leaf)


def same_shape(first, second):
    """Whether two shapes agree as far as they are known (None is unknown)."""
    return len(first) == len(second) and all(
        a == b for a, b in zip(first, second, strict=True) if None not in (a, b)
    )


def check_batch(batch: "Batch", inputs_stay=False):
    """Refuses what cannot be mixed, whatever the method.

    Args:
        batch: A `Batch`.
        inputs_stay: True where the inputs themselves are not mixed: they may be token
            ids or strings.

    Raises:
        ValueError: For a part that is no dense numeric array, an input without a
            batch axis, token ids, or parts of different numbers of rows.
    """
    if not batch.input_leaves:
        raise invalid(
            "batch", expected=FORMS, received="no inputs", fix="pass arrays to mix"
        )
    for name, leaves in zip(_PART_NAMES, batch.part_leaves, strict=True):
        for leaf in leaves:
            _check_array(name, leaf, strings=inputs_stay and name == "inputs")
    for leaf in () if inputs_stay else batch.input_leaves:
        if dtype_of(leaf) in _ID_DTYPES and len(leaf.shape) <= 2:
            raise invalid(
                "inputs",
                expected="quantities, which can be averaged",
                received=f"integers of dtype {dtype_of(leaf)} and shape "
                f"{tuple(leaf.shape)}, which look like token or category ids",
                fix="mix after the embedding layer, "
                '`MixupModel(..., mix_at=["name of the embedding layer"])`; if they '
                "are quantities, cast them to float32; if they are lengths or names "
                'beside other inputs, leave them out, `unmixed={"lengths": "max"}`',
            )
    _check_rows(batch)
    if batch.kept is not None:
        rows = batch.input_leaves[0].shape[0]
        for leaf in leaves_of(list(batch.kept[:2])):
            _check_array("parts that are not mixed", leaf, strings=True)
            _check_rows_of("parts that are not mixed", leaf, rows)


_PART_NAMES = ("inputs", "labels", "segmentation masks", "sample weights")
_STRINGS = ("string", "<U", "|S")  # TensorFlow's and NumPy's
_ID_DTYPES = ("int32", "int64", "uint32", "uint64")


def _is_plain(leaf: Tensor):
    """Whether a glance tells that a leaf can be mixed, as with nearly all of them."""
    if type(leaf) is np.ndarray:
        return leaf.dtype in _NAMES and leaf.ndim > 0
    if keras.backend.backend() != "torch":
        return False
    import torch

    plain = type(leaf) is torch.Tensor and leaf.layout is torch.strided
    return plain and not leaf.is_nested and leaf.dim() > 0


def _check_array(name, leaf: Tensor, strings=False):
    if _is_plain(leaf):
        return
    kind = type(leaf).__name__
    sparse = bool(getattr(leaf, "sparse", False)) or getattr(leaf, "is_sparse", False)
    if (
        sparse
        or type(leaf).__module__.startswith("scipy.sparse")
        or any(word in kind for word in ("Ragged", "Sparse", "BCOO"))
    ):
        raise invalid(
            name,
            expected="dense arrays or tensors",
            received=f"a {kind}, whose rows are ragged or sparse",
            fix="make it dense first: `.to_tensor()` for ragged rows, "
            "`tf.sparse.to_dense`, `.to_dense()` or `.toarray()` for sparse ones",
        )
    if not hasattr(leaf, "shape") or not hasattr(leaf, "dtype"):
        raise invalid(
            name,
            expected="arrays or tensors",
            received=f"{leaf!r:.60} of type {kind}",
            fix="convert it, for instance with `numpy.asarray`",
        )
    if isinstance(leaf, np.ma.MaskedArray):
        raise invalid(
            name,
            expected="arrays whose values are all there",
            received="a NumPy masked array",
            fix="fill it first, `array.filled(value)`",
        )
    dtype = dtype_of(leaf)
    taken = ("float", "int", "bool", "complex", *(_STRINGS if strings else ()))
    if not any(word in dtype for word in taken):
        raise invalid(
            name,
            expected="numbers",
            received=f"dtype {dtype}",
            fix="encode strings and objects as numbers first",
        )
    if getattr(leaf.shape, "rank", 0) is None:
        raise invalid(
            name,
            expected="tensors whose number of axes is known",
            received="a tensor of unknown rank",
            fix="set it with `tensor.set_shape` before mixing",
        )
    if len(leaf.shape) == 0:
        raise invalid(
            name,
            expected="a batch: axis 0 counts the rows",
            received="a scalar, shape ()",
            fix="batch the data before mixing, in tf.data with `.batch(…)`",
        )


def _check_rows(batch: "Batch"):
    rows = batch.input_leaves[0].shape[0]
    for name, leaves in zip(_PART_NAMES, batch.part_leaves, strict=True):
        for leaf in leaves:
            _check_rows_of(name, leaf, rows)


def _check_rows_of(name, leaf: Tensor, rows):
    if None not in (rows, leaf.shape[0]) and leaf.shape[0] != rows:
        raise invalid(
            name,
            expected=f"as many rows as the inputs have, {rows}",
            received=f"{leaf.shape[0]} rows, shape {tuple(leaf.shape)}",
            fix="pass parts of one batch, with the batch along axis 0 "
            "(in tf.data, mix after `.batch(…)`)",
        )

"""Arrays of rows: their checks, and going through them in batches."""

import keras
import numpy as np
from keras import ops

from keras_multimix import class_scores
from keras_multimix.annotations import Structure
from keras_multimix.arguments import invalid


def check_inputs(x: Structure):
    """Returns inputs as a NumPy array of floats.

    Args:
        x: One array of shape `(N, ...)`.

    Raises:
        ValueError: If they are no floats, none, or not finite.
    """
    is_one = hasattr(x, "shape") and hasattr(x, "dtype")
    x = np.asarray(ops.convert_to_numpy(x)) if is_one else x
    if not is_one or x.dtype.kind != "f" or x.ndim < 1:
        raise invalid(
            "argument `x`",
            expected="one array of floating-point inputs, shape (N, ...)",
            received=f"dtype {x.dtype}, shape {x.shape}" if is_one else f"{x!r:.80}",
            fix="scale images to floats, `x.astype('float32') / 255`; several inputs "
            "and token ids are not supported here",
        )
    if len(x) == 0 or not np.isfinite(x).all():
        raise invalid(
            "argument `x`",
            expected="one row or more, all numbers",
            received="no rows" if len(x) == 0 else "NaN or infinity",
            fix="pass the rows to look at, and correct what is no number",
        )
    return x


def check_labels(y: Structure, num_rows, num_classes: int):
    """Returns labels as integer class indices, a NumPy array of shape `(N,)`.

    Args:
        y: Class indices `(N,)` or `(N, 1)`; or labels `(N, C)`, of which the largest
            entry counts.
        num_rows: N.
        num_classes: C.

    Raises:
        ValueError: For other shapes, classes out of range, and labels of which no
            entry is the largest.
    """
    y = np.asarray(ops.convert_to_numpy(y) if hasattr(y, "shape") else y)
    like = np.empty((num_rows, num_classes), "float32")
    class_scores.check_targets(y, like)
    if class_scores.is_one_hot(y, like):
        ties = (y == y.max(axis=-1, keepdims=True)).sum(axis=-1) > 1
        if ties.any():
            raise invalid(
                "labels",
                expected="one class for each row, the largest entry of its label",
                received=f"several equal largest entries in {int(ties.sum())} rows of "
                f"{num_rows}",
                fix="pass the classes, as integers or one-hot",
            )
        return y.argmax(axis=-1)
    return y.reshape(num_rows).astype("int64")


def check_numbers(y: Structure, num_rows):
    """Returns labels that are numbers as a NumPy array of floats.

    Args:
        y: One array of shape `(N, ...)`.
        num_rows: N.

    Raises:
        ValueError: If they are no floats, not finite, or not of N rows.
    """
    y = np.asarray(ops.convert_to_numpy(y) if hasattr(y, "shape") else y)
    if y.dtype.kind != "f" or y.shape[:1] != (num_rows,) or not np.isfinite(y).all():
        raise invalid(
            "argument `y`",
            expected=f"finite floats of shape ({num_rows}, ...), a label for each row",
            received=f"{'NaN or infinity, ' if _not_finite(y) else ''}dtype {y.dtype}, "
            f"shape {y.shape}",
            fix="pass `y.astype('float32')`; for a loss of classes pass one-hot labels",
        )
    return y


def _not_finite(y):
    return y.dtype.kind == "f" and not np.isfinite(y).all()


def in_batches(function, arrays, batch_size: int, verbose: bool = False):
    """Maps a function over arrays, `batch_size` rows at a time.

    Args:
        function: It takes tensors, one for each array, and returns a tensor with as
            many rows.
        arrays: A list of NumPy arrays with the same number of rows.
        batch_size: Rows at a time.
        verbose: True shows a progress bar.

    Returns:
        A NumPy array, the results below one another.
    """
    num_rows = len(arrays[0])
    progress = keras.utils.Progbar(num_rows, verbose=int(verbose), unit_name="row")
    results = []
    for start in range(0, num_rows, batch_size):
        batch = [ops.convert_to_tensor(a[start : start + batch_size]) for a in arrays]
        result = function(*batch)
        results.append(np.array(ops.convert_to_numpy(result)))
        progress.add(len(results[-1]))
    return np.concatenate(results)

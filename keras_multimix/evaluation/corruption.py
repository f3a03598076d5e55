"""Labels replaced at random, to see whether a model memorises them."""

import numbers

import numpy as np

from keras_multimix.annotations import Structure
from keras_multimix.arguments import check_count, check_flag, invalid, resolve_seed
from keras_multimix.evaluation import rows


def corrupt_labels(
    y: Structure,
    fraction,
    num_classes: int,
    seed: int | None = None,
    *,
    exclude_true=False,
):
    """Replaces the labels of a fraction of the rows, chosen at random.

    Each of them gets a label drawn uniformly from *all* classes, the true one among
    them, so that of the chosen rows one in `num_classes` keeps its label. With
    `exclude_true=True` it is drawn from the other classes.

    Args:
        y: Class indices, integers of shape `(N,)` or `(N, 1)`, or one-hot labels of
            shape `(N, num_classes)`.
        fraction: The share of rows to choose, 0 to 1, rounded to whole rows.
        num_classes: How many classes there are.
        seed: An integer, or None to draw one.
        exclude_true: True replaces each label by a wrong one.

    Returns:
        The labels, a new NumPy array like `y`, and a bool array of shape `(N,)`: True
        for the rows that were chosen.

    Raises:
        ValueError: For labels or arguments out of range.

    References:
        Zhang et al., "Understanding Deep Learning Requires Rethinking Generalization",
        ICLR 2017; section 3.4 of Zhang et al., "mixup: Beyond Empirical Risk
        Minimization", ICLR 2018.

    Example:

    >>> import numpy as np
    >>> from keras_multimix.evaluation import corrupt_labels
    >>> y = np.zeros(10, dtype=int)
    >>> noisy, chosen = corrupt_labels(y, 0.2, 3, seed=0, exclude_true=True)
    >>> int(chosen.sum()), int((noisy != y).sum())
    (2, 2)
    """
    num_classes = check_count("num_classes", num_classes, minimum=2)
    check_flag("exclude_true", exclude_true)
    real = isinstance(fraction, numbers.Real) and not isinstance(fraction, bool)
    if not (real and 0 <= fraction <= 1):
        raise invalid(
            "argument `fraction`",
            expected="a number from 0 to 1",
            received=f"fraction={fraction!r}",
            fix="pass for instance 0.2 for 20 % of the rows",
        )
    y = np.asarray(y)
    if y.ndim == 0:
        raise invalid(
            "argument `y`",
            expected="labels, one for each row",
            received=f"{y!r}",
            fix="pass an array",
        )
    classes = rows.check_labels(y, len(y), num_classes)
    rng = np.random.default_rng(resolve_seed(seed))
    chosen = np.zeros(len(y), dtype=bool)
    chosen[rng.permutation(len(y))[: round(fraction * len(y))]] = True
    if exclude_true:
        drawn = classes + rng.integers(1, num_classes, size=len(y))
    else:
        drawn = rng.integers(0, num_classes, size=len(y))
    classes = np.where(chosen, drawn % num_classes, classes)
    if y.shape == (len(y), num_classes):
        return np.eye(num_classes, dtype=y.dtype)[classes], chosen
    return classes.reshape(y.shape).astype(y.dtype), chosen

"""Tables whose target is a number: for regression."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from recipes.datasets import tables

# Test rows are the same for all seeds, so that no choice can have seen them.
_TEST_SEED = 0
_TEST_SHARE, _VALIDATION_SHARE = 0.2, 0.1  # Yao et al., C-Mixup


@dataclass(frozen=True)
class NumberSplit:
    """Standardised rows to train on, to choose on and to test on.

    Attributes:
        train: inputs (N, D) and targets (N,), float32, of mean 0 and deviation 1.
        validation: the same, scaled as the training rows.
        test: the same.
        unit: the deviation of the training targets, in their own unit: errors times
            this are in that unit.
    """

    train: tuple[np.ndarray, np.ndarray]
    validation: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]
    unit: float


def load(name, data_dir):
    """Returns inputs (N, D) and targets (N,), float64.

    Args:
        name: one of `NAMES`.
        data_dir: folder with the files; unused for "diabetes", which ships with
            scikit-learn.
    """
    if name not in NAMES:
        raise ValueError(
            f"Expected a table among {', '.join(NAMES)}. Received: {name!r}. "
            "Choose one of them."
        )
    return NAMES[name](data_dir)


def load_split(name, data_dir, seed):
    """Draws 70 % of the rows to train on, 10 % to choose on; 20 % test.

    Args:
        name: one of `NAMES`.
        data_dir: as for `load`.
        seed: draws the training and validation rows; the test rows are always the same.
    """
    inputs, targets = load(name, data_dir)
    rows = np.arange(len(targets))
    rest, test = train_test_split(rows, test_size=_TEST_SHARE, random_state=_TEST_SEED)
    share = _VALIDATION_SHARE / (1 - _TEST_SHARE)
    train, validation = train_test_split(rest, test_size=share, random_state=seed)
    of_inputs = StandardScaler().fit(inputs[train])
    of_targets = StandardScaler().fit(targets[train, None])

    def part(rows):
        scaled = of_inputs.transform(inputs[rows])
        numbers = of_targets.transform(targets[rows, None])[:, 0]
        return scaled.astype("float32"), numbers.astype("float32")

    return NumberSplit(
        part(train), part(validation), part(test), float(of_targets.scale_[0])
    )


def _diabetes(data_dir):
    return load_diabetes(return_X_y=True)


def _abalone(data_dir):
    """The number of rings, from seven measures and the sex."""
    table = tables.load("abalone", data_dir)
    path = tables.locate(tables.FILES["abalone"], data_dir)
    rings = np.loadtxt(path, delimiter=",", usecols=-1)
    sexes = table.categories == np.unique(table.categories)
    return np.concatenate([table.numeric, sexes], axis=1), rings


def _own_copy(data_dir, name, home, shape, **reading):
    """Reads a file of numbers that the user has put into the folder."""
    found = sorted(Path(data_dir).rglob(name))
    received = f"no such file below {data_dir}"
    if found:
        cells = np.loadtxt(found[0], **reading)
        if cells.shape == shape:
            return cells[:, :-1], cells[:, -1]
        received = f"{found[0]} with {cells.shape} numbers"
    raise ValueError(
        f"Expected {name}, a file of {shape} numbers, in --data-dir. Received: "
        f"{received}. Get it from {home} and put it there."
    )


def _airfoil(data_dir):
    return _own_copy(
        data_dir,
        "airfoil_self_noise.dat",
        "https://archive.ics.uci.edu/dataset/291/airfoil+self+noise",
        (1503, 6),
    )


def _wine_quality(data_dir):
    return _own_copy(
        data_dir,
        "winequality-red.csv",
        "https://archive.ics.uci.edu/dataset/186/wine+quality",
        (1599, 12),
        delimiter=";",
        skiprows=1,
    )


NAMES = {
    "diabetes": _diabetes,
    "abalone": _abalone,
    "airfoil": _airfoil,
    "wine_quality": _wine_quality,
}

"""Tables whose target is a number: for regression."""

from dataclasses import dataclass

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from recipes.datasets import tables
from recipes.datasets.files import locate

# Test rows are the same for all seeds, so that no choice can have seen them.
_TEST_SEED = 0
_TEST_SHARE, _VALIDATION_SHARE = 0.2, 0.1  # Yao et al., C-Mixup

FILES = {
    "airfoil": tables.uci_file(
        "291/airfoil+self+noise",
        "airfoil/airfoil_self_noise.dat",
        "74c75fd71783f1e6b71f8a622b993dc592897a97cd689c5090a07147a1b097b3",
    ),
    "wine_quality": tables.uci_file(
        "186/wine+quality",
        "wine_quality/winequality-red.csv",
        "4a402cf041b025d4566d954c3b9ba8635a3a8a01e039005d97d6a710278cf05e",
    ),
    "yacht": tables.uci_file(
        "243/yacht+hydrodynamics",
        "yacht/yacht_hydrodynamics.data",
        "00dfecc0fc01ddd4c90b558a3ac11b246df8ebcfea130724223475a9a67f0ea1",
    ),
}


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
        data_dir: folder that may hold the files; see `recipes.datasets.files`.
            Unused for "diabetes", which ships with scikit-learn.
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
    train, validation, test = drawn_rows(len(targets), seed)
    of_inputs = StandardScaler().fit(inputs[train])
    of_targets = StandardScaler().fit(targets[train, None])

    def part(rows):
        scaled = of_inputs.transform(inputs[rows])
        numbers = of_targets.transform(targets[rows, None])[:, 0]
        return scaled.astype("float32"), numbers.astype("float32")

    return NumberSplit(
        part(train), part(validation), part(test), float(of_targets.scale_[0])
    )


def drawn_rows(count, seed):
    """Returns the numbers of the rows to train on, to choose on and to test on."""
    rows = np.arange(count)
    rest, test = train_test_split(rows, test_size=_TEST_SHARE, random_state=_TEST_SEED)
    share = _VALIDATION_SHARE / (1 - _TEST_SHARE)
    train, validation = train_test_split(rest, test_size=share, random_state=seed)
    return train, validation, test


def _diabetes(data_dir):
    return load_diabetes(return_X_y=True)


def _abalone(data_dir):
    """The number of rings, from seven measures and the sex."""
    table = tables.load("abalone", data_dir)
    path = locate(tables.FILES["abalone"], data_dir)
    rings = np.loadtxt(path, delimiter=",", usecols=-1)
    sexes = table.categories == np.unique(table.categories)
    return np.concatenate([table.numeric, sexes], axis=1), rings


def _airfoil(data_dir):
    return _numbers("airfoil", data_dir)


def _wine_quality(data_dir):
    return _numbers("wine_quality", data_dir, delimiter=";", skiprows=1)


def _yacht(data_dir):
    return _numbers("yacht", data_dir)


def _numbers(name, data_dir, **reading):
    """Reads a file of numbers whose last column is the target."""
    cells = np.loadtxt(locate(FILES[name], data_dir), **reading)
    return cells[:, :-1], cells[:, -1]


NAMES = {
    "diabetes": _diabetes,
    "abalone": _abalone,
    "airfoil": _airfoil,
    "wine_quality": _wine_quality,
    "yacht": _yacht,
}

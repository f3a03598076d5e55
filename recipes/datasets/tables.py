"""Tables: the six of mixup's paper and three more that ship with scikit-learn."""

from dataclasses import dataclass

import numpy as np
from scipy.io import arff
from sklearn import datasets
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from recipes.datasets import tfds
from recipes.datasets.files import File, locate
from recipes.datasets.split import Split, stratified_rows


def uci_file(archive, name, sha256, member=None, other_sha256=()):
    """A file of the UCI Machine Learning Repository, which packs data sets as zip."""
    url = f"https://archive.ics.uci.edu/static/public/{archive}.zip"
    member = member or name.rpartition("/")[2]
    return File(f"uci/{name}", sha256, url, member, other_sha256)


FILES = {
    "abalone": uci_file(
        "1/abalone",
        "abalone/abalone.data",
        "de37cdcdcaaa50c309d514f248f7c2302a5f1f88c168905eba23fe2fbc78449f",
    ),
    "arcene_train.data": uci_file(
        "167/arcene",
        "arcene/arcene_train.data",
        "580f314d09fd3d67aa8b58a8250efb59a28d69a7d23a612a78a0b0cefc4d0264",
        # The same rows, their lines ending in a space as in arcene_valid.data.
        other_sha256=(
            "0427dc237d8103810e3861e77ba7b16c3d10c8c526ae83bafdc2a660c5c608f0",
        ),
    ),
    "arcene_train.labels": uci_file(
        "167/arcene",
        "arcene/arcene_train.labels",
        "434bb813ff7e69d182eeed347f77bd4981917d6233efedd01b5f6d916c282fbe",
    ),
    "arcene_valid.data": uci_file(
        "167/arcene",
        "arcene/arcene_valid.data",
        "7f8792b3cfb083c3b722e31b37a0c40604506bdece1d2db621e00d862da1c549",
    ),
    "arcene_valid.labels": uci_file(
        "167/arcene",
        "arcene/arcene_valid.labels",
        "b591228155de082dd39b2e85b12b75a55bd8ca057b7e1c0d7f54683d0a594fc3",
    ),
    "arrhythmia": uci_file(
        "5/arrhythmia",
        "arrhythmia/arrhythmia.data",
        "a7f0f4ca289a4c58b5ed85a9adb793189acd38425828ce3dfbb70adb45f30169",
        # A copy that is not the same byte for byte, but has as many rows of each
        # class as the repository states.
        other_sha256=(
            "59a3360ee531a55cec553cd2cd1eaeab143ba8658d1b324a08fb7941f39ade2e",
        ),
    ),
    "htru2": uci_file(
        "372/htru2",
        "htru2/HTRU_2.csv",
        "b13b4d8929e96ecd196e464c1c8a454c3ac2ffa631015f6388957531a9923f59",
    ),
    "phishing": uci_file(
        "327/phishing+websites",
        "phishing/phishing.arff",
        "3bcf93b1612306537ee2737751f1bac185b2a77886ab376644c3bf0c7f7cb3e6",
        member="Training Dataset.arff",
        # A copy with the same rows whose header says {-1,1} instead of { -1,1 }.
        other_sha256=(
            "0dfcd84ccdedca6e1be2ce26452c1f1089ac3f839b9a1b0ab1cdcf6d895f9a70",
        ),
    ),
}


@dataclass(frozen=True)
class Table:
    """Rows of numbers, of categories or of both, and their classes.

    Attributes:
        numeric: (N, D) float64; NaN where a value is missing.
        categories: (N, C) strings; C may be 0.
        labels: (N,) int, from 0; every class has a row.
        given_split: (training rows, test rows) where the data set comes split.
    """

    numeric: np.ndarray
    categories: np.ndarray
    labels: np.ndarray
    given_split: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def num_classes(self):
        """How many classes there are."""
        return int(self.labels.max()) + 1


def load(name, data_dir, tensorflow_datasets=False):
    """Reads a whole table.

    Args:
        name: one of `NAMES`.
        data_dir: folder that may hold the files; see `recipes.datasets.files`.
            Unused where the table ships with scikit-learn.
        tensorflow_datasets: reads "iris", the one it has, with TensorFlow Datasets.
    """
    if name not in NAMES:
        raise ValueError(
            f"Expected a table among {', '.join(NAMES)}. Received: {name!r}. "
            "Choose one of them."
        )
    if tensorflow_datasets and name in tfds.NAMES:
        return _table(*tfds.load_arrays(name, "train", data_dir))
    if name in _SHIPPED:
        return _table(*_SHIPPED[name](return_X_y=True))
    return _READERS[name](data_dir)


def load_split(name, data_dir, seed, test_size=1 / 3, tensorflow_datasets=False):
    """Draws rows to train on and rows to test on, as a network wants them.

    Numbers are standardised, missing ones take the mean, categories become one-hot
    columns. All of it is fitted on the training rows: a column that is constant there
    is 0 everywhere, a category unknown there has only zeros.

    Args:
        name: one of `NAMES`.
        data_dir: as for `load`.
        seed: the same seed gives the same rows; unused for "arcene", which is split.
        test_size: share of the rows to test on, stratified by class. mixup's paper
            does not state its own; a third is our choice. The only row of a class
            cannot be stratified and is trained on.
        tensorflow_datasets: as for `load`.
    """
    table = load(name, data_dir, tensorflow_datasets)
    train, test = table.given_split or stratified_rows(table.labels, test_size, seed)
    train_inputs, test_inputs = _prepared(table, train, test)
    labels = table.labels.astype("int32")
    return Split(
        train_inputs, labels[train], test_inputs, labels[test], table.num_classes
    )


def _prepared(table, train, test):
    numbers = make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler())
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    width = table.numeric.shape[1]
    columns = np.concatenate([table.numeric, table.categories], axis=1, dtype=object)
    transform = make_column_transformer(
        (numbers, list(range(width))),
        (one_hot, list(range(width, columns.shape[1]))),
    )
    train_inputs = transform.fit_transform(columns[train])
    test_inputs = transform.transform(columns[test])
    # The scaler leaves such a column unscaled: a test value could be arbitrarily large.
    constant = np.ptp(train_inputs, axis=0) == 0
    for inputs in (train_inputs, test_inputs):
        inputs[:, constant] = 0
    return train_inputs.astype("float32"), test_inputs.astype("float32")


def _table(numeric, targets, categories=None, given_split=None):
    if categories is None:
        categories = np.empty((len(targets), 0), dtype=str)
    # Classes are counted from 0 and only where they have rows.
    labels = np.unique(targets, return_inverse=True)[1]
    return Table(np.asarray(numeric, "float64"), categories, labels, given_split)


def _read_abalone(data_dir):
    cells = np.loadtxt(locate(FILES["abalone"], data_dir), delimiter=",", dtype=str)
    return _table(cells[:, 1:-1], cells[:, -1].astype(int), cells[:, :1])


def _read_arcene(data_dir):
    # The labels of the test part were never published; the validation part stands in.
    paths = {key: locate(FILES[key], data_dir) for key in FILES if "arcene" in key}
    parts = ("train", "valid")
    inputs = [np.loadtxt(paths[f"arcene_{part}.data"], ndmin=2) for part in parts]
    targets = [np.loadtxt(paths[f"arcene_{part}.labels"], ndmin=1) for part in parts]
    rows = np.split(np.arange(sum(map(len, targets))), [len(targets[0])])
    return _table(np.concatenate(inputs), np.concatenate(targets), None, tuple(rows))


def _read_arrhythmia(data_dir):
    # "?" is missing and becomes NaN. Three of the 16 classes have no row.
    cells = np.genfromtxt(locate(FILES["arrhythmia"], data_dir), delimiter=",")
    return _table(cells[:, :-1], cells[:, -1])


def _read_htru2(data_dir):
    cells = np.loadtxt(locate(FILES["htru2"], data_dir), delimiter=",")
    return _table(cells[:, :-1], cells[:, -1])


def _read_phishing(data_dir):
    # The header declares every column nominal: -1, 0 and 1 are names, not numbers.
    with open(locate(FILES["phishing"], data_dir), encoding="utf-8") as file:
        records, _ = arff.loadarff(file)
    cells = np.stack([records[key].astype(str) for key in records.dtype.names], axis=1)
    return _table(np.empty((len(cells), 0)), cells[:, -1].astype(int), cells[:, :-1])


_READERS = {
    "abalone": _read_abalone,
    "arcene": _read_arcene,
    "arrhythmia": _read_arrhythmia,
    "htru2": _read_htru2,
    "phishing": _read_phishing,
}
_SHIPPED = {
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
    "breast_cancer": datasets.load_breast_cancer,
    "digits": datasets.load_digits,
}
NAMES = (*_READERS, *_SHIPPED)

"""Tables: how files are read, and what of them a network is given."""

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import pytest

from recipes.datasets import tables
from recipes.datasets.split import stratified_rows
from recipes.datasets.tables import Table

DATA = Path(__file__).parents[2].parent / "shared" / "data"
SHAPES = {
    # name: rows, numbers, categories, classes, inputs of a network
    "abalone": (4177, 7, 1, 28, 10),
    "arcene": (200, 10000, 0, 2, 10000),
    "arrhythmia": (452, 279, 0, 13, 279),
    "htru2": (17898, 8, 0, 2, 8),
    "phishing": (11055, 0, 30, 2, 68),
    "iris": (150, 4, 0, 3, 4),
    "wine": (178, 13, 0, 3, 13),
    "breast_cancer": (569, 30, 0, 2, 30),
    "digits": (1797, 64, 0, 10, 64),
}


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes a small file in the place of a real one, with its own hash."""

    def write(key, text):
        file = tables.FILES[key]
        content = text.encode()
        changed = dataclasses.replace(file, sha256=hashlib.sha256(content).hexdigest())
        monkeypatch.setitem(tables.FILES, key, changed)
        path = tmp_path / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return tmp_path

    return write


@pytest.fixture
def use(monkeypatch):
    """Makes `load` return a given table."""
    return lambda table: monkeypatch.setattr(tables, "load", lambda *_: table)


@pytest.mark.parametrize("name", tables.NAMES)
def test_the_real_tables(name):
    if not (DATA / "uci").is_dir() and name in tables._READERS:
        pytest.skip(f"the files of the data sets are not below {DATA}")
    rows, numbers, categories, classes, inputs = SHAPES[name]
    table = tables.load(name, DATA)
    assert table.numeric.shape == (rows, numbers)
    assert table.categories.shape == (rows, categories)
    assert table.num_classes == classes
    assert np.isnan(table.numeric).sum() == (408 if name == "arrhythmia" else 0)
    # Every class has a row.
    assert np.bincount(table.labels).min() >= 1
    split = tables.load_split(name, DATA, seed=1)
    assert split.input_shape == (inputs,) and split.num_classes == classes
    assert len(split.train_labels) + len(split.test_labels) == rows
    for values in (split.train_inputs, split.test_inputs):
        assert values.dtype == "float32" and np.isfinite(values).all()
    if name != "arcene":
        assert len(split.test_labels) == pytest.approx(rows / 3, abs=3)


def test_abalone(write):
    data_dir = write("abalone", "M,0.5,.3,.1,.5,.2,.1,.2,29\nF,1,1,1,1,1,1,1,4\n")
    table = tables.load("abalone", data_dir)
    assert table.numeric[0].tolist() == [0.5, 0.3, 0.1, 0.5, 0.2, 0.1, 0.2]
    assert table.categories.tolist() == [["M"], ["F"]]
    assert table.labels.tolist() == [1, 0]


def test_arcene_keeps_its_split(write):
    write("arcene_train.data", "\n0 71 5\n3 4 5\n")
    write("arcene_train.labels", "1\n-1\n")
    write("arcene_valid.data", "6 7 8 \n")
    data_dir = write("arcene_valid.labels", "1\n")
    split = tables.load_split("arcene", data_dir, seed=3)
    assert split.train_labels.tolist() == [1, 0] and split.test_labels.tolist() == [1]
    # The third column is constant in training.
    np.testing.assert_allclose(split.train_inputs, [[-1, 1, 0], [1, -1, 0]], atol=1e-6)
    np.testing.assert_allclose(
        split.test_inputs, [[3, (7 - 37.5) / 33.5, 0]], atol=1e-6
    )


def test_arrhythmia_has_missing_values(write):
    data_dir = write("arrhythmia", "75,0,-16,?,8\n56,1,?,2.5,16\n54,0,1,2,1\n")
    table = tables.load("arrhythmia", data_dir)
    nan = np.nan
    np.testing.assert_array_equal(
        table.numeric, [[75, 0, -16, nan], [56, 1, nan, 2.5], [54, 0, 1, 2]]
    )
    assert table.labels.tolist() == [1, 2, 0] and table.num_classes == 3


def test_htru2_ends_its_lines_with_carriage_returns(write):
    data_dir = write("htru2", "140.5,55.6,-0.2,0\r102.5,58.8,0.4,1\r")
    table = tables.load("htru2", data_dir)
    np.testing.assert_array_equal(
        table.numeric, [[140.5, 55.6, -0.2], [102.5, 58.8, 0.4]]
    )
    assert table.labels.tolist() == [0, 1]


@pytest.mark.parametrize("space", ["", " "])
def test_phishing_is_nominal(write, space):
    lines = ["@relation phishing", "", "@attribute IP  {-1,1}"]
    lines += ["@attribute Links {1,0,-1}", "@attribute Result  {-1,1}", "", "@data", ""]
    header = "\r\n".join(lines).replace("{", "{" + space).replace("}", space + "}")
    data_dir = write("phishing", header + "-1,0,1\r\n1,-1,-1\r\n")
    table = tables.load("phishing", data_dir)
    assert table.numeric.shape == (2, 0)
    assert table.categories.tolist() == [["-1", "0"], ["1", "-1"]]
    assert table.labels.tolist() == [1, 0]


def test_a_missing_file_says_where_it_belongs(tmp_path, monkeypatch):
    local = dataclasses.replace(tables.FILES["htru2"], url=None)
    monkeypatch.setitem(tables.FILES, "htru2", local)
    with pytest.raises(ValueError, match="HTRU_2.csv in --data-dir.*put it"):
        tables.load("htru2", tmp_path)
    with pytest.raises(ValueError, match="Expected a table among abalone.*'mnist'"):
        tables.load("mnist", tmp_path)


@pytest.fixture
def mixed(rng):
    """Numbers with gaps, a constant, categories; every class has ten rows."""
    numeric = rng.normal(3, 5, (60, 4))
    numeric[rng.random((60, 4)) < 0.2] = np.nan
    numeric[:, 3] = 7
    categories = rng.choice(["a", "b"], (60, 2))
    return Table(numeric, categories, np.arange(60) % 6)


def rows_of(labels, seed):
    """Which rows train and which test."""
    return stratified_rows(labels, 1 / 3, seed)


def test_inputs_equal_a_plain_computation(mixed, use):
    use(mixed)
    train, test = rows_of(mixed.labels, 2)
    split = tables.load_split("any", None, seed=2)
    means = np.nanmean(mixed.numeric[train], axis=0)
    filled = np.where(np.isnan(mixed.numeric), means, mixed.numeric)
    spread = filled[train].std(axis=0)
    spread[3] = 1
    one_hot = mixed.categories[:, :, None] == np.array(["a", "b"])
    expected = np.hstack([(filled - means) / spread, one_hot.reshape(60, 4)])
    np.testing.assert_allclose(split.train_inputs, expected[train], atol=1e-5)
    np.testing.assert_allclose(split.test_inputs, expected[test], atol=1e-5)
    np.testing.assert_array_equal(split.train_labels, mixed.labels[train])
    np.testing.assert_array_equal(split.test_labels, mixed.labels[test])
    assert split.train_labels.dtype == split.test_labels.dtype == "int32"


def test_test_rows_do_not_leak(mixed, use):
    _, test = rows_of(mixed.labels, 2)
    use(mixed)
    before = tables.load_split("any", None, seed=2)
    numeric, categories = mixed.numeric.copy(), mixed.categories.copy()
    numeric[test] = 1e6
    categories[test] = "c"
    use(Table(numeric, categories, mixed.labels))
    after = tables.load_split("any", None, seed=2)
    np.testing.assert_array_equal(after.train_inputs, before.train_inputs)
    # A number that is constant in training, and a category unknown there, tell nothing.
    np.testing.assert_array_equal(after.test_inputs[:, 3:], 0)
    assert (after.test_inputs[:, :3] > 1e3).all()


def test_a_column_without_a_value_to_train_on_is_zero(mixed, use):
    train, _ = rows_of(mixed.labels, 0)
    mixed.numeric[train, 1] = np.nan
    use(mixed)
    split = tables.load_split("any", None, seed=0)
    np.testing.assert_array_equal(split.train_inputs[:, 1], 0)
    np.testing.assert_array_equal(split.test_inputs[:, 1], 0)


def test_rows_are_stratified_and_drawn_by_the_seed():
    labels = np.repeat([0, 1, 2], [90, 30, 6])
    train, test = rows_of(labels, 0)
    assert np.bincount(labels[test]).tolist() == [30, 10, 2]
    assert sorted([*train, *test]) == list(range(126))
    np.testing.assert_array_equal(rows_of(labels, 0)[1], test)
    assert set(rows_of(labels, 1)[1]) != set(test)


def test_the_only_row_of_a_class_is_trained_on():
    labels = np.array([*[0] * 30, 1, *[2] * 30, 3])
    for seed in range(5):
        train, test = rows_of(labels, seed)
        assert {30, 61} <= set(train) and len(train) + len(test) == 62

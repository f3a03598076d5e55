"""TensorFlow Datasets: what its rows become; the rows are its own mock data."""

import sys
import types

import numpy as np
import pytest

from recipes.datasets import tfds


@pytest.fixture
def mock_data():
    library = pytest.importorskip("tensorflow_datasets")
    if not hasattr(library, "testing"):
        pytest.skip("tensorflow_datasets lacks some of its own packages")
    with library.testing.mock_data(num_examples=3):
        yield


@pytest.mark.parametrize(
    "name, shape, dtype, num_classes",
    [
        ("cifar10", (32, 32, 3), "uint8", 10),
        ("cifar100", (32, 32, 3), "uint8", 100),
        ("iris", (4,), "float32", 3),
    ],
)
def test_rows_of_one_shape_are_an_array(mock_data, name, shape, dtype, num_classes):
    inputs, labels = tfds.load_arrays(name, "train")
    assert inputs.shape == (3, *shape) and inputs.dtype == dtype
    assert labels.shape == (3,) and labels.dtype == "int32"
    assert 0 <= labels.min() <= labels.max() < num_classes


@pytest.mark.parametrize("name", ["speech_commands", "spoken_digit"])
def test_waveforms_are_a_list(mock_data, name, tmp_path):
    waves, labels = tfds.load_arrays(name, "train", tmp_path)
    assert len(waves) == len(labels) == 3
    assert all(wave.ndim == 1 and wave.dtype == "float32" for wave in waves)


def test_rows_come_one_by_one_in_order(monkeypatch):
    rows = [
        {"audio": np.array([-(2**15), 2**14]), "label": np.int64(1)},
        {"audio": np.array([0, 0, 2**15 - 1]), "label": np.int64(0)},
    ]
    library = types.SimpleNamespace(data_source=lambda name, split, data_dir: rows)
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", library)
    (first, label), (second, _) = tfds.examples("spoken_digit", "train")
    np.testing.assert_array_equal(first, [-1, 0.5])
    np.testing.assert_allclose(second, [0, 0, 1], atol=1e-4)
    assert label == 1 and first.dtype == "float32"


def test_a_copy_in_tfrecord_is_read_through_tensorflow(monkeypatch):
    def random_access(name, split, data_dir):
        raise NotImplementedError("TFRECORD")

    library = types.SimpleNamespace(
        data_source=random_access,
        load=lambda name, split, data_dir: [{"features": np.ones(4), "label": 2}],
        as_numpy=iter,
    )
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", library)
    inputs, labels = tfds.load_arrays("iris", "train")
    assert inputs.shape == (1, 4) and labels.tolist() == [2]


@pytest.mark.parametrize("library", [None, types.ModuleType("tensorflow_datasets")])
def test_without_the_package_it_says_how_to_install_it(monkeypatch, library):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", library)
    with pytest.raises(ValueError, match="pip install tensorflow-datasets"):
        tfds.load_arrays("iris", "train")


def test_what_cannot_be_read_is_named(monkeypatch):
    def fail(name, split, data_dir):
        raise OSError("no network")

    library = types.SimpleNamespace(data_source=fail)
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", library)
    with pytest.raises(ValueError, match="Expected the split test of iris.*no network"):
        tfds.load_arrays("iris", "test")
    with pytest.raises(ValueError, match="Expected a data set among.*'mnist'"):
        tfds.load_arrays("mnist", "test")

"""CIFAR from a local copy: what is read, drawn and refused."""

import keras
import numpy as np
import pytest

from recipes.datasets import cifar, small_images


@pytest.fixture
def data_dir(tmp_path, rng):
    arrays = {}
    for part, rows in (("train", 40), ("test", 20)):
        arrays[f"x_{part}"] = rng.integers(0, 256, (rows, 32, 32, 3)).astype("uint8")
        arrays[f"y_{part}"] = (np.arange(rows) % 10).astype("uint8")[:, None]
    np.savez(tmp_path / "cifar10_few.npz", **arrays)
    return tmp_path


def test_a_split_is_stratified_scaled_and_averaged(data_dir):
    x_train, y_train, *_ = cifar.load("cifar10", data_dir)
    split = cifar.load_split("cifar10", data_dir, train_size=20, size=16, seed=1)
    assert split.train_inputs.shape == (20, 16, 16, 3)
    assert split.test_inputs.shape == (20, 16, 16, 3)
    assert np.bincount(split.train_labels).tolist() == [2] * 10
    assert split.input_shape == (16, 16, 3)
    whole = cifar.load_split("cifar10", data_dir, size=16)
    expected = x_train[0].reshape(16, 2, 16, 2, 3).mean(axis=(1, 3)) / 255
    np.testing.assert_allclose(whole.train_inputs[0], expected, atol=1e-6)
    np.testing.assert_array_equal(whole.train_labels, y_train)
    again = cifar.load_split("cifar10", data_dir, train_size=20, size=16, seed=1)
    np.testing.assert_array_equal(again.train_inputs, split.train_inputs)


def test_small_images_by_name(data_dir):
    assert small_images.load_split("cifar10", data_dir, 0, 30).train_inputs.shape == (
        (30, 16, 16, 3)
    )
    assert small_images.load_split("digits", data_dir, 0).input_shape == (8, 8, 1)


def test_other_files_are_refused(tmp_path):
    np.savez(tmp_path / "cifar10.npz", x_train=np.zeros(3))
    with pytest.raises(ValueError, match="y_train, x_test, y_test"):
        cifar.load("cifar10", tmp_path)
    x, y = np.zeros((3, 32, 32, 3)), np.zeros(3, int)
    np.savez(tmp_path / "cifar10.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    with pytest.raises(ValueError, match="uint8 images"):
        cifar.load("cifar10", tmp_path)


def test_without_a_copy_and_a_network_it_says_what_to_do(tmp_path, monkeypatch):
    def fail():
        raise OSError("no network")

    monkeypatch.setattr(keras.datasets.cifar10, "load_data", fail)
    with pytest.raises(ValueError, match="--data-dir.*no network"):
        cifar.load("cifar10", tmp_path)

"""Rows held out for a temperature, and what is measured with it."""

import types

import keras
import numpy as np
import pytest

from recipes.datasets import digits
from recipes.datasets.split import Split, hold_out
from recipes.shared.measures import measure
from recipes.shared.temperature import scaled_measures


def test_held_out_rows_come_from_the_training_rows_alone():
    split = digits.load_split(400, seed=0)
    held = hold_out(split, 100, seed=0)
    assert held.train_inputs.shape == (300, 8, 8, 1)
    assert held.validation_inputs.shape == (100, 8, 8, 1)
    assert np.bincount(held.validation_labels).min() >= 9
    np.testing.assert_array_equal(held.test_inputs, split.test_inputs)
    both = np.concatenate([held.train_inputs, held.validation_inputs])
    pixels = [np.sort(x.reshape(400, -1), axis=0) for x in (both, split.train_inputs)]
    np.testing.assert_array_equal(*pixels)
    again = hold_out(split, 100, seed=0)
    np.testing.assert_array_equal(held.validation_inputs, again.validation_inputs)
    assert hold_out(split, 0, seed=0) is split
    share = hold_out(split, 0.25, seed=0)
    np.testing.assert_array_equal(share.validation_inputs, held.validation_inputs)


def test_the_only_row_of_a_class_is_trained_on():
    labels = np.array([0] * 8 + [1] * 8 + [2], "int32")
    inputs = np.arange(17, dtype="float32")[:, None]
    held = hold_out(Split(inputs, labels, inputs, labels, 3), 4, seed=0)
    np.testing.assert_array_equal(np.bincount(held.validation_labels), [2, 2])
    assert 16 in held.train_inputs and len(held.train_labels) == 13
    np.testing.assert_array_equal(
        labels[held.train_inputs[:, 0].astype(int)], held.train_labels
    )


@pytest.mark.parametrize("size", [9, 391])
def test_every_class_needs_a_row_on_both_sides(size):
    with pytest.raises(ValueError, match=f"Received: {size}"):
        hold_out(digits.load_split(400, seed=0), size, seed=0)


def rows(seed, count=300):
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    x = generator.normal(size=(count, 3)) + 1.5 * np.eye(3)[labels]
    return 4 * x.astype("float32"), labels  # four times too sure


@pytest.mark.spread
def test_the_temperature_is_that_of_the_validation_rows():
    network = keras.Sequential([keras.Input((3,)), keras.layers.Activation("linear")])
    (x_val, y_val), (x_test, y_test) = rows(0), rows(1)
    split = types.SimpleNamespace(
        validation_inputs=x_val,
        validation_labels=y_val,
        test_inputs=x_test,
        test_labels=y_test,
    )
    measured = scaled_measures(network, split)
    grid = np.linspace(0.5, 10, 2000)
    best = grid[np.argmin([measure(x_val / t, y_val)["nll"] for t in grid])]
    assert measured["temperature"] == pytest.approx(best, abs=0.01)
    expected = measure(x_test / measured["temperature"], y_test)
    assert measured["scaled_nll"] == pytest.approx(expected["nll"], rel=1e-5)
    assert measured["scaled_ece"] == pytest.approx(expected["ece"], rel=1e-4)
    assert measured["scaled_nll"] < measure(x_test, y_test)["nll"]


def test_there_may_be_no_temperature():
    network = keras.Sequential([keras.Input((3,)), keras.layers.Activation("linear")])
    labels = np.arange(9) % 3
    split = types.SimpleNamespace(
        validation_inputs=np.eye(3, dtype="float32")[labels],
        validation_labels=labels,
        test_inputs=np.eye(3, dtype="float32")[labels],
        test_labels=labels,
    )
    assert all(map(np.isnan, scaled_measures(network, split).values()))
    split.validation_labels = None
    assert scaled_measures(network, split) == {}

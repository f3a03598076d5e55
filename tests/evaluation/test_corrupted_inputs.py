"""Errors and calibration under corruptions, against NumPy."""

import keras
import numpy as np
import pytest

from keras_multimix import MixUp, MixupModel
from keras_multimix.evaluation import corruption_errors
from tests import helpers
from tests.evaluation import nets

quiet = {"verbose": False}
CORRUPTIONS = {
    "none": lambda x: x,
    "dark": lambda x: 0.3 * x,
    "turned": lambda x: x[:, ::-1].astype("float64"),
    "zero": lambda x: np.zeros_like(x, dtype="uint8"),
}


def oracle(model, x, y):
    """The error and the calibration error in 15 bins of `nets.dense`, by hand."""
    w, b, v, c = (np.float64(each) for each in model.get_weights())
    logits = np.tanh(x @ w + b) @ v + c
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    confidence, correct = p.max(axis=1), p.argmax(axis=1) == y
    bins = np.minimum((15 * confidence).astype(int), 14)
    gaps = [(confidence - correct)[bins == number].sum() for number in range(15)]
    return 1 - correct.mean(), np.abs(gaps).sum() / len(y)


@pytest.mark.spread
@pytest.mark.parametrize("ending", ["logits", "dense softmax"])
def test_errors_and_calibration(ending):
    model, (x, y) = nets.dense(ending), nets.rows(count=200)
    found = corruption_errors(model, x, y, CORRUPTIONS, batch_size=33, **quiet)
    assert list(found["error"]) == list(found["ece"]) == list(CORRUPTIONS)
    for name, corrupt in CORRUPTIONS.items():
        error, ece = oracle(model, np.float64(corrupt(x)), y)
        assert found["error"][name] == pytest.approx(error)
        assert found["ece"][name] == pytest.approx(ece, abs=1e-5)
    for measure in ("error", "ece"):
        mean = np.mean(list(found[measure].values()))
        assert found[f"mean_{measure}"] == pytest.approx(mean)
    assert len({round(value, 6) for value in found["error"].values()}) > 2


def test_labels_in_every_form_and_images():
    model, (x, y) = nets.conv(), nets.rows((6, 6, 3), 7)
    corruptions = {"dark": lambda x: 0.5 * x}
    expected = corruption_errors(model, x, y, corruptions, **quiet)
    for labels in (y[:, None], np.eye(7)[y], y.tolist()):
        labels = np.array(labels)
        assert corruption_errors(model, x, labels, corruptions, **quiet) == expected
    tensors = helpers.tensors((x, y))
    assert corruption_errors(model, *tensors, corruptions, **quiet) == expected


class Counted(keras.Model):
    """Counts how often Python runs its call; `reads` lets it look at its numbers."""

    def __init__(self, inner, reads=False):
        super().__init__()
        self.inner, self.reads, self.calls = inner, reads, []

    def call(self, x):
        self.calls.append(float(x[0, 0]) if self.reads else None)
        return self.inner(x)


def test_a_model_is_compiled_once_for_all_corruptions():
    x, y = nets.rows(count=200)
    corruptions = {"none": CORRUPTIONS["none"], "dark": CORRUPTIONS["dark"]}
    counts = []
    for number in (1, 2):  # of corruptions
        model = Counted(nets.dense())
        taken = dict(list(corruptions.items())[:number])
        corruption_errors(model, x, y, taken, batch_size=10, **quiet)
        counts.append(len(model.calls))
    eager = keras.backend.backend() == "torch"
    assert counts[1] - counts[0] == (20 if eager else 0)


def test_a_model_that_reads_its_numbers_runs_eagerly():
    (x, y), net = nets.rows(), nets.dense()
    expected = corruption_errors(net, x, y, CORRUPTIONS, **quiet)
    for wrap in (lambda inner: inner, lambda inner: MixupModel(inner, MixUp())):
        model = wrap(Counted(net, reads=True))
        model.run_eagerly = True
        found = corruption_errors(model, x, y, CORRUPTIONS, **quiet)
        assert found["error"] == expected["error"]


def test_a_progress_bar_is_shown(capsys):
    model, (x, y) = nets.dense(), nets.rows()
    corruption_errors(model, x, y, {"none": lambda x: x})
    assert "20/20" in capsys.readouterr().out


X, Y = nets.rows()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"corruptions": {}}, "argument `corruptions`"),
        ({"corruptions": [np.negative]}, "argument `corruptions`"),
        ({"corruptions": {"a": X}}, "argument `corruptions`"),
        ({"corruptions": {"a": lambda x: x[:5]}}, r"from 'a' as it was given"),
        ({"corruptions": {"a": lambda x: x * np.nan}}, "NaN or infinity"),
        ({"corruptions": {"a": lambda x: x.astype(str)}}, "Received: dtype <U"),
        ({"x": X.astype(int)}, "floating-point inputs"),
        ({"y": Y + 3}, "whole numbers from 0 to 3"),
        ({"batch_size": 0}, "argument `batch_size`"),
        ({"verbose": 2}, "argument `verbose`"),
        ({"model": np.argmax}, "a keras.Model"),
    ],
)
def test_bad_input(arguments, message):
    given = {"model": nets.dense(), "x": X, "y": Y, "corruptions": CORRUPTIONS}
    with pytest.raises(ValueError, match=message) as error:
        corruption_errors(**{**given, **quiet, **arguments})
    helpers.assert_three_parts(error)

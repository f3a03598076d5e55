"""Attacks against an oracle, torchattacks and foolbox, and errors on their examples."""

import functools

import keras
import numpy as np
import pytest

from keras_multimix import MixUp, MixupModel
from keras_multimix.evaluation import adversarial_error, fgsm, iterative_fgsm, pgd
from tests import helpers
from tests.evaluation import nets

quiet = {"verbose": False}


def gradient(model, x, y):
    """The gradient of the cross-entropy of `nets.dense`, by hand."""
    w, b, v, c = (np.float64(each) for each in model.get_weights())
    hidden = np.tanh(x @ w + b)
    logits = hidden @ v + c
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return ((p - np.eye(len(c))[y]) @ v.T * (1 - hidden**2)) @ w.T


def descended(model, x, y, epsilon, steps, size, start=None, clip_range=(0, 1)):
    moved = np.float64(x) if start is None else start
    for _ in range(steps):
        moved = moved + size * np.sign(gradient(model, moved, y))
        moved = np.clip(moved, x - epsilon, x + epsilon)
        if clip_range is not None:
            moved = np.clip(moved, *clip_range)
    return moved


@pytest.mark.parametrize(
    "ending", ["logits", "dense softmax", "softmax layer", "activation layer"]
)
@pytest.mark.parametrize("clip_range", [(0, 1), None])
def test_the_three_attacks(ending, clip_range):
    model, (x, y) = nets.dense(ending), nets.rows()
    options = {"clip_range": clip_range, "batch_size": 8, **quiet}
    expected = functools.partial(descended, model, x, y, clip_range=clip_range)
    for got, want in [
        (fgsm(model, x, y, 0.1, **options), expected(0.1, 1, 0.1)),
        (iterative_fgsm(model, x, y, 0.1, **options), expected(0.1, 10, 0.01)),
        (
            pgd(model, x, y, 0.1, 7, 0.03, random_start=False, **options),
            expected(0.1, 7, 0.03),
        ),
        (
            pgd(model, x, y, 0.1, 5, random_start=False, **options),
            expected(0.1, 5, 0.05),
        ),
    ]:
        assert got.shape == x.shape and got.dtype == x.dtype
        np.testing.assert_allclose(got, want, atol=1e-5)
    assert model.get_weights()[0].shape == (6, 8)


def test_labels_in_every_form():
    model, (x, y) = nets.dense(), nets.rows()
    expected = fgsm(model, x, y, 0.1, **quiet)
    for labels in (y[:, None], np.eye(4)[y], y.astype("float32"), y.tolist()):
        labels = np.array(labels)
        np.testing.assert_array_equal(fgsm(model, x, labels, 0.1, **quiet), expected)
    tensors = helpers.tensors((x, y))
    np.testing.assert_array_equal(fgsm(model, *tensors, 0.1, **quiet), expected)


def test_a_random_start_is_the_seeds_on_every_backend():
    model, (x, y) = nets.dense(), nets.rows()
    attack = functools.partial(pgd, model, x, y, 0.1, **quiet)
    first = attack(steps=1, step_size=0, seed=3)
    noise = np.random.default_rng(3).uniform(-0.1, 0.1, x.shape)
    np.testing.assert_allclose(first, np.clip(x + noise, 0, 1), atol=1e-6)
    np.testing.assert_array_equal(attack(seed=3), attack(seed=3))
    assert (attack(seed=3) != attack(seed=4)).any()
    assert np.abs(attack(seed=3) - x).max() <= 0.1 + 1e-6


def test_confidence_hides_no_gradient():
    """Of probabilities that round to 1 the logarithms have no gradient."""
    model, (x, _) = nets.dense("dense softmax"), nets.rows()
    *below, kernel, bias = model.get_weights()
    model.set_weights([*below, 40 * kernel, 40 * bias])
    y = model.predict(x, verbose=0).argmax(axis=1)
    assert (model.predict(x, verbose=0).max(axis=1) > 1 - 1e-7).any()
    moved = fgsm(model, x, y, 0.1, clip_range=None, **quiet)
    assert (np.abs(moved - x) > 0.09).any(axis=1).all()


def test_a_subclassed_model_of_probabilities():
    model, (x, y) = nets.dense(), nets.rows()
    expected = fgsm(model, x, y, 0.1, **quiet)
    got = fgsm(nets.Subclassed(model), x, y, 0.1, **quiet)
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_nested_and_wrapped_models():
    model, (x, y) = nets.dense("dense softmax"), nets.rows()
    expected = fgsm(model, x, y, 0.1, **quiet)
    nested = keras.Sequential([keras.Input((6,)), model])
    wrapped = MixupModel(nested, MixUp())
    for each in (nested, wrapped):
        np.testing.assert_allclose(fgsm(each, x, y, 0.1, **quiet), expected, atol=1e-6)
    assert model.layers[-1].activation is keras.activations.softmax


def test_a_model_that_trains_on_is_attacked_as_it_is_now():
    model, (x, y) = nets.dense(), nets.rows()
    before = fgsm(model, x, y, 0.1, **quiet)
    nets.with_weights(model, seed=5)
    after = fgsm(model, x, y, 0.1, **quiet)
    assert (before != after).any()
    np.testing.assert_allclose(after, descended(model, x, y, 0.1, 1, 0.1), atol=1e-5)


def test_dropout_and_batch_normalization_are_in_inference_and_stay_as_they_are():
    model, (x, y) = nets.conv(), nets.rows((6, 6, 3), 7)
    before = model.get_weights()
    first, second = (iterative_fgsm(model, x, y, 0.03, **quiet) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.skipif(helpers.backend() != "torch", reason="torchattacks is for torch")
def test_torchattacks_agrees():
    torchattacks = pytest.importorskip("torchattacks")
    import torch

    model, (x, y) = nets.conv(), nets.rows((6, 6, 3), 7)

    class Channels(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, images):
            return self.model(images.permute(0, 2, 3, 1), training=False)

    module = Channels()
    images, labels = torch.tensor(x).permute(0, 3, 1, 2), torch.tensor(y)
    for attack, got in [
        (torchattacks.FGSM(module, eps=0.03), fgsm(model, x, y, 0.03, **quiet)),
        (
            torchattacks.BIM(module, eps=0.03, alpha=0.003, steps=10),
            iterative_fgsm(model, x, y, 0.03, **quiet),
        ),
        (
            torchattacks.PGD(module, eps=0.03, alpha=0.01, steps=7, random_start=False),
            pgd(model, x, y, 0.03, 7, 0.01, random_start=False, **quiet),
        ),
    ]:
        expected = attack(images, labels).permute(0, 2, 3, 1).detach().numpy()
        # A gradient of 0 to rounding may have either sign.
        assert np.mean(np.abs(got - expected) < 1e-5) > 0.999


def test_errors():
    model, (x, y) = nets.dense(classes=7), nets.rows(classes=7, count=200)
    order = np.argsort(-model.predict(x, verbose=0), axis=1)
    top1 = np.mean(order[:, 0] != y)
    top5 = np.mean((order[:, :5] != y[:, None]).all(axis=1))
    assert 0 < top5 < top1 < 1
    assert adversarial_error(model, x, y, **quiet) == pytest.approx(
        {"top1": top1, "top5": top5}
    )
    examples = fgsm(model, x, y, 0.2, **quiet)
    attack = functools.partial(fgsm, epsilon=0.2, verbose=False)
    white = adversarial_error(model, x, y, attack, batch_size=33, **quiet)
    assert white == adversarial_error(model, x, y, examples, **quiet)
    assert white["top1"] > top1
    other = nets.with_weights(nets.dense(classes=7), seed=8)
    black = adversarial_error(other, x, y, examples, **quiet)
    assert black["top1"] != white["top1"]


def test_a_tie_earns_nothing():
    model = nets.dense()
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    x, y = nets.rows()
    assert adversarial_error(model, x, y, **quiet) == {"top1": 1.0, "top5": 0.0}


def test_a_progress_bar_is_shown(capsys):
    model, (x, y) = nets.dense(), nets.rows()
    fgsm(model, x, y, 0.1)
    assert "20/20" in capsys.readouterr().out
    fgsm(model, x, y, 0.1, **quiet)
    assert not capsys.readouterr().out


def two_outputs():
    inputs = keras.Input((6,))
    return keras.Model(inputs, [keras.layers.Dense(2)(inputs) for _ in range(2)])


def broken():
    model = nets.dense()
    model.set_weights([np.full_like(w, np.nan) for w in model.get_weights()])
    return model


X, Y = nets.rows()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epsilon": -0.1}, "argument `epsilon`"),
        ({"epsilon": "0.1"}, "argument `epsilon`"),
        ({"epsilon": float("nan")}, "argument `epsilon`"),
        ({"clip_range": (1, 0)}, "argument `clip_range`"),
        ({"clip_range": 1}, "argument `clip_range`"),
        ({"x": X * 255}, "within `clip_range`"),
        ({"x": (X * 255).astype("uint8")}, "floating-point inputs"),
        ({"x": X * np.nan}, "all numbers"),
        ({"x": X[:0]}, "one row or more"),
        ({"x": [X, X]}, "one array"),
        ({"y": Y + 3}, "whole numbers from 0 to 3"),
        ({"y": Y + 0.5}, "whole numbers from 0 to 3"),
        ({"y": Y[:5]}, "labels of shape"),
        ({"model": lambda: np.argmax}, "a keras.Model"),
        ({"model": two_outputs}, "one output"),
        ({"model": lambda: nets.dense(classes=1)}, "two or more classes"),
        ({"model": broken}, "NaN"),
        ({"batch_size": 0}, "argument `batch_size`"),
    ],
)
def test_bad_input(arguments, message):
    given = {"model": nets.dense, "x": X, "y": Y, "epsilon": 0.1, **quiet} | arguments
    given["model"] = given["model"]()
    with pytest.raises(ValueError, match=message) as error:
        fgsm(**given)
    helpers.assert_three_parts(error)


def test_bad_steps_and_examples():
    model = nets.dense()
    for name, value in (("steps", 0), ("step_size", -1), ("random_start", 1)):
        with pytest.raises(ValueError, match=f"argument `{name}`"):
            pgd(model, X, Y, 0.1, **{name: value}, **quiet)
    with pytest.raises(ValueError, match="argument `seed`"):
        pgd(model, X, Y, 0.1, seed=-1, **quiet)
    with pytest.raises(ValueError, match="argument `attack`"):
        adversarial_error(model, X, Y, X[:5], **quiet)

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


@pytest.mark.spread
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


ENDINGS = {
    "logits": lambda scores: scores,
    "softmax": keras.layers.Softmax(),
    "softmax, then float32": lambda scores: keras.layers.Activation("linear")(
        keras.layers.Dropout(0.1)(keras.layers.Activation("softmax")(scores))
    ),
    "softmax of keras.ops": keras.ops.softmax,
    "log-softmax": keras.ops.log_softmax,
    "sigmoids": keras.layers.Activation("sigmoid"),
}


def one_weight_a_class(weights, ending="softmax", dtype=None):
    inputs = keras.Input((1,))
    layer = keras.layers.Dense(len(weights), use_bias=False, dtype=dtype)
    model = keras.Model(inputs, ENDINGS[ending](layer(inputs)))
    layer.set_weights([np.array([weights], "float32")])
    return model


ATTACKS = [
    fgsm,
    iterative_fgsm,
    functools.partial(pgd, steps=4, seed=2),
    functools.partial(pgd, steps=4, random_start=False),
]


@pytest.mark.parametrize(
    ("attack", "weights"),
    [
        *((attack, (40, 10)) for attack in ATTACKS),
        *((fgsm, weights) for weights in [(60, 0), (60, -60, 3), (10_000, 0)]),
    ],
)
def test_confidence_hides_no_gradient(attack, weights):
    """Class 0 gains on all others with x: every attack has to go down, to the end."""
    model = one_weight_a_class(weights)
    x = np.linspace(0.4, 4, 9, dtype="float32")[:, None]
    for label, towards in ((0, -0.3), (1, 0.3)):
        y = np.full(9, label)
        moved = attack(model, x, y, epsilon=0.3, clip_range=None, **quiet)
        np.testing.assert_allclose(moved, x + towards, atol=1e-6)


@pytest.mark.parametrize(
    ("ending", "dtype"),
    [
        *((ending, None) for ending in ENDINGS),
        *(("logits", f"mixed_{half}") for half in ("float16", "bfloat16")),
        *(("softmax", f"mixed_{half}") for half in ("float16", "bfloat16")),
    ],
)
def test_confidence_hides_no_gradient_whatever_the_model_ends_in(ending, dtype):
    model = one_weight_a_class((60, 0, -3), ending, dtype)
    x = np.array([[0.5], [2.0]], "float32")
    moved = fgsm(model, x, np.array([0, 0]), 0.3, clip_range=None, **quiet)
    np.testing.assert_allclose(moved, x - 0.3, atol=1e-6)


def test_probabilities_of_a_model_without_a_graph_serve_until_they_round_to_0():
    model = nets.Subclassed(one_weight_a_class((60, 0), "logits"))
    x, y = np.array([[0.4], [1.2]], "float32"), np.array([0, 0])
    moved = fgsm(model, x, y, 0.3, clip_range=None, **quiet)
    np.testing.assert_allclose(moved, x - 0.3, atol=1e-6)
    for label in (0, 1):
        with pytest.raises(ValueError, match="model that returns logits") as error:
            fgsm(model, x + 1, y + label, 0.3, clip_range=None, **quiet)
        helpers.assert_three_parts(error)


def test_a_softmax_inside_the_model_stays():
    inputs, softmax = keras.Input((6,)), keras.layers.Softmax()
    attention = softmax(keras.layers.Dense(6)(inputs))
    logits = keras.layers.Dense(4)(attention * inputs)
    twice = nets.with_weights(keras.Model(inputs, softmax(logits)))
    x, y = nets.rows()
    expected = fgsm(keras.Model(inputs, logits), x, y, 0.1, **quiet)
    np.testing.assert_allclose(fgsm(twice, x, y, 0.1, **quiet), expected, atol=1e-6)


@pytest.mark.parametrize("ending", ["logits", "dense softmax"])
def test_labels_may_be_smoothed_but_not_tied(ending):
    model, (x, y) = nets.dense(ending), nets.rows()
    smooth = 0.8 * np.eye(4)[y] + 0.05
    expected = fgsm(model, x, y, 0.1, **quiet)
    np.testing.assert_array_equal(fgsm(model, x, smooth, 0.1, **quiet), expected)
    for tied in (np.zeros((20, 4)), np.eye(4)[y] + np.eye(4)[(y + 1) % 4]):
        with pytest.raises(
            ValueError, match="of each row above 0|one class for each row"
        ) as error:
            fgsm(model, x, tied, 0.1, **quiet)
        helpers.assert_three_parts(error)


@pytest.mark.parametrize("leading", [False, True])
def test_distances_and_limits_for_each_channel(leading):
    """Inputs that were normalised move as far as they would have before."""
    mean, std = np.array([0.5, 0.4, 0.3]), np.array([0.25, 0.2, 0.5])
    if leading:  # as `keras.layers.Normalization` keeps them
        mean, std = (each.reshape(1, 1, 1, 3) for each in (mean, std))
    plain, (x, y) = nets.conv(), nets.rows((6, 6, 3), 7)
    restored = keras.layers.Rescaling(std.ravel().tolist(), mean.ravel().tolist())
    model = keras.Sequential([keras.Input((6, 6, 3)), restored, plain])
    normalised = ((x - mean) / std).astype("float32")
    limits = ((0 - mean) / std, (1 - mean) / std)
    for attack in (fgsm, functools.partial(pgd, steps=3, seed=1, step_size=None)):
        expected = attack(plain, x, y, epsilon=0.1, **quiet)
        for epsilon in (0.1 / std, helpers.tensors((0.1 / std).astype("float32"))):
            moved = attack(
                model, normalised, y, epsilon=epsilon, clip_range=limits, **quiet
            )
            moved = moved * std + mean
            # A gradient of 0 to rounding may have either sign.
            assert np.mean(np.abs(moved - expected) < 1e-5) > 0.999


def test_distances_of_any_shape_that_broadcasts_to_a_row():
    model, (x, y) = nets.conv(), nets.rows((6, 6, 3), 7)
    one = fgsm(model, x, y, 1.0, clip_range=None, **quiet) - x
    rng = np.random.default_rng(0)
    for shape in ((), (1,), (3,), (6, 1), (6, 1, 1), (6, 6, 3), (1, 6, 1, 3)):
        epsilon = rng.uniform(0, 0.1, shape)
        moved = fgsm(model, x, y, epsilon, clip_range=None, **quiet)
        np.testing.assert_allclose(moved, x + epsilon * np.sign(one), atol=1e-6)
        moved = pgd(model, x, y, 1.0, 1, epsilon, False, clip_range=(-2, 2), **quiet)
        np.testing.assert_allclose(moved, x + epsilon * np.sign(one), atol=1e-6)


def test_small_steps_of_half_precision_inputs_add_up():
    model = one_weight_a_class((60, 0))
    x = np.full((1, 1), 0.9, "float16")
    moved = iterative_fgsm(model, x, np.array([0]), 4 / 255, steps=100, **quiet)
    assert moved.dtype == x.dtype
    np.testing.assert_allclose(moved, x.astype("float64") - 4 / 255, atol=5e-4)


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
        ({"epsilon": True}, "argument `epsilon`"),
        ({"epsilon": [0.1, [0.2]]}, "argument `epsilon`"),
        ({"epsilon": np.array([0.1, -0.1, 0.1, 0.1, 0.1, 0.1])}, "argument `epsilon`"),
        ({"epsilon": np.full(4, 0.1)}, r"broadcasts to a row, \(6,\)"),
        ({"epsilon": np.full((20, 1), 0.1)}, r"broadcasts to a row, \(6,\)"),
        ({"clip_range": (np.zeros(5), np.ones(5))}, r"broadcasts to a row, \(6,\)"),
        ({"clip_range": (np.zeros(6), np.eye(6)[0])}, "argument `clip_range`"),
        ({"clip_range": (np.zeros(6), np.full(6, 0.5))}, "within `clip_range`"),
        ({"clip_range": (0, None)}, "argument `clip_range`"),
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

import numpy as np
import pytest

from keras_multimix import CutMix, MixUp, MultiMix, RandomMix, RegMixup
from keras_multimix.evaluation import gradient_variance
from keras_multimix.pairing import SimilarLabels
from tests import helpers
from tests.evaluation import nets

X, Y = nets.rows(count=12)


def softmax_less_target(logits, target):
    """The gradient of the summed cross-entropy with respect to the logits."""
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return p - target


def twice_the_error(found, target):
    """The gradient of the summed squared error of one number a row."""
    return 2 * (found - target.reshape(found.shape))


def gradients(model, mixed, target, of_outputs=softmax_less_target):
    """The gradient of the mean loss of `nets.dense`, by hand."""
    w, b, v, c = (np.float64(each) for each in model.get_weights())
    hidden = np.tanh(mixed @ w + b)
    top = of_outputs(hidden @ v + c, target) / len(mixed)
    below = (top @ v.T) * (1 - hidden**2)
    parts = mixed.T @ below, below.sum(axis=0), hidden.T @ top, top.sum(axis=0)
    return np.concatenate([each.ravel() for each in parts])


def draws(model, mixer, batch_size, num_draws, seed, independent, numbers=None):
    """Both gradients of every draw, `(num_draws, 2, weights)`."""
    rng = np.random.default_rng(seed)
    labels = Y if numbers is None else numbers
    targets = np.eye(4, dtype="float32")[Y] if numbers is None else numbers
    of_outputs = softmax_less_target if numbers is None else twice_the_error
    found = []
    for i in range(num_draws):
        drawn = rng.choice(len(X), batch_size * (1 + independent), replace=False)
        own, partner = drawn[:batch_size], drawn[batch_size:]
        if not independent:
            transformation = mixer.get_random_transformation(
                (X[own], labels[own]), step=2 * i
            )
            partner = own[transformation["partner"]]
        pair = []
        for step in (2 * i, 2 * i + 1):
            mixed = mixer.mix_pairs(
                (X[own], targets[own]), (X[partner], targets[partner]), step=step
            )
            pair.append(gradients(model, *mixed, of_outputs))
        found.append(pair)
    return np.array(found)


@pytest.mark.parametrize("independent", [False, True])
@pytest.mark.parametrize(
    "make",
    [
        lambda: MixUp(1.0, seed=2),
        lambda: MixUp(0.4, 3, sampling="shared", seed=2),
        lambda: MultiMix(1.0, 3, pairing="mirror", seed=2),
        lambda: MultiMix(1.0, 2, keep_batch_size=True, seed=2),
        lambda: MixUp(1.0, pairing="same_class", seed=2),
        lambda: RegMixup(1.0, 2, seed=2),
        lambda: MultiMix(1.0, 3, keep_originals=True, keep_batch_size=True, seed=2),
    ],
)
def test_the_variance_and_its_causes(make, independent):
    model = nets.dense()
    got = gradient_variance(
        model, make(), X, Y, 4, 10, 5, independent_pairs=independent, verbose=False
    )
    found = draws(model, make(), 4, 10, 5, independent)
    total = found.var(axis=0, ddof=1).sum(axis=-1).mean()
    coefficients = ((found[:, 0] - found[:, 1]) ** 2).sum(axis=-1) / 2
    assert got["total"] == pytest.approx(total, rel=1e-4)
    assert got["coefficients"] == pytest.approx(coefficients.mean(), rel=1e-4)
    assert got["pairs"] == pytest.approx(total - coefficients.mean(), rel=1e-4)
    error = coefficients.std(ddof=1) / np.sqrt(10)
    assert got["coefficients_error"] == pytest.approx(error, rel=1e-4)
    assert got["total_error"] > 0 and got["pairs_error"] > 0


def squared(y_true, y_pred):
    """A loss of one's own, which would broadcast."""
    return (y_true - y_pred) ** 2


@pytest.mark.parametrize("loss", ["mse", squared])
@pytest.mark.parametrize("shape", [(12,), (12, 1)])
@pytest.mark.parametrize("pairing", ["shuffle", SimilarLabels(0.3)])
def test_the_variance_of_a_regression(loss, shape, pairing):
    model = nets.dense(classes=1)
    numbers = np.random.default_rng(3).normal(size=shape).astype("float32")

    def make():
        return MixUp(1.0, pairing=pairing, seed=2)

    got = gradient_variance(
        model, make(), X, numbers, 4, 10, 5, loss=loss, verbose=False
    )
    found = draws(model, make(), 4, 10, 5, False, numbers)
    total = found.var(axis=0, ddof=1).sum(axis=-1).mean()
    coefficients = ((found[:, 0] - found[:, 1]) ** 2).sum(axis=-1) / 2
    assert got["total"] == pytest.approx(total, rel=1e-4)
    assert got["coefficients"] == pytest.approx(coefficients.mean(), rel=1e-4)


@pytest.mark.spread
def test_standard_errors_are_those_of_repetitions():
    """20 repetitions spread as their mean standard error says, within a half."""
    model = nets.dense()
    runs = [
        gradient_variance(model, MixUp(1.0, seed=s), X, Y, 2, 40, seed=s, verbose=False)
        for s in range(20)
    ]
    for name in ("total", "pairs", "coefficients"):
        spread = np.std([run[name] for run in runs], ddof=1)
        error = np.mean([run[f"{name}_error"] for run in runs])
        assert 0.5 < spread / error < 1.6


def test_plain_training_has_no_coefficients():
    got = gradient_variance(nets.dense(), MixUp(0), X, Y, 4, 5, seed=1, verbose=False)
    assert got["coefficients"] == 0 and got["total"] == got["pairs"] > 0


def test_images_and_boxes():
    x, y = nets.rows((6, 6, 3), 7)
    mixer = CutMix(1.0, 2, seed=1)
    found = gradient_variance(nets.conv(), mixer, x, y, 6, 4, seed=1, verbose=False)
    assert all(np.isfinite(value) for value in found.values())
    assert found["coefficients"] > 0
    assert helpers.state(mixer)[2] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mixer": RandomMix([MixUp()])}, "argument `mixer`"),
        ({"mixer": "mixup"}, "argument `mixer`"),
        ({"batch_size": 0}, "argument `batch_size`"),
        ({"batch_size": 13}, "13 rows or more"),
        ({"batch_size": 7, "independent_pairs": True}, "14 rows or more"),
        ({"num_draws": 1}, "argument `num_draws`"),
        ({"independent_pairs": 1}, "argument `independent_pairs`"),
        ({"y": Y + 4}, "whole numbers from 0 to 3"),
        ({"y": Y, "loss": "mse"}, "dtype int64, shape"),
        ({"y": np.full(12, np.nan), "loss": "mse"}, "NaN or infinity"),
        ({"y": np.ones((11, 1)), "loss": "mse"}, r"floats of shape \(12, ...\)"),
    ],
)
def test_bad_input(arguments, message):
    given = {"mixer": MixUp(), "x": X, "y": Y, "batch_size": 4, "num_draws": 3}
    with pytest.raises(ValueError, match=message):
        gradient_variance(nets.dense(), **given | arguments, verbose=False)

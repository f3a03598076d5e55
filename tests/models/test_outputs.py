"""Several inputs and outputs, losses and metrics of each."""

import keras
import numpy as np
import pytest

from keras_multimix import MixUp, MixupModel, MultiMix

ROWS = 10


def sparse(reduction="sum_over_batch_size"):
    return keras.losses.SparseCategoricalCrossentropy(True, reduction=reduction)


def two_outputs(form):
    keras.utils.set_random_seed(2)
    inputs = keras.Input((4,))
    second = keras.layers.Dense(2, name="second")(inputs)
    first = keras.layers.Dense(3, name="first")(second)
    outputs = [first, second] if form == "list" else {"first": first, "second": second}
    return keras.Model(inputs, outputs)


def targets(rng, form):
    x = rng.normal(size=(ROWS, 4)).astype("float32")
    first, second = np.arange(ROWS) % 3, x[:, :2] * 2
    return x, (
        [first, second] if form == "list" else {"first": first, "second": second}
    )


def losses(form):
    pair = [sparse("sum"), keras.losses.MeanSquaredError()]
    return pair if form == "list" else dict(zip(("first", "second"), pair, strict=True))


def fit(model, x, y, loss, **arguments):
    compile_arguments = {
        key: arguments.pop(key)
        for key in ("metrics", "weighted_metrics", "loss_weights")
        if key in arguments
    }
    model.compile(keras.optimizers.SGD(0.1), loss, **compile_arguments)
    return model.fit(
        x, y, batch_size=ROWS, epochs=2, shuffle=False, verbose=0, **arguments
    ).history


@pytest.mark.parametrize("form", ["list", "dict"])
@pytest.mark.parametrize("loss_form", ["list", "dict"])
@pytest.mark.parametrize("count", [1, 3])
def test_losses_of_different_reductions(rng, form, loss_form, count):
    if form == "dict" and loss_form == "list":
        pytest.skip("Keras pairs such losses with outputs by the order of their names")
    x, y = targets(rng, form)
    loss = losses(loss_form)
    metrics = (
        [["accuracy"], ["mae"]]
        if loss_form == "list"
        else {"first": ["accuracy"], "second": ["mae"]}
    )
    weights = [0.5, 2.0] if loss_form == "list" else {"first": 0.5, "second": 2.0}
    runs = [
        fit(model, x, y, loss, metrics=metrics, loss_weights=weights)
        for model in (MixupModel(two_outputs(form), MixUp(0, count)), two_outputs(form))
    ]
    assert runs[0].keys() == runs[1].keys() and len(runs[0]) == 5
    for key in runs[0]:
        if "second" in key or "first_acc" in key or key in ("loss", "first_loss"):
            np.testing.assert_allclose(runs[0][key], runs[1][key], rtol=2e-5)


def test_one_loss_for_all_outputs_and_weights_for_each(rng):
    x, _ = targets(rng, "dict")
    y = {"first": np.eye(3)[np.arange(ROWS) % 3], "second": x[:, :2]}
    weights = {"first": rng.uniform(size=ROWS), "second": rng.uniform(size=ROWS)}
    runs = [
        fit(model, x, y, "mse", sample_weight=weights)
        for model in (MixupModel(two_outputs("dict"), MixUp(0)), two_outputs("dict"))
    ]
    np.testing.assert_allclose(runs[0]["loss"], runs[1]["loss"], rtol=1e-5)


def test_an_output_without_a_loss(rng):
    x, y = targets(rng, "dict")
    runs = [
        fit(model, x, y, {"first": sparse()})
        for model in (MixupModel(two_outputs("dict"), MixUp(0)), two_outputs("dict"))
    ]
    np.testing.assert_allclose(runs[0]["loss"], runs[1]["loss"], rtol=1e-5)


@pytest.mark.parametrize("form", ["list", "dict"])
def test_several_inputs_are_mixed_alike(rng, form):
    first, second = (keras.Input((2,), name=name) for name in ("first", "second"))
    both = keras.layers.Concatenate()([first, second])
    outputs = keras.layers.Dense(1)(both)
    inputs = [first, second] if form == "list" else {"first": first, "second": second}
    base = keras.Model(inputs, outputs)
    x = rng.normal(size=(ROWS, 4)).astype("float32")
    parts = [x[:, :2], x[:, 2:]]
    data = (
        parts if form == "list" else dict(zip(("first", "second"), parts, strict=True))
    )
    plain = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    plain.set_weights(base.get_weights())
    mixer = MultiMix(0.4, seed=5)
    ours = fit(MixupModel(base, mixer), data, x[:, :1], "mse")
    theirs = fit(MixupModel(plain, MultiMix(0.4, seed=5)), x, x[:, :1], "mse")
    np.testing.assert_allclose(ours["loss"], theirs["loss"], rtol=1e-5)


def test_losses_that_do_not_fit_the_outputs(rng):
    x, y = targets(rng, "list")
    model = MixupModel(two_outputs("list"), MixUp())
    with pytest.raises((ValueError, KeyError)):
        fit(model, x, y, ["mse", "mse", "mse"])

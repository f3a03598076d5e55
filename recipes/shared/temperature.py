"""Likelihood and calibration after temperature scaling on validation rows."""

import keras

from keras_multimix.evaluation import calibrate
from recipes.shared.curves import predict
from recipes.shared.measures import measure


def scaled_measures(network, split):
    """Finds T on the validation rows, and measures the logits over T on the tests.

    Args:
        network: a `keras.Model` that gives logits.
        split: a `recipes.datasets.split.Split`; without validation rows there is
            nothing to measure.

    Returns:
        A dict with `temperature`, `scaled_nll` and `scaled_ece`; NaN where no T is
        best, as where the network has no error on the validation rows.
    """
    if split.validation_labels is None:
        return {}
    found = predict(network, split.validation_inputs)
    # The logits are their own model: no second forward pass, and nothing to compile.
    logits = keras.Sequential(
        [keras.Input(found.shape[1:]), keras.layers.Activation("linear")]
    )
    nothing = ("temperature", "scaled_nll", "scaled_ece")
    try:
        _, temperature = calibrate(
            logits, found, split.validation_labels, verbose=False
        )
    except ValueError:
        return dict.fromkeys(nothing, float("nan"))
    measured = measure(
        predict(network, split.test_inputs) / temperature, split.test_labels
    )
    values = (temperature, measured["nll"], measured["ece"])
    return dict(zip(nothing, values, strict=True))

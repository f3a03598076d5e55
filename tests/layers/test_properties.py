"""Whatever the shapes and arguments, a call is what the oracle makes of its draw."""

import keras
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keras_multimix import CutMix, MixUp
from tests import helpers, oracle

SETTINGS = settings(
    max_examples=25,
    derandomize=True,  # the same examples in every run
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
COMMON = {
    "rows": st.integers(1, 9),
    "count": st.integers(1, 5),
    "alpha": st.sampled_from([0, 0.01, 0.4, 1.0, 20.0]),
    "sampling": st.sampled_from(["independent", "stratified", "shared"]),
    "pairing": st.sampled_from(["shuffle", "roll", "mirror", "same_class"]),
    "keep": st.booleans(),
    "step": st.integers(0, 2**31 - 1),
    "seed": st.integers(0, 2**64 - 1),
    "as_tensors": st.booleans(),
}


def run(layer_class, data, given_arguments):
    arguments = dict(given_arguments)
    step, as_tensors = arguments.pop("step"), arguments.pop("as_tensors")
    layer = layer_class(
        arguments["alpha"],
        arguments["count"],
        sampling=arguments["sampling"],
        pairing=arguments["pairing"],
        keep_batch_size=arguments["keep"],
        seed=arguments["seed"],
        num_classes=3,
    )
    drawn = layer.get_random_transformation(data, step=step)
    batch = helpers.tensors(data) if as_tensors else data
    mixed = helpers.in_numpy(layer(batch, step=step))
    keras.tree.assert_same_structure(mixed, data)
    rows, count = len(data["labels"]), arguments["count"]
    pairs = max(1, rows // count) if arguments["keep"] else rows
    assert drawn["partner"].shape == (rows,)
    assert drawn["coefficients"].shape == (rows, count)
    assert np.all(np.diff(drawn["coefficients"], axis=1) <= 0)
    assert np.all((0 <= drawn["partner"]) & (drawn["partner"] < rows))
    weights = drawn["coefficients"][:pairs]
    assert np.all((weights >= 0) & (weights <= 1))
    labels = oracle.one_hot(data["labels"], 3)
    expected = oracle.interpolate_labels(
        labels, data["sample_weights"], drawn["partner"], weights
    )
    np.testing.assert_allclose(mixed["labels"], expected, atol=1e-5)
    expected = oracle.interpolate(data["sample_weights"], drawn["partner"], weights)
    np.testing.assert_allclose(mixed["sample_weights"], expected, atol=1e-5)
    return drawn, weights, mixed, pairs


def batch(rng, rows, shape):
    return {
        "images": rng.normal(size=(rows, *shape)).astype("float32"),
        "labels": rng.integers(0, 3, size=rows),
        "sample_weights": rng.uniform(size=rows).astype("float32"),
    }


@SETTINGS
@given(shape=st.lists(st.integers(1, 4), max_size=4), **COMMON)
def test_mix_up(shape, rows, **arguments):
    data = batch(np.random.default_rng(rows), rows, shape)
    drawn, weights, mixed, _ = run(MixUp, data, arguments)
    expected = oracle.interpolate(data["images"], drawn["partner"], weights)
    np.testing.assert_allclose(mixed["images"], expected, atol=1e-5)


@SETTINGS
@given(
    shape=st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 3)), **COMMON
)
def test_cut_mix(shape, rows, **arguments):
    data = batch(np.random.default_rng(rows), rows, shape)
    drawn, weights, mixed, pairs = run(CutMix, data, arguments)
    boxes = drawn["boxes"]
    assert boxes.shape == (*drawn["coefficients"].shape, 4)
    height, width = shape[:2]
    assert np.all(boxes >= 0)
    assert np.all(boxes[..., 0] + boxes[..., 2] <= height)
    assert np.all(boxes[..., 1] + boxes[..., 3] <= width)
    share = 1 - boxes[:pairs, :, 2] * boxes[:pairs, :, 3] / (height * width)
    np.testing.assert_allclose(weights, share, atol=1e-6)
    expected = oracle.cut_and_paste(data["images"], drawn["partner"], boxes[:pairs])
    np.testing.assert_array_equal(mixed["images"], expected)

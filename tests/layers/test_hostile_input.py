"""Whatever a caller passes is mixed rightly, or refused and moves nothing."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keras_multimix import CutMix, MixUp, MultiMix
from tests import helpers, oracle
from tests.layers import hostile

SETTINGS = settings(
    max_examples=120,
    derandomize=True,  # the same examples in every run
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@SETTINGS
@given(**hostile.CASES)
def test_arrays(name, arguments, data, step):
    hostile.check(name, arguments, data, step)


# Every new shape compiles anew there.
@settings(SETTINGS, max_examples=15 if helpers.backend() == "jax" else 40)
@given(**hostile.CASES)
def test_tensors(name, arguments, data, step):
    hostile.check(name, arguments, data, step, as_tensors=True)


@SETTINGS
@given(
    rows=st.integers(1, 6),
    sampling=st.sampled_from(["independent", "stratified", "shared"]),
    step=st.integers(0, 2**31 - 1),
)
def test_one_interpolation_is_mixup(rows, sampling, step):
    x = np.random.default_rng(rows).normal(size=(rows, 3))
    multi = MultiMix(0.4, 1, sampling=sampling, seed=3)
    mixed = multi(x, step=step)
    drawn = MixUp(0.4, sampling=sampling, seed=3).get_random_transformation(
        x, step=step
    )
    expected = oracle.interpolate(x, drawn["partner"], drawn["coefficients"])
    np.testing.assert_allclose(mixed, expected, atol=1e-6)


@pytest.mark.parametrize("layer_class", [MixUp, MultiMix, CutMix])
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("convert", [lambda x: x, helpers.tensors])
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_a_value_that_is_not_finite_stays_in_its_own_mixes(
    rng, layer_class, value, convert
):
    x = rng.normal(size=(6, 4, 4)).astype("float32")
    x[2, 1] = value
    layer = layer_class(0.4, 3, seed=1)
    drawn = helpers.in_numpy(layer.get_random_transformation(x, step=0))
    mixed = helpers.in_numpy(layer(convert(x), step=0))
    touched = np.repeat((np.arange(6) == 2) | (drawn["partner"] == 2), 3)
    assert np.isfinite(mixed[~touched]).all()
    assert not np.isfinite(mixed[touched]).all()
    # Nor does it leave its place in the row.
    assert np.isfinite(np.delete(mixed, 1, axis=1)).all()


# What the larger budgets found ------------------------------------------------


@pytest.mark.parametrize("pairing", ["shuffle", "same_class", "neighbors"])
@pytest.mark.parametrize("shape", [(0, 4, 4), (3, 4, 0), (3, 0)])
@pytest.mark.parametrize("convert", [lambda x: x, helpers.tensors])
def test_sizes_of_zero(pairing, shape, convert):
    x, y = np.zeros(shape, "float32"), np.arange(shape[0]) % 3
    layer = MixUp(0.4, 2, pairing=pairing, num_classes=3, seed=1)
    mixed, labels = helpers.in_numpy(layer(*convert((x, y)), step=0))
    assert mixed.shape == (2 * shape[0], *shape[1:])
    assert labels.shape == (2 * shape[0], 3)


@pytest.mark.parametrize("arguments", [{"alpha": 10**400}, {"num_classes": 2**40}])
def test_numbers_that_are_too_large(arguments):
    with pytest.raises(ValueError, match="Expected.*Received.*To fix it"):
        MixUp(**arguments)


@pytest.mark.parametrize("alpha", [np.float16(0.5), np.float32(0.5), np.int64(2)])
def test_numbers_of_numpy(alpha):
    layer = MixUp(alpha)  # without a warning
    assert type(layer.alpha) is float and layer.alpha == alpha


def test_complex_rows_have_no_neighbors():
    layer = MixUp(pairing="neighbors", seed=1)
    with pytest.raises(ValueError, match="real numbers"):
        layer(np.ones((4, 3), "complex64"))
    assert helpers.state(layer)[2] == 0


def test_classes_of_the_places_of_images_one_pixel_wide(rng):
    x, y = rng.normal(size=(4, 6, 1)), rng.integers(0, 3, (4, 6, 1))
    layer = CutMix(num_classes=3, seed=1)
    drawn = layer.get_random_transformation((x, y), step=0)
    _, labels = layer(x, y, step=0)
    one_hot = oracle.one_hot(y[..., 0], 3)
    expected = oracle.interpolate(one_hot, drawn["partner"], drawn["coefficients"])
    np.testing.assert_allclose(labels, expected, atol=1e-6)

"""Train metrics of any kind, against plain Keras on the two labels of each row."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_multimix import MixUp, MixupModel
from tests import helpers, oracle

ROWS = 6
# On JAX the matrices of plain Keras ask for 64-bit integers.
pytestmark = pytest.mark.filterwarnings("ignore:Explicitly requested dtype int64")


def f_score(y, p):
    """One number for the batch, as most custom metrics give."""
    y = ops.cast(y, p.dtype)
    return 2 * ops.sum(y * p) / (ops.sum(y) + ops.sum(p))


def signal_to_noise(y, p):
    """One number for each image, as PSNR gives."""
    squares = ops.square(ops.cast(y, p.dtype) - p)
    return -ops.log(ops.mean(squares, axis=(1, 2, 3)))


def per_class(y, p):
    return ops.mean(ops.abs(ops.cast(y, p.dtype) - p), axis=(0, 1, 2))


class Counting(keras.metrics.Metric):
    """Averages over calls and ignores its weights, as many custom metrics do."""

    def __init__(self, name="counting", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable((), "zeros", name="total")
        self.calls = self.add_variable((), "zeros", name="calls")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.total.assign_add(f_score(y_true, y_pred))
        self.calls.assign_add(1.0)

    def result(self):
        return self.total / self.calls


class WholeHits(Counting):
    """Counts hits as integers, and would cut weights off."""

    def __init__(self, name="whole_hits", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.hits = self.add_variable((), "zeros", dtype="int32", name="hits")

    def update_state(self, y_true, y_pred, sample_weight=None):
        hits = ops.cast((y_pred > 0.5) == (ops.cast(y_true, "float32") > 0.5), "int32")
        if sample_weight is not None:
            hits = ops.cast(sample_weight, "int32") * hits
        self.hits.assign_add(ops.sum(hits))

    def result(self):
        return ops.cast(self.hits, "float32")


class Weighting(keras.metrics.Metric):
    """A custom metric that weights its rows."""

    def __init__(self, name="weighting", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable((), "zeros", name="total")

    def update_state(self, y_true, y_pred, sample_weight=None):
        rows = ops.mean(ops.abs(ops.cast(y_true, "float32") - y_pred), axis=-1)
        if sample_weight is not None:
            rows = rows * ops.cast(sample_weight, "float32")
        self.total.assign_add(ops.sum(rows))

    def result(self):
        return self.total + 0.0


class OwnMeanIoU(keras.metrics.MeanIoU):
    """Cannot be made anew from its configuration."""

    def __init__(self, classes):
        super().__init__(num_classes=classes)


def identity(shape):
    inputs = keras.Input(shape)
    layer = keras.layers.Dense(shape[-1], kernel_initializer="identity", use_bias=False)
    return keras.Model(inputs, layer(inputs))


def drawn(mixer, x):
    """Mixed rows, the partners' numbers, and λ of each row."""
    drawn = helpers.in_numpy(mixer.get_random_transformation(x, step=0))
    mixed = oracle.interpolate(x, drawn["partner"], drawn["coefficients"])
    return mixed.astype("float32"), drawn["partner"], drawn["coefficients"]


def reported(metric, x, y, count=1, eagerly=False, **arguments):
    mixer = MixUp(1.0, count, seed=3)
    model = MixupModel(identity(x.shape[1:]), mixer)
    model.compile(
        keras.optimizers.SGD(0.0),
        "mse",
        run_eagerly=eagerly,
        **{arguments.pop("kind", "metrics"): [metric]},
    )
    history = model.fit(
        x, y, batch_size=len(x), verbose=0, shuffle=False, **arguments
    ).history
    (value,) = (value for name, value in history.items() if name != "loss")
    return value[0]


def both_labels(make, x, y, count=1, spread=lambda w, y: w):
    """A plain metric that sees each row twice, weighted by λ and 1 − λ."""
    mixed, partner, coefficients = drawn(MixUp(1.0, count, seed=3), x)
    own, other = np.repeat(np.arange(len(x)), count), np.repeat(partner, count)
    metric, lam = make(), coefficients.ravel()
    for rows, part in ((own, lam), (other, 1 - lam)):
        metric.update_state(*helpers.tensors([y[rows], mixed, spread(part, y[rows])]))
    return helpers.in_numpy(metric.result())


def heavier_label(function, x, y, count=1):
    mixed, partner, coefficients = drawn(MixUp(1.0, count, seed=3), x)
    own, other = np.repeat(np.arange(len(x)), count), np.repeat(partner, count)
    rows = np.where(coefficients.ravel() >= 0.5, own, other)
    return helpers.in_numpy(function(*helpers.tensors([y[rows], mixed])))


def per_place(part, y):
    return np.broadcast_to(part.reshape(-1, *(1,) * (y.ndim - 1)), y.shape).copy()


def data(rng, shape, y_shape=None):
    x = rng.uniform(size=(ROWS, *shape)).astype("float32")
    y = rng.integers(0, 2, size=(ROWS, *(shape if y_shape is None else y_shape)))
    return x, y.astype("float32")


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("eagerly", [False, True])
@pytest.mark.parametrize("metric", [f_score, per_class, Counting, WholeHits])
def test_what_cannot_be_weighted_sees_the_heavier_label_once(
    rng, metric, count, eagerly
):
    x, y = data(rng, (4, 5, 6))

    def plain(y, p):
        if metric is per_class:
            return ops.mean(per_class(y, p))
        if metric is WholeHits:
            return ops.sum(ops.cast((p > 0.5) == (y > 0.5), "float32"))
        return f_score(y, p)

    given = metric() if isinstance(metric, type) else metric
    got = reported(given, x, y, count, eagerly)
    np.testing.assert_allclose(got, heavier_label(plain, x, y, count), rtol=1e-5)


@pytest.mark.parametrize("count", [1, 3])
# 2 · B · K of one case is the width: shapes alone cannot tell rows from places.
@pytest.mark.parametrize("shape", [(4, 12, 1), (4, 5, 2)])
@pytest.mark.parametrize("kind", ["metrics", "weighted_metrics"])
def test_one_number_per_image(rng, shape, count, kind):
    x, y = data(rng, shape)

    def plain():
        return keras.metrics.MeanMetricWrapper(signal_to_noise)

    got = reported(signal_to_noise, x, y, count, kind=kind)
    np.testing.assert_allclose(got, both_labels(plain, x, y, count), rtol=1e-5)


MATRICES = {
    "binary, no channel": (
        lambda: keras.metrics.BinaryIoU([0, 1], threshold=0.5),
        (5, 7, 1),
        (5, 7),
    ),
    "binary": (
        lambda: keras.metrics.BinaryIoU([1], threshold=0.5),
        (5, 7, 1),
        (5, 7, 1),
    ),
    "tags": (lambda: keras.metrics.BinaryIoU([1], threshold=0.5), (4,), (4,)),
    "sparse": (
        lambda: keras.metrics.MeanIoU(2, sparse_y_pred=False),
        (5, 7, 2),
        (5, 7, 1),
    ),
    "one hot": (lambda: keras.metrics.OneHotIoU(3, [0, 2]), (5, 7, 3), (5, 7, 3)),
    "mean of one hot": (lambda: keras.metrics.OneHotMeanIoU(3), (3,), (3,)),
}


def in_floats(make):
    metric = make()
    return type(metric).from_config(metric.get_config() | {"dtype": "float32"})


@pytest.mark.spread
@pytest.mark.parametrize("kind", MATRICES)
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("eagerly", [False, True])
def test_confusion_matrices_are_weighted(rng, kind, count, eagerly):
    make, shape, y_shape = MATRICES[kind]
    x, y = data(rng, shape, y_shape)

    def spread(part, y):
        return per_place(part, y if make().sparse_y_true else y[..., 0])

    got = reported(make(), x, y, count, eagerly)
    expected = both_labels(lambda: in_floats(make), x, y, count, spread)
    np.testing.assert_allclose(got, expected, rtol=1e-5)
    assert 0 < got < 1


def test_a_matrix_counts_in_evaluate_before_and_after(rng):
    x, y = data(rng, (5, 7, 1))
    metric = keras.metrics.BinaryIoU([1], threshold=0.5)
    model = MixupModel(identity((5, 7, 1)), MixUp(1.0, seed=3))
    model.compile(keras.optimizers.SGD(0.0), "mse", metrics=[metric])
    plain = in_floats(lambda: keras.metrics.BinaryIoU([1], threshold=0.5))
    plain.update_state(*helpers.tensors([y, x]))
    expected = helpers.in_numpy(plain.result())
    for _ in range(2):
        got = model.evaluate(x, y, verbose=0)[1]
        np.testing.assert_allclose(got, expected, rtol=1e-6)
        model.fit(x, y, verbose=0)


def test_a_matrix_that_cannot_count_in_floats(rng):
    x, y = data(rng, (5, 7, 1))
    model = MixupModel(identity((5, 7, 1)), MixUp(1.0))
    model.compile("sgd", "mse", metrics=[OwnMeanIoU(2)])
    with pytest.raises(ValueError, match='dtype="float32"') as error:
        model.fit(x, y, verbose=0)
    helpers.assert_three_parts(error)


# Keras' own that keep more than a mean, and a custom one.
OTHERS = {
    "precision": (lambda: keras.metrics.Precision(), (4,)),
    "precision of pixels": (lambda: keras.metrics.Precision(), (5, 7, 1)),
    "recall of classes": (lambda: keras.metrics.Recall(class_id=1), (4,)),
    "top recall": (lambda: keras.metrics.Recall(top_k=2), (4,)),
    "auc": (lambda: keras.metrics.AUC(), (4,)),
    "auc of pixels": (lambda: keras.metrics.AUC(), (5, 7, 1)),
    "auc of labels": (lambda: keras.metrics.AUC(multi_label=True), (4,)),
    "true positives": (lambda: keras.metrics.TruePositives(), (5, 7, 1)),
    "sensitivity": (lambda: keras.metrics.SensitivityAtSpecificity(0.5), (4,)),
    "f_beta": (lambda: keras.metrics.FBetaScore(threshold=0.5, average="micro"), (4,)),
    "rmse": (lambda: keras.metrics.RootMeanSquaredError(), (4,)),
    "rmse of pixels": (lambda: keras.metrics.RootMeanSquaredError(), (5, 7, 2)),
    "r2": (lambda: keras.metrics.R2Score(), (4,)),
    "pearson": (lambda: keras.metrics.PearsonCorrelation(), (4,)),
    "cosine": (lambda: keras.metrics.CosineSimilarity(), (5, 7, 2)),
    "hinge": (lambda: keras.metrics.Hinge(), (4,)),
    "top": (lambda: keras.metrics.TopKCategoricalAccuracy(2), (4,)),
    "binary": (lambda: keras.metrics.BinaryAccuracy(), (5, 7, 1)),
    "mean of places": (lambda: keras.metrics.MeanAbsoluteError(), (7, 2)),
    "custom": (lambda: Weighting(), (4,)),
}


@pytest.mark.spread
@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("count", [1, 3])
def test_other_metrics_see_both_labels(rng, kind, count):
    make, shape = OTHERS[kind]
    x, y = data(rng, shape)

    def spread(part, y):  # weights of the values' shape, for the oracle
        return part if len(shape) == 1 else per_place(part, y[..., 0])

    got = reported(make(), x, y, count)
    expected = both_labels(make, x, y, count, spread)
    np.testing.assert_allclose(got, expected, rtol=1e-4)


def test_sample_weights_beside_metrics(rng):
    x, y = data(rng, (4,))
    w = rng.uniform(0.5, 2, size=ROWS).astype("float32")
    mixed, partner, coefficients = drawn(MixUp(1.0, seed=3), x)
    lam = coefficients.ravel()
    metric = keras.metrics.MeanAbsoluteError()
    for rows, part in ((np.arange(ROWS), lam), (partner, 1 - lam)):
        metric.update_state(*helpers.tensors([y[rows], mixed, part * w[rows]]))
    expected = helpers.in_numpy(metric.result())
    got = reported("mae", x, y, kind="weighted_metrics", sample_weight=w)
    np.testing.assert_allclose(got, expected, rtol=1e-5)


def test_a_perfect_model_reads_the_mean_of_the_larger_coefficient(rng):
    """Why training accuracy is low: `evaluate` on the train rows gives the real one."""
    y = np.arange(400) % 4
    x = (np.eye(4)[y] * 9).astype("float32")
    model = MixupModel(identity((4,)), MixUp(0.4, seed=3, pairing="roll"))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.0), loss, metrics=["accuracy"])
    history = model.fit(x, y, batch_size=400, verbose=0, shuffle=False).history
    _, _, coefficients = drawn(MixUp(0.4, seed=3, pairing="roll"), x)
    larger = np.maximum(coefficients, 1 - coefficients).mean()
    np.testing.assert_allclose(history["accuracy"], larger, rtol=1e-5)
    assert abs(larger - 0.84) < 0.02  # E max(λ, 1 − λ) at α = 0.4
    assert model.evaluate(x, y, verbose=0)[1] == 1.0

"""Calibration metrics against an oracle, netcal, torchmetrics and scikit-learn."""

import functools

import keras
import numpy as np
import pytest
from keras import ops

from keras_multimix import MixUp, MixupModel
from keras_multimix.metrics import BrierScore, ExpectedCalibrationError
from tests import helpers

NORMS = ("l1", "l2", "max")


def predictions(rng, rows, classes=10):
    """Probabilities, and labels that are drawn from somewhat milder ones."""
    p = rng.dirichlet(np.full(classes, 0.3), rows)
    mild = np.sqrt(p) / np.sqrt(p).sum(axis=1, keepdims=True)
    labels = (mild.cumsum(axis=1) < rng.random((rows, 1))).sum(axis=1)
    return p.astype("float32"), np.minimum(labels, classes - 1)


def oracle(confidence, correct, edges, norm, weight=None):
    weight = np.ones(len(confidence)) if weight is None else weight
    last = len(edges) - 2
    share, gaps = [], []
    for k in range(last + 1):
        above = confidence <= edges[k + 1] if k == last else confidence < edges[k + 1]
        rows = (confidence >= edges[k]) & above
        if weight[rows].sum() > 0:
            share.append(weight[rows].sum() / weight.sum())
            gaps.append(np.average((correct - confidence)[rows], weights=weight[rows]))
    share, gaps = np.array(share), np.abs(gaps)
    if norm == "l1":
        return (share * gaps).sum()
    return np.sqrt((share * gaps**2).sum()) if norm == "l2" else gaps.max()


def streamed(metric, y, p, weight=None, size=37):
    for start in range(0, len(p), size):
        rows = slice(start, start + size)
        given = None if weight is None else weight[rows]
        metric.update_state(y[rows], p[rows], sample_weight=given)
    return float(metric.result())


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("num_bins", [1, 10, 15])
@pytest.mark.parametrize("weighted", [False, True])
def test_calibration_error(rng, norm, num_bins, weighted):
    p, y = predictions(rng, 300)
    weight = rng.integers(0, 4, 300) / 2 if weighted else None
    metric = ExpectedCalibrationError(num_bins, norm)
    edges = np.linspace(0, 1, num_bins + 1)
    expected = oracle(p.max(axis=1), p.argmax(axis=1) == y, edges, norm, weight)
    assert streamed(metric, y, p, weight) == pytest.approx(expected, rel=1e-5)
    metric.reset_state()
    assert float(metric.result()) == 0
    assert streamed(metric, y, p, weight, 300) == pytest.approx(expected, rel=1e-5)


@pytest.mark.spread
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("rows", [7, 15, 100, 301])
def test_bins_of_equal_weight(rng, norm, rows):
    p, y = predictions(rng, rows)
    confidence = p.max(axis=1).astype("float64")
    edges = np.quantile(confidence, np.linspace(0, 1, 16))
    expected = oracle(confidence, p.argmax(axis=1) == y, edges, norm)
    metric = ExpectedCalibrationError(15, norm, adaptive=True)
    assert streamed(metric, y, p) == pytest.approx(expected, rel=1e-5)
    # Twice the weight of every row is no other weighting.
    doubled = ExpectedCalibrationError(15, norm, adaptive=True)
    assert streamed(doubled, y, p, np.full(rows, 2.0)) == pytest.approx(expected, 1e-5)


@pytest.mark.parametrize("adaptive", [False, True])
def test_netcal_agrees(rng, adaptive):
    netcal = pytest.importorskip("netcal.metrics")
    for rows in (60, 500):
        p, y = predictions(rng, rows)
        expected = netcal.ECE(15, equal_intervals=not adaptive).measure(p, y)
        metric = ExpectedCalibrationError(15, adaptive=adaptive)
        assert streamed(metric, y, p) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("norm", NORMS)
def test_torchmetrics_agrees(rng, norm):
    torch = pytest.importorskip("torch")
    functional = pytest.importorskip("torchmetrics.functional.classification")
    p, y = predictions(rng, 500)
    expected = functional.multiclass_calibration_error(
        torch.tensor(p), torch.tensor(y), num_classes=10, n_bins=15, norm=norm
    )
    metric = ExpectedCalibrationError(15, norm)
    assert streamed(metric, y, p) == pytest.approx(float(expected), rel=1e-5)


def test_scikit_learn_agrees_on_the_brier_score(rng):
    from sklearn.metrics import brier_score_loss

    p, y = predictions(rng, 300)
    p = p.astype("float64") / p.sum(axis=1, keepdims=True, dtype="float64")
    weight = rng.random(300)
    for given in (None, weight):
        expected = brier_score_loss(
            y, p, sample_weight=given, labels=range(10), scale_by_half=False
        )
        assert streamed(BrierScore(), y, p, given) == pytest.approx(expected, rel=1e-5)


def test_edges_of_bins():
    def bin_of(confidence, num_bins=10):
        metric = ExpectedCalibrationError(num_bins)
        p = np.array([[confidence, 1 - confidence]], "float32")
        metric.update_state(np.array([0]), np.sort(p)[:, ::-1])
        return np.flatnonzero(metric.bins()["weight"]).tolist()

    assert bin_of(1.0) == [9]
    # float32 has no 0.7, and what is nearest to it is below.
    for k in range(5, 10):
        assert bin_of(k / 10) == [k]
    assert bin_of(np.nextafter(np.float32(0.7), np.float32(0))) == [6]
    # Only of scores that are no probabilities could the largest be 0.
    metric = ExpectedCalibrationError()
    cells = metric._cells(ops.convert_to_tensor(np.array([0.0, 1.0], "float32")))
    assert helpers.in_numpy(cells).tolist() == [0, 14]


@pytest.mark.parametrize("adaptive", [False, True])
def test_certainty_and_a_single_row(adaptive):
    metric = ExpectedCalibrationError(adaptive=adaptive)
    metric.update_state(np.array([1]), np.array([[1.0, 0.0]]))
    assert float(metric.result()) == 1
    metric.update_state(np.array([0, 0, 0]), np.array([[1.0, 0.0]] * 3))
    assert float(metric.result()) == pytest.approx(0.25)


@pytest.mark.parametrize("metric_class", [ExpectedCalibrationError, BrierScore])
@pytest.mark.parametrize("from_logits", [False, True])
def test_every_form_of_labels_and_predictions(rng, metric_class, from_logits):
    p, y = predictions(rng, 60)
    expected = streamed(metric_class(), y, p)
    given = np.log(p + 1e-30) + 3 if from_logits else p
    one_hot = np.eye(10)[y]
    for labels in (y, y[:, None], y.astype("float32"), one_hot, one_hot.astype(int)):
        metric = metric_class(from_logits=from_logits)
        assert streamed(metric, labels, given) == pytest.approx(expected, rel=1e-4)
    # Every place of a sequence or an image counts as a row.
    dense = metric_class(from_logits=from_logits)
    dense.update_state(y.reshape(4, 5, 3), given.reshape(4, 5, 3, 10))
    assert float(dense.result()) == pytest.approx(expected, rel=1e-4)
    weight = np.array([0.0, 1.0, 2.0, 0.0])
    by_row, by_place = (metric_class(from_logits=from_logits) for _ in range(2))
    by_row.update_state(y.reshape(4, 15), given.reshape(4, 15, 10), weight)
    by_place.update_state(y, given, np.repeat(weight, 15))
    assert float(by_row.result()) == pytest.approx(float(by_place.result()), rel=1e-5)


def test_soft_labels_of_the_brier_score():
    metric = BrierScore()
    metric.update_state(np.array([[0.5, 0.5]]), np.array([[0.8, 0.2]]))
    assert float(metric.result()) == pytest.approx(0.18)


def test_bins_of_a_reliability_diagram(rng):
    p, y = predictions(rng, 300)
    metric = ExpectedCalibrationError(5)
    streamed(metric, y, p)
    bins = metric.bins()
    confidence, correct = p.max(axis=1), p.argmax(axis=1) == y
    for k in range(5):
        rows = (confidence >= k / 5) & (confidence < (k + 1) / 5)
        assert bins["weight"][k] == rows.sum()
        if rows.any():
            assert bins["confidence"][k] == pytest.approx(confidence[rows].mean())
            assert bins["accuracy"][k] == pytest.approx(correct[rows].mean())
        else:
            assert np.isnan(bins["accuracy"][k])


@pytest.mark.parametrize("adaptive", [False, True])
def test_compiled_it_is_the_same(rng, adaptive):
    p, y = predictions(rng, 64)
    metrics = [
        ExpectedCalibrationError(adaptive=adaptive, from_logits=True),
        BrierScore(from_logits=True),
    ]
    base = keras.Sequential([keras.Input((10,)), keras.layers.Activation("linear")])
    base.compile(loss="sparse_categorical_crossentropy", metrics=metrics)
    logits = np.log(p + 1e-30)
    results = base.evaluate(logits, y, batch_size=20, verbose=0, return_dict=True)
    for metric in metrics:
        own = type(metric).from_config(metric.get_config())
        assert own.get_config() == metric.get_config()
        expected = streamed(own, y, logits, size=20)
        assert results[metric.name] == pytest.approx(expected, rel=1e-5)


def test_in_mixup_model(rng):
    base = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")])
    model = MixupModel(base, MixUp(seed=1))
    model.compile(
        "sgd",
        "sparse_categorical_crossentropy",
        metrics=[ExpectedCalibrationError(), BrierScore()],
    )
    x, y = rng.normal(size=(20, 4)), np.arange(20) % 3
    history = model.fit(x, y, batch_size=8, verbose=0).history
    assert 0 < history["expected_calibration_error"][0] < 1
    assert 0 < history["brier_score"][0] < 2


METRICS = [
    ExpectedCalibrationError,
    functools.partial(ExpectedCalibrationError, adaptive=True),
    BrierScore,
]


def of_two_classes(rng, shape):
    """Probabilities of an over-confident model of two classes, and labels."""
    p = (0.5 + 0.5 * rng.beta(2, 1, shape)).astype("float32")
    labels = (rng.random(shape) > p - 0.2).astype("int32")
    return np.stack([p, 1 - p], axis=-1), labels


def in_float64(metric, y, p, weight=None):
    """The calibration error over 15 bins, and the Brier score."""
    p, y = p.reshape(-1, 2), y.ravel()
    weight = np.ones(len(y)) if weight is None else np.float64(weight.ravel())
    confidence, correct = np.float64(p[:, 0]), y == 0
    if isinstance(metric, BrierScore):
        second = np.float64(p[:, 1])
        squares = (confidence - correct) ** 2 + (second - (1 - correct)) ** 2
        return np.average(squares, weights=weight)
    if metric.adaptive:
        edges = np.quantile(confidence, np.linspace(0, 1, 16))[1:-1]
    else:
        edges = np.linspace(0, 1, 16).astype("float32")[1:-1]
    bins = np.searchsorted(edges, confidence, side="right")
    gaps = np.bincount(bins, weight * (correct - confidence), 15)
    return np.abs(gaps).sum() / weight.sum()


@pytest.mark.spread
@pytest.mark.parametrize("make", METRICS)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_pixels_of_four_images_in_one_update(rng, make, weighted):
    metric, shape = make(), (4, 512, 512)
    p, y = of_two_classes(rng, shape)
    weight = rng.random(shape).astype("float32") ** 4 if weighted else None
    expected = in_float64(metric, y, p, weight)
    metric.update_state(y, p, weight)
    adaptive = getattr(metric, "adaptive", False)
    # Weights move the edges of bins of equal weight, which the oracle leaves alone.
    tolerance = 1e-3 if adaptive and weighted else 1e-6
    assert float(metric.result()) == pytest.approx(expected, rel=tolerance)


@pytest.mark.slow
@pytest.mark.parametrize("make", METRICS)
@pytest.mark.parametrize("updates", [1, 200])
def test_twenty_million_voxels(rng, make, updates):
    metric = make()
    p, y = of_two_classes(rng, 20_000_000 // updates)
    for _ in range(updates):
        metric.update_state(y, p)
    expected = in_float64(metric, y, p)
    assert float(metric.result()) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("make", METRICS)
def test_rows_after_a_hundred_million_others(rng, make):
    """A float32 sum of 1e8 would not notice a row of weight 1."""
    metric, total = make(), 1e8
    p, y = of_two_classes(rng, 2_000)
    p, weight = np.tile(p[:1], (2_000, 1)), np.ones(2_000)
    y = np.ones_like(y)
    metric.update_state(np.array([0]), p[:1], np.array([total]))
    before = in_float64(metric, np.array([0]), p[:1])
    for start in range(0, 2_000, 50):
        rows = slice(start, start + 50)
        metric.update_state(y[rows], p[rows])
    y, weight = np.append(y, 0), np.append(weight, total)
    expected = in_float64(metric, y, np.append(p, p[:1], axis=0), weight)
    assert abs(expected - before) > 1e-5
    assert float(metric.result()) == pytest.approx(expected, abs=1e-7)


@pytest.mark.spread
@pytest.mark.parametrize("make", METRICS)
@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_large_batch_in_a_compiled_function(rng, make, jit_compile):
    if helpers.backend() == "torch" and jit_compile:
        pytest.skip("generating C++ code takes minutes")
    metric = make()
    p, y = of_two_classes(rng, 150_000)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Activation("linear")])
    model.compile(
        weighted_metrics=[metric],
        loss="sparse_categorical_crossentropy",
        jit_compile=jit_compile,
    )
    weight = (np.arange(150_000) % 3).astype("float32")
    options = {"sample_weight": weight, "verbose": 0, "return_dict": True}
    found = model.evaluate(p, y, batch_size=100_000, **options)[metric.name]
    own = make()
    for rows in (slice(0, 100_000), slice(100_000, None)):
        own.update_state(y[rows], p[rows], weight[rows])
    assert found == pytest.approx(float(own.result()), rel=1e-6)
    if not getattr(metric, "adaptive", False):
        assert found == pytest.approx(in_float64(metric, y, p, weight), rel=1e-6)


@pytest.mark.parametrize("make", METRICS)
def test_no_rows(make):
    metric = make()
    metric.update_state(np.zeros((0,), "int32"), np.zeros((0, 3), "float32"))
    assert float(metric.result()) == 0
    metric.update_state(np.array([0]), np.array([[0.5, 0.5]]))
    metric.update_state(np.zeros((0, 2)), np.zeros((0, 2), "float32"), np.zeros((0,)))
    assert float(metric.result()) == 0.5


VOID = [
    ("an index too large", lambda y, void: np.where(void, 255, y)),
    ("an index of a small dtype", lambda y, void: np.where(void, 255, y).astype("u1")),
    ("a negative index", lambda y, void: np.where(void, -1, y)),
    ("a float", lambda y, void: np.where(void, 0.5, y)),
    ("NaN", lambda y, void: np.where(void, np.nan, y)),
    ("an axis of 1", lambda y, void: np.where(void, 255, y)[..., None]),
    ("no class", lambda y, void: np.eye(10)[y] * ~void[..., None]),
    (
        "NaN of each class",
        lambda y, void: np.where(void[..., None], np.nan, np.eye(10)[y]),
    ),
]


@pytest.mark.spread
@pytest.mark.parametrize("metric_class", [ExpectedCalibrationError, BrierScore])
@pytest.mark.parametrize("labels", [make for _, make in VOID], ids=[n for n, _ in VOID])
@pytest.mark.parametrize("eager", [True, False])
def test_labels_of_no_class(rng, metric_class, labels, eager):
    """What weighs 0 does not count; what weighs more is refused, or gives NaN."""
    p, y = predictions(rng, 48)
    void = rng.random(48) < 0.3
    expected = streamed(metric_class(), y[~void], p[~void])
    shape = (4, 4, 3)
    y, void, p = labels(y, void), void.reshape(shape), p.reshape(*shape, 10)
    y = y.reshape(*shape, *y.shape[1:])
    layer = keras.layers.Activation("linear")
    model = keras.Sequential([keras.Input((4, 3, 10)), layer])
    model.compile(
        weighted_metrics=[metric_class()],
        loss=lambda y_true, y_pred: ops.mean(y_pred, axis=-1),
        run_eagerly=eager,
    )

    def evaluated(weight):
        options = {"sample_weight": weight, "verbose": 0, "batch_size": 2}
        return model.evaluate(p, y, **options)[-1]

    for weight in (~void, (~void)[..., None] * 2.0):
        weight = weight.astype("float32")
        if weight.ndim == 3:
            assert evaluated(weight) == pytest.approx(expected, rel=1e-5)
        metric = metric_class()
        metric.update_state(y, p, weight)
        assert float(metric.result()) == pytest.approx(expected, rel=1e-5)
    one = np.ones(shape, "float32")
    if eager or helpers.backend() == "torch":
        with pytest.raises(ValueError, match="sample weight 0") as error:
            evaluated(one)
        helpers.assert_three_parts(error)
    else:
        assert np.isnan(evaluated(one))


@pytest.mark.parametrize("metric_class", [ExpectedCalibrationError, BrierScore])
def test_weights_in_the_shape_of_the_labels(rng, metric_class):
    p, y = predictions(rng, 12)
    weight = rng.integers(0, 4, 12).astype("float32")
    expected = streamed(metric_class(), y, p, weight)
    for labels in (y, y[:, None], np.eye(10)[y]):
        for weights in (weight, weight[:, None], weight.astype(int)):
            metric = metric_class()
            metric.update_state(labels, p, weights)
            assert float(metric.result()) == pytest.approx(expected, rel=1e-6)
    # Of a sequence: one for each row, one for each place, with an axis of 1 or without.
    y, p = y.reshape(4, 3, 1), p.reshape(4, 3, 10)
    for weights in (weight.reshape(4, 3), weight.reshape(4, 3, 1)):
        metric = metric_class()
        metric.update_state(y, p, weights)
        assert float(metric.result()) == pytest.approx(expected, rel=1e-6)
    by_row, by_place = metric_class(), metric_class()
    by_row.update_state(y, p, weight[:4, None])
    by_place.update_state(y, p, np.repeat(weight[:4], 3).reshape(4, 3))
    assert float(by_row.result()) == float(by_place.result())


@pytest.mark.parametrize("metric_class", [ExpectedCalibrationError, BrierScore])
@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.array([1.0, -1.0]), "0 or more"),
        (np.array([1.0, np.nan]), "NaN"),
        (np.array([1.0, np.inf]), "finite"),
        (np.ones(3), r"shape \(2,\)"),
        (np.ones((2, 2)), r"shape \(2,\)"),
        (np.ones((1, 2)), r"shape \(2,\)"),
    ],
)
def test_bad_weights_change_nothing(metric_class, weight, message):
    metric = metric_class()
    metric.update_state(LABELS, GOOD)
    before = float(metric.result())
    with pytest.raises(ValueError, match=message) as error:
        metric.update_state(LABELS, GOOD, weight)
    helpers.assert_three_parts(error)
    assert float(metric.result()) == before


GOOD = np.array([[0.5, 0.5], [0.2, 0.8]])
LABELS = np.array([0, 1])


@pytest.mark.parametrize("metric_class", [ExpectedCalibrationError, BrierScore])
@pytest.mark.parametrize(
    ("labels", "predictions", "message"),
    [
        (LABELS, GOOD * 2, "from_logits=True"),
        (LABELS, np.log(GOOD), "from_logits=True"),
        (LABELS, GOOD * [[1], [np.nan]], "NaN in 1 rows of 2"),
        (LABELS, GOOD[:, :1], r"1 - p, p"),
        (LABELS, GOOD[:, 0], "two or more classes"),
        (LABELS, GOOD.astype(int), "floating-point scores"),
        (LABELS + 1, GOOD, "class indices, whole numbers from 0 to 1"),
        (LABELS - 1, GOOD, "class indices, whole numbers from 0 to 1"),
        (np.array([0, 1, 1]), GOOD, "labels of shape"),
        (np.eye(3)[LABELS], GOOD, "labels of shape"),
        (np.eye(2) * np.nan, GOOD, "NaN"),
        (np.eye(2) * [[1], [0]], GOOD, "a row without a class"),
    ],
)
def test_bad_input_changes_nothing(metric_class, labels, predictions, message):
    metric = metric_class()
    metric.update_state(LABELS, GOOD)
    before = float(metric.result())
    with pytest.raises(ValueError, match=message) as error:
        metric.update_state(labels, predictions)
    helpers.assert_three_parts(error)
    assert float(metric.result()) == before


@pytest.mark.skipif(helpers.backend() == "torch", reason="PyTorch reads and refuses")
@pytest.mark.parametrize("metric_class", [ExpectedCalibrationError, BrierScore])
def test_logits_taken_for_probabilities_are_no_number_in_a_graph(rng, metric_class):
    p, y = predictions(rng, 12)
    model = keras.Sequential([keras.Input(p.shape[1:]), keras.layers.Identity()])

    def evaluated(scores, weight=None, **arguments):
        model.compile(loss="mse", weighted_metrics=[metric_class(**arguments)])
        labels = np.eye(10)[y]
        return model.evaluate(scores, labels, sample_weight=weight, verbose=0)[-1]

    logits = np.log(p) + 1.0
    assert np.isfinite(evaluated(p))
    assert np.isfinite(evaluated(logits, from_logits=True))
    for scores in (logits, 2 * p, p - 0.1):
        assert np.isnan(evaluated(scores))
    half = np.arange(12) % 2
    scores = np.where(half[:, None] == 1, p, logits)
    assert np.isfinite(evaluated(scores, weight=half))


def test_logits_are_not_taken_for_probabilities_only_where_looking_is_free():
    metric = ExpectedCalibrationError(from_logits=True)
    metric.update_state(LABELS, np.array([[5.0, -2.0], [0.0, 9.0]]))
    assert 0 < float(metric.result()) < 0.01


@pytest.mark.parametrize(
    "arguments",
    [
        *({"num_bins": value} for value in (0, -1, 2.5, "15", True)),
        *({"norm": value} for value in ("L1", 1, None)),
        {"adaptive": 1},
        {"from_logits": "yes"},
    ],
)
def test_bad_arguments(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        ExpectedCalibrationError(**arguments)

"""Metrics of calibration: whether a model's confidence is its accuracy."""

import keras
import numpy as np
from keras import ops

from keras_multimix import class_scores, exact_sums, tracing
from keras_multimix.arguments import check_choice, check_count, check_flag, invalid
from keras_multimix.batches import same_shape

# Where bins of equal weight may begin and end: cells that narrow towards a confidence
# of 1, in each of which 1 - confidence varies by 0.002 %.
_NUM_CELLS = 1 << 20
_BITS = 24  # a float32 just below 1 differs from it by 2 ** -24


class _MetricOfSums(keras.metrics.Metric):
    """Base class of metrics that keep sums over rows, exact for billions of them."""

    def _add_sums(self, num_segments, num_columns):
        """Adds the sums, zeros at first, and what float32 has left of each."""
        self.sums, self.rests = (
            self.add_variable(
                shape=(num_segments, num_columns),
                initializer="zeros",
                dtype="float32",
                name=name,
            )
            for name in ("sums", "rests")
        )

    def _add_rows(self, columns, segments):
        """Adds rows: a list of tensors `(N,)`, and the segment of each row."""
        rows = ops.stack(columns, axis=-1)
        sums, rests = exact_sums.add_rows(self._pair(), rows, segments)
        self.sums.assign(sums)
        self.rests.assign(rests)

    def _pair(self):
        return ops.convert_to_tensor(self.sums), ops.convert_to_tensor(self.rests)


@keras.saving.register_keras_serializable(package="keras_multimix")
class ExpectedCalibrationError(_MetricOfSums):
    """Measures the distance between confidence and accuracy, over bins of confidence.

    A row's confidence is the probability of its most probable class. A bin holds its
    lower end and not its upper end; only the last bin holds its upper end, 1, too. The
    metric keeps as many numbers for many rows as for few.

    Args:
        num_bins: How many bins, 1 or more. 15 is usual.
        norm: `"l1"`: the mean distance, where each bin has the weight of its rows.
            `"l2"`: the root of the mean squared distance. `"max"`: the largest
            distance.
        adaptive: True makes bins of equal weight instead of equal width.
        from_logits: True if predictions are logits, False for probabilities.
        name: The metric's name.
        dtype: The metric's dtype policy. The sums are pairs of float32 numbers in any
            case, so that no row is lost even among billions.

    Call arguments:
        y_true: Class indices of any dtype, shape `(...)` or `(..., 1)`; or one-hot
            labels `(..., C)`, whose largest entry counts.
        y_pred: Probabilities or logits, floats of shape `(..., C)`, C of 2 or more.
        sample_weight: Weights of the rows, 0 or more, shape `(B,)` or that of the class
            indices, also with a last axis of 1. What weighs 0 does not count, whatever
            its label: pixels of class 255 for instance.

    Returns:
        A float32 scalar from 0 to 1, 0 before any row.

    Raises:
        ValueError: For arguments out of range, shapes that do not go together, and,
            where reading the values waits for no device, NaN, probabilities that do not
            sum to 1, weights below 0, and labels out of range that weigh more than 0.
            Elsewhere, as in a compiled graph, any of these makes the result NaN.

    References:
        Naeini et al., "Obtaining Well Calibrated Probabilities Using Bayesian Binning",
        AAAI 2015; Guo et al., "On Calibration of Modern Neural Networks", ICML 2017;
        `"l2"` and `adaptive`: Nixon et al., "Measuring Calibration in Deep Learning",
        CVPR workshops 2019.

    Example:

    >>> import numpy as np
    >>> from keras_multimix.metrics import ExpectedCalibrationError
    >>> metric = ExpectedCalibrationError()
    >>> metric.update_state([0, 1], np.array([[0.9, 0.1], [0.7, 0.3]]))
    >>> round(float(metric.result()), 3)  # (|1 - 0.9| + |0 - 0.7|) / 2
    0.4
    """

    def __init__(
        self,
        num_bins: int = 15,
        norm="l1",
        adaptive=False,
        from_logits: bool = False,
        name: str | None = "expected_calibration_error",
        dtype=None,
    ):
        self.num_bins = check_count("num_bins", num_bins, maximum=_NUM_CELLS)
        check_choice("norm", norm, ("l1", "l2", "max"))
        check_flag("adaptive", adaptive)
        check_flag("from_logits", from_logits)
        super().__init__(name=name, dtype=dtype)
        self.norm = norm
        self.adaptive = adaptive
        self.from_logits = from_logits
        # For each cell the sums of: weight, confidence, correctness, rows.
        self._add_sums(_NUM_CELLS if adaptive else self.num_bins, 4)

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch."""
        y_true, y_pred, weight = _checked(
            y_true, y_pred, sample_weight, self.from_logits
        )
        if 0 in tuple(y_pred.shape):
            return
        probabilities = class_scores.probabilities(y_pred, self.from_logits)
        confidence = ops.max(probabilities, axis=-1)
        predicted = ops.cast(ops.argmax(probabilities, axis=-1), "int32")
        correct = ops.cast(predicted == class_scores.classes(y_true, y_pred), "float32")
        counted = ops.cast(weight > 0, "float32")
        columns = [weight, _weighted(confidence, weight), _weighted(correct, weight)]
        columns = [ops.reshape(each, (-1,)) for each in (*columns, counted)]
        self._add_rows(columns, self._cells(ops.reshape(confidence, (-1,))))

    def result(self):
        """Returns the error over all rows so far."""
        weight, _, gap = ops.unstack(self._bin_sums(), 3, axis=-1)
        total, gap = ops.sum(weight), ops.abs(gap)
        if self.norm == "l1":
            error = ops.divide_no_nan(ops.sum(gap), total)
        elif self.norm == "l2":
            squares = ops.divide_no_nan(gap * gap, weight)
            error = ops.sqrt(ops.divide_no_nan(ops.sum(squares), total))
        else:
            error = ops.max(ops.divide_no_nan(gap, weight))
        # Not every maximum passes NaN on.
        return ops.where(ops.isnan(ops.sum(gap)), np.nan, error)

    def bins(self):
        """Returns what a reliability diagram shows, a dict of NumPy arrays.

        Returns:
            `"weight"`, the rows of each bin, or their weights; `"confidence"` and
            `"accuracy"`, their means there, NaN in an empty bin. Shape `(num_bins,)`.
        """
        sums = np.array(ops.convert_to_numpy(self._bin_sums()), dtype="float64")
        sums[:, 2] += sums[:, 1]
        weight = sums[:, 0]
        means = np.full((self.num_bins, 2), np.nan)
        means[weight > 0] = sums[weight > 0, 1:] / weight[weight > 0, None]
        return {"weight": weight, "confidence": means[:, 0], "accuracy": means[:, 1]}

    def _cells(self, confidence):
        if not self.adaptive:
            edges = np.linspace(0, 1, self.num_bins + 1).astype("float32")[1:-1]
            edges = ops.convert_to_tensor(edges)
            return ops.cast(ops.searchsorted(edges, confidence, side="right"), "int32")
        # -log2(1 - confidence) grows with it, from 0 to _BITS.
        height = -ops.log2(1.0 - confidence + 2.0**-_BITS) / _BITS
        cells = ops.cast(ops.floor(height * _NUM_CELLS), "int32")
        return ops.clip(cells, 0, _NUM_CELLS - 1)

    def _bin_sums(self):
        """Returns each bin's sums: weight, confidence, correctness minus confidence."""
        sums, rests = self._pair()
        num_rows = ops.sum(sums[:, 3])
        gap = (sums[:, 2] - sums[:, 1]) + (rests[:, 2] - rests[:, 1])
        sums = ops.stack([sums[:, 0], sums[:, 1], gap], axis=-1)
        if not self.adaptive:
            return sums
        # The bins' edges are quantiles: of N rows that weigh the same, the last of
        # those that share row i's cell being row j, it is bin j * num_bins // (N - 1).
        upto = _cumulative(sums[:, 0])
        one = ops.divide_no_nan(upto[-1], num_rows)
        place = ops.divide_no_nan(self.num_bins * (upto - one), upto[-1] - one)
        bins = ops.clip(ops.cast(ops.floor(place), "int32"), 0, self.num_bins - 1)
        # By blocks of cells first, so that each sum rounds little.
        num_blocks = max(1, min(1 << 10, _NUM_CELLS // self.num_bins))
        blocks = np.arange(_NUM_CELLS) // -(-_NUM_CELLS // num_blocks)
        blocks = ops.convert_to_tensor(blocks.astype("int32"))
        sums = ops.segment_sum(
            sums, bins * num_blocks + blocks, num_segments=self.num_bins * num_blocks
        )
        return ops.sum(ops.reshape(sums, (self.num_bins, num_blocks, 3)), axis=1)

    def get_config(self):
        """Returns the arguments that make the same metric."""
        return super().get_config() | {
            "num_bins": self.num_bins,
            "norm": self.norm,
            "adaptive": self.adaptive,
            "from_logits": self.from_logits,
        }


@keras.saving.register_keras_serializable(package="keras_multimix")
class BrierScore(_MetricOfSums):
    """Measures the mean squared distance between probabilities and one-hot labels.

    For one row it is the sum over all classes of `(probability - label) ** 2`, from 0
    to 2. It is a proper score: only the true probabilities minimise it.

    Args:
        from_logits: True if predictions are logits, False for probabilities.
        name: The metric's name.
        dtype: The metric's dtype policy; sums are kept as those of
            `ExpectedCalibrationError`.

    Call arguments:
        y_true: Class indices of any dtype, shape `(...)` or `(..., 1)`; or one-hot or
            soft labels `(..., C)`.
        y_pred: Probabilities or logits, floats of shape `(..., C)`, C of 2 or more.
        sample_weight: Weights of the rows, as for `ExpectedCalibrationError`.

    Returns:
        A float32 scalar, 0 before any row.

    Raises:
        ValueError: As `ExpectedCalibrationError` does.

    References:
        Brier, "Verification of Forecasts Expressed in Terms of Probability", Monthly
        Weather Review 78 (1), 1950.

    Example:

    >>> import numpy as np
    >>> from keras_multimix.metrics import BrierScore
    >>> metric = BrierScore()
    >>> metric.update_state([0, 1], np.array([[0.9, 0.1], [0.7, 0.3]]))
    >>> round(float(metric.result()), 3)  # (2 * 0.1 ** 2 + 2 * 0.7 ** 2) / 2
    0.5
    """

    def __init__(
        self,
        from_logits: bool = False,
        name: str | None = "brier_score",
        dtype=None,
    ):
        check_flag("from_logits", from_logits)
        super().__init__(name=name, dtype=dtype)
        self.from_logits = from_logits
        self._add_sums(1, 2)

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch."""
        y_true, y_pred, weight = _checked(
            y_true, y_pred, sample_weight, self.from_logits
        )
        if 0 in tuple(y_pred.shape):
            return
        labels = class_scores.one_hot(y_true, y_pred)
        errors = class_scores.probabilities(y_pred, self.from_logits) - labels
        squares = _weighted(ops.sum(errors * errors, axis=-1), weight)
        columns = [ops.reshape(each, (-1,)) for each in (squares, weight)]
        self._add_rows(columns, ops.cast(ops.zeros_like(columns[0]), "int32"))

    def result(self):
        """Returns the mean over all rows so far."""
        return ops.divide_no_nan(self.sums[0, 0], self.sums[0, 1])

    def get_config(self):
        """Returns the arguments that make the same metric."""
        return super().get_config() | {"from_logits": self.from_logits}


def _checked(y_true, y_pred, sample_weight, from_logits):
    """Returns labels, predictions and the weight of each row.

    Labels of no class become class 0. Their weight is 0 if the caller gave them the
    weight 0, and NaN otherwise. Predictions that are no probabilities get the weight
    NaN in the same way. NaN occurs only where the values cannot be read, as in a
    compiled graph: elsewhere the checks have refused them.
    """
    y_true, y_pred = (ops.convert_to_tensor(each) for each in (y_true, y_pred))
    y_pred = ops.stop_gradient(y_pred)
    class_scores.check_scores(y_pred, from_logits)
    weight = _weights(sample_weight, ops.shape(y_pred)[:-1])
    class_scores.check_targets(y_true, y_pred, weight)
    fits = class_scores.have_class(y_true, y_pred)
    counts = ops.logical_and(fits, ops.logical_and(weight > 0, ops.isfinite(weight)))
    if not from_logits:
        counts = ops.logical_and(counts, class_scores.are_probabilities(y_pred))
    weight = ops.where(ops.logical_or(counts, weight == 0), weight, np.nan)
    if len(y_true.shape) == len(y_pred.shape):
        fits = ops.expand_dims(fits, axis=-1)
    return ops.where(fits, y_true, ops.zeros_like(y_true)), y_pred, weight


def _weights(sample_weight, shape):
    """Returns a float32 weight for each row, a tensor of a shape."""
    weight = ops.convert_to_tensor(1.0 if sample_weight is None else sample_weight)
    values = tracing.to_numpy_if_on_host(weight)
    if values is not None:
        values = values.astype("float64")
        if not ((values >= 0) & np.isfinite(values)).all():
            raise invalid(
                "sample weights",
                expected="finite numbers, 0 or more",
                received="NaN"
                if np.isnan(values).any()
                else f"values from {values.min():.4g} to {values.max():.4g}",
                fix="correct the weights",
            )
    sizes = tuple(weight.shape)
    if len(sizes) > len(shape) and sizes[-1] == 1:
        sizes, weight = sizes[:-1], ops.squeeze(weight, axis=-1)
    own = tuple(size if isinstance(size, int) else None for size in shape)
    fitting = (
        given if size == 1 else size for size, given in zip(sizes, own, strict=False)
    )
    if len(sizes) > len(own) or not same_shape(tuple(fitting), own[: len(sizes)]):
        raise invalid(
            "sample weights",
            expected=f"one for each row, shape {own[:1]} or {own}",
            received=f"shape {tuple(weight.shape)}",
            fix="pass weights of the labels' rows",
        )
    trailing = (1,) * (len(own) - len(sizes))
    weight = ops.reshape(ops.cast(weight, "float32"), (*ops.shape(weight), *trailing))
    return ops.broadcast_to(weight, shape)


def _weighted(values, weight):
    """Returns weighted values; a value without weight may be no number."""
    return ops.where(weight == 0, 0.0, weight * values)


def _cumulative(weight):
    """Returns the cumulative sums of cells, in blocks, so that each rounds little."""
    blocks = ops.cumsum(ops.reshape(weight, (1 << 10, -1)), axis=1)
    before = ops.cumsum(blocks[:, -1]) - blocks[:, -1]
    return ops.reshape(blocks + before[:, None], (-1,))

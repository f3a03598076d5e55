"""Metrics of calibration: whether a model's confidence is its accuracy."""

import keras
import numpy as np
from keras import ops

from keras_multimix import class_scores
from keras_multimix.arguments import check_choice, check_count, check_flag

# Where bins of equal weight may begin and end: cells that narrow towards a confidence
# of 1, in each of which 1 - confidence varies by 0.002 %.
_NUM_CELLS = 1 << 20
_BITS = 24  # a float32 just below 1 differs from it by 2 ** -24


@keras.saving.register_keras_serializable(package="keras_multimix")
class ExpectedCalibrationError(keras.metrics.Metric):
    """The distance between confidence and accuracy, over bins of confidence.

    A row's confidence is the probability of its most probable class. Bins are closed
    below and open above, but for the last, which holds 1 too. It streams: what it keeps
    does not grow with the rows.

    Args:
        num_bins: How many bins, 1 or more. 15 is usual.
        norm: `"l1"`, the mean distance, each bin weighing as its rows do; `"l2"`, the
            root of the mean squared one; `"max"`, the largest.
        adaptive: True makes bins of equal weight instead of equal width.
        from_logits: True if predictions are logits, False for probabilities.
        name: The metric's name.
        dtype: The metric's dtype policy; sums are kept in float32 in any case.

    Call arguments:
        y_true: Class indices of any dtype, shape `(...)` or `(..., 1)`; or one-hot
            labels `(..., C)`, whose largest entry counts.
        y_pred: Probabilities or logits, floats of shape `(..., C)`, C of 2 or more.
        sample_weight: Weights of the rows, shape `(B,)` or that of the class indices.

    Returns:
        A float32 scalar from 0 to 1, 0 before any row.

    Raises:
        ValueError: For arguments out of range, shapes that do not go together, and,
            where looking waits for no device, NaN, probabilities that do not sum to 1
            and labels out of range.

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
        num_bins=15,
        norm="l1",
        adaptive=False,
        from_logits=False,
        name="expected_calibration_error",
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
        self.sums = self.add_variable(
            shape=(_NUM_CELLS if adaptive else self.num_bins, 4),
            initializer="zeros",
            dtype="float32",
            name="sums",
        )

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch."""
        y_true, y_pred = _checked(y_true, y_pred, self.from_logits)
        classes = class_scores.classes(y_true, y_pred)
        probabilities = class_scores.probabilities(y_pred, self.from_logits)
        confidence = ops.reshape(ops.max(probabilities, axis=-1), (-1,))
        predicted = ops.cast(ops.argmax(probabilities, axis=-1), "int32")
        correct = ops.reshape(ops.cast(predicted == classes, "float32"), (-1,))
        weight = _weights(sample_weight, classes)
        counted = ops.cast(weight > 0, "float32")
        rows = [weight, weight * confidence, weight * correct, counted]
        self.sums.assign_add(
            ops.segment_sum(
                ops.stack(rows, axis=-1),
                self._cells(confidence),
                num_segments=self.sums.shape[0],
            )
        )

    def result(self):
        """Returns the error over all rows so far."""
        weight, confidence, correct = ops.unstack(self._bin_sums(), 3, axis=-1)
        total = ops.sum(weight)
        gap = ops.abs(correct - confidence)
        if self.norm == "l1":
            return ops.divide_no_nan(ops.sum(gap), total)
        if self.norm == "l2":
            squares = ops.divide_no_nan(gap * gap, weight)
            return ops.sqrt(ops.divide_no_nan(ops.sum(squares), total))
        return ops.max(ops.divide_no_nan(gap, weight))

    def bins(self):
        """Returns what a reliability diagram shows, a dict of NumPy arrays.

        Returns:
            `"weight"`, the rows of each bin, or their weights; `"confidence"` and
            `"accuracy"`, their means there, NaN in an empty bin. Shape `(num_bins,)`.
        """
        sums = np.array(ops.convert_to_numpy(self._bin_sums()), dtype="float64")
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
        sums = ops.convert_to_tensor(self.sums)
        if not self.adaptive:
            return sums[:, :3]
        # The bins' edges are quantiles: of N rows that weigh the same, the last of
        # those that share row i's cell being row j, it is bin j * num_bins // (N - 1).
        weight, rows = sums[:, 0], ops.sum(sums[:, 3])
        upto = ops.cumsum(weight)
        one = ops.divide_no_nan(upto[-1], rows)
        place = ops.divide_no_nan(self.num_bins * (upto - one), upto[-1] - one)
        bins = ops.clip(ops.cast(ops.floor(place), "int32"), 0, self.num_bins - 1)
        return ops.segment_sum(sums[:, :3], bins, num_segments=self.num_bins)

    def get_config(self):
        """Returns the arguments that make the same metric."""
        return super().get_config() | {
            "num_bins": self.num_bins,
            "norm": self.norm,
            "adaptive": self.adaptive,
            "from_logits": self.from_logits,
        }


@keras.saving.register_keras_serializable(package="keras_multimix")
class BrierScore(keras.metrics.Mean):
    """The mean squared distance between probabilities and one-hot labels.

    Of a row, the sum over all classes of `(probability - label) ** 2`, from 0 to 2. A
    proper score: only the true probabilities minimise it.

    Args:
        from_logits: True if predictions are logits, False for probabilities.
        name: The metric's name.
        dtype: The metric's dtype policy.

    Call arguments:
        y_true: Class indices of any dtype, shape `(...)` or `(..., 1)`; or one-hot or
            soft labels `(..., C)`.
        y_pred: Probabilities or logits, floats of shape `(..., C)`, C of 2 or more.
        sample_weight: Weights of the rows, shape `(B,)` or that of the class indices.

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

    def __init__(self, from_logits=False, name="brier_score", dtype=None):
        check_flag("from_logits", from_logits)
        super().__init__(name=name, dtype=dtype)
        self.from_logits = from_logits

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch."""
        y_true, y_pred = _checked(y_true, y_pred, self.from_logits)
        labels = class_scores.one_hot(y_true, y_pred)
        errors = class_scores.probabilities(y_pred, self.from_logits) - labels
        squares = ops.sum(errors * errors, axis=-1)
        weight = _weights(sample_weight, squares)
        super().update_state(ops.reshape(squares, (-1,)), sample_weight=weight)

    def get_config(self):
        """Returns the arguments that make the same metric."""
        return super().get_config() | {"from_logits": self.from_logits}


def _checked(y_true, y_pred, from_logits):
    y_true, y_pred = (ops.convert_to_tensor(each) for each in (y_true, y_pred))
    class_scores.check_scores(y_pred, from_logits)
    class_scores.check_targets(y_true, y_pred)
    return y_true, y_pred


def _weights(sample_weight, like):
    """Returns a float32 weight for each entry of a tensor, in one axis."""
    weight = ops.cast(1.0 if sample_weight is None else sample_weight, "float32")
    trailing = max(0, len(like.shape) - len(weight.shape))
    weight = ops.reshape(weight, (*ops.shape(weight), *(1,) * trailing))
    return ops.reshape(ops.broadcast_to(weight, ops.shape(like)), (-1,))

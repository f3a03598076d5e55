"""Losses that Keras lacks."""

import keras
import numpy as np
from keras import ops

from keras_multimix import tracing
from keras_multimix.arguments import (
    check_flag,
    check_integer,
    check_label_smoothing,
    invalid,
)
from keras_multimix.batches import dtype_of, same_shape
from keras_multimix.keras_fixes import tensor_marks

# Whole numbers up to 2 ** bits are exact.
_BITS = {"bfloat16": 8, "float16": 11, "float32": 24, "float64": 53}


@keras.saving.register_keras_serializable(package="keras_multimix")
class SparseCategoricalCrossentropy(keras.losses.Loss):
    """The cross-entropy of class indices, with label smoothing.

    With smoothing ε it is `(1 - ε) * -log p_y + ε * mean over classes of -log p`, which
    is `keras.losses.CategoricalCrossentropy(label_smoothing=ε)` of one-hot labels,
    without a tensor of one-hot labels. It works in any model, `MixupModel` among them.

    Args:
        from_logits: True if predictions are logits, False for probabilities.
        label_smoothing: ε, the share of each label that is spread over all classes
            evenly; 0 or more and less than 1.
        ignore_class: A class index, such as 255 or -1 for pixels without a class, or
            None. Where the label is this, the loss is 0, and a mean does not count the
            place, as in `keras.losses.SparseCategoricalCrossentropy`.
        axis: The axis of the classes in the predictions, 1 for channels first.
        reduction: As for any loss of Keras.
        name: The loss's name.
        dtype: The dtype to compute in; None is Keras' `floatx`, float32.

    Call arguments:
        y_true: Class indices of any dtype, the shape of `y_pred` without `axis`, or
            with a 1 there or at the end.
        y_pred: Logits or probabilities, floats with C classes, 2 or more, on `axis`:
            `(B, C)`, `(B, H, W, C)`, `(B, C, H, W)` with `axis=1`.
        sample_weight: As for any loss of Keras.

    Returns:
        A scalar, 0 or more; without a reduction one number for each label.

    Raises:
        ValueError: For arguments out of range, shapes that do not go together, a dtype
            too coarse for the class indices, and, where reading them waits for no
            device, labels that are no class. Elsewhere, as in a compiled graph, such a
            label makes the loss NaN, and its row gives no gradient.

    References:
        Szegedy et al., "Rethinking the Inception Architecture for Computer Vision",
        CVPR 2016, section 7.

    Example:

    >>> import numpy as np
    >>> from keras_multimix.losses import SparseCategoricalCrossentropy
    >>> loss = SparseCategoricalCrossentropy(label_smoothing=0.2, ignore_class=255)
    >>> p = np.array([[0.5, 0.5], [0.9, 0.1]], "float32")
    >>> round(float(loss(np.array([1, 255]), p)), 4)  # log 2, of the first row alone
    0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        ignore_class: int | None = None,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "sparse_categorical_crossentropy",
        dtype=None,
    ):
        check_flag("from_logits", from_logits)
        label_smoothing = check_label_smoothing(label_smoothing)
        if ignore_class is not None:
            ignore_class = check_integer("ignore_class", ignore_class)
        axis = check_integer("axis", axis)
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.ignore_class = ignore_class
        self.axis = axis
        self._mask_writer = tensor_marks.MaskWriter()

    def call(self, y_true, y_pred):
        """Returns the loss of each label, in the shape of the predictions' places."""
        y_true, y_pred = (ops.convert_to_tensor(each) for each in (y_true, y_pred))
        axis = _class_axis(y_pred, self.axis)
        y_true = _in_places(y_true, y_pred, axis)
        self._check_classes(y_true, y_pred.shape[axis])
        from_logits = self.from_logits
        if not from_logits:
            logits = tensor_marks.logits_behind(y_pred)
            y_pred, from_logits = (y_pred, False) if logits is None else (logits, True)
        counted = None
        if self.ignore_class is not None:
            counted = ops.not_equal(y_true, ops.cast(self.ignore_class, y_true.dtype))
            y_true = ops.where(counted, y_true, ops.zeros_like(y_true))
            # Predictions may be NaN there, and so would their gradients.
            y_pred = ops.where(
                ops.expand_dims(counted, axis), y_pred, ops.ones_like(y_pred)
            )
        values = self._values(y_true, _logarithms(y_pred, from_logits, axis), axis)
        if counted is None:
            return values
        values = ops.where(counted, values, ops.zeros_like(values))
        return self._mask_writer([values, counted])

    def _values(self, y_true, logarithms, axis):
        classes = ops.cast(y_true, "int32")
        inside = ops.logical_and(classes >= 0, classes < ops.shape(logarithms)[axis])
        inside = ops.logical_and(inside, ops.equal(ops.floor(y_true), y_true))
        classes = ops.where(inside, classes, ops.zeros_like(classes))
        own = ops.take_along_axis(logarithms, ops.expand_dims(classes, axis), axis=axis)
        values = -ops.squeeze(own, axis=axis)
        if self.label_smoothing:
            spread = -ops.mean(logarithms, axis=axis)
            values = (1 - self.label_smoothing) * values + self.label_smoothing * spread
        return ops.where(inside, values, ops.full_like(values, np.nan))

    def _check_classes(self, y_true, num_classes):
        """Refuses labels that are no class, and a dtype that cannot tell classes."""
        if num_classes is None:
            return
        exact = 2 ** _BITS.get(dtype_of(y_true), 63)
        if max(num_classes - 1, abs(self.ignore_class or 0)) > exact:
            raise invalid(
                "dtype of the loss",
                expected=f"one in which class indices up to {num_classes - 1} are "
                "exact",
                received=f"{dtype_of(y_true)}, which is exact up to {exact}",
                fix='pass `dtype="float32"` to the loss',
            )
        values = tracing.to_numpy_if_on_host(y_true)
        if values is None:
            return
        values = values.astype("float64")
        if self.ignore_class is not None:
            values = values[values != self.ignore_class]
        if not ((values >= 0) & (values < num_classes) & (values % 1 == 0)).all():
            raise invalid(
                "labels",
                expected=f"class indices, whole numbers from 0 to {num_classes - 1}",
                received=f"values from {values.min():g} to {values.max():g}",
                fix="correct the labels, use a model that scores all of their classes, "
                "or pass `ignore_class` for labels of no class",
            )

    def get_config(self):
        """Returns the arguments that make the same loss."""
        return super().get_config() | {
            "from_logits": self.from_logits,
            "label_smoothing": self.label_smoothing,
            "ignore_class": self.ignore_class,
            "axis": self.axis,
            "dtype": self.dtype,
        }


def _class_axis(y_pred, axis):
    """Returns the axis of the classes, counted from the first one."""
    shape = tuple(y_pred.shape)
    if not -len(shape) <= axis < len(shape) or (shape[axis] or 2) < 2:
        raise invalid(
            "predictions",
            expected=f"scores of two or more classes on axis {axis}",
            received=f"shape {shape}",
            fix="pass the axis of the classes as `axis`; for one sigmoid use "
            "`keras.losses.BinaryCrossentropy`",
        )
    return axis % len(shape)


def _in_places(y_true, y_pred, axis):
    """Returns labels in the shape of the predictions without the axis of classes."""
    shape, places = tuple(y_true.shape), list(y_pred.shape)
    del places[axis]
    if same_shape(shape, tuple(places)):
        return y_true
    for single in (axis, len(shape) - 1):
        if len(shape) == len(places) + 1 and shape[single] == 1:
            if same_shape(shape[:single] + shape[single + 1 :], tuple(places)):
                return ops.squeeze(y_true, axis=single)
    raise invalid(
        "labels",
        expected=f"class indices of shape {tuple(places)}, one for each prediction",
        received=f"shape {shape}",
        fix="pass labels and predictions of the same rows; one-hot labels are for "
        "`keras.losses.CategoricalCrossentropy`",
    )


def _logarithms(y_pred, from_logits, axis):
    """Returns the logarithms of probabilities, as all cross-entropies of Keras do."""
    if from_logits:
        return ops.log_softmax(y_pred, axis=axis)
    y_pred = y_pred / ops.sum(y_pred, axis=axis, keepdims=True)
    epsilon = keras.config.epsilon()
    return ops.log(ops.clip(y_pred, epsilon, 1.0 - epsilon))

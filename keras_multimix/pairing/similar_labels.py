"""Partners in the batch whose labels are near: C-Mixup."""

import keras
import numpy as np
from keras import tree

from keras_multimix import label_parts, randomness, tracing
from keras_multimix.annotations import Ops
from keras_multimix.arguments import finite_float, invalid
from keras_multimix.batches import Batch, dtype_of, is_integer, leaves_of
from keras_multimix.pairing.by_content import values_of_a_row
from keras_multimix.pairing.gaussian_partners import gaussian_partners
from keras_multimix.pairing.pairing import Pairing

# So that differences of labels have a place in a float32, too.
_LARGEST_LABEL = 1.7e38


@keras.saving.register_keras_serializable(package="keras_multimix")
class SimilarLabels(Pairing):
    """Pairs each row with one whose label is near, for regression: C-Mixup.

    Row j of the batch is the partner of row i with a probability proportional to
    exp(−‖y_i − y_j‖² / 2σ²), j ≠ i. Plain mixup also mixes rows with distant labels.
    Then the mixed label often does not fit the mixed input, so that in regression plain
    mixup can be worse than no mixing.

    Labels are floats of shape `(B,)`, `(B, 1)` or `(B, ...)`, over all values of a row;
    of a structure of labels the first leaf counts. They are compared as float32.
    Standardise them where they have several units. Where all labels are equal, all
    other rows are equally likely; a row that is alone in its batch is its own partner.

    The same seed gives the same partners on every backend, to the last row. A batch of
    B rows takes B × B numbers. A partner can only be as near as the nearest other row
    of the batch. For small batches use `SimilarLabelPairs`, which draws from the whole
    training set.

    Args:
        bandwidth: σ, in the units of the labels, above 0. A small σ draws the nearest
            row, a large σ any other row. Choose it on validation rows: try ¼, ½, 1 and
            2 times the labels' standard deviation.

    Raises:
        ValueError: If `bandwidth` is no finite number above 0. In a call: for class
            labels, which are integers or have `num_classes` (for them there is
            `pairing="same_class"`); for no labels, complex or bool ones; and, where
            reading them waits for no device, for labels that are NaN or infinite. In a
            compiled graph these are far from all others.

    References:
        Yao et al., "C-Mixup: Improving Generalization in Regression", NeurIPS 2022,
        arXiv 2210.05775. In the authors' code a row may be its own partner, too.

    Example:

    >>> import numpy as np
    >>> from keras_multimix import MixUp
    >>> from keras_multimix.pairing import SimilarLabels
    >>> x, y = np.zeros((4, 2)), np.array([0.0, 0.1, 5.0, 5.2])
    >>> layer = MixUp(alpha=2.0, pairing=SimilarLabels(bandwidth=0.5), seed=1)
    >>> layer.get_random_transformation((x, y))["partner"].tolist()
    [1, 0, 3, 2]
    """

    reads_batch = True

    def __init__(self, bandwidth: float):
        self.bandwidth = check_bandwidth(bandwidth)

    def check(self, batch: Batch, num_classes: int | dict | list | None = None):
        """Refuses labels that have no distances."""
        label = next(iter(leaves_of(batch.labels)), None)
        classes = None
        if label is not None:
            classes = _classes_of_first(num_classes, batch)
        check_quantities(label, "labels for `pairing=SimilarLabels(…)`", classes)

    def positions(self, rows, ops: Ops):
        """Returns one position for each row."""
        return {randomness.PARTNERS: rows}

    def partners_in(self, batch: Batch, words, num_rows, ops: Ops):
        """Returns for each row one whose label is near."""
        label = leaves_of(batch.labels)[0]
        values = ops.reshape(
            ops.cast(label, "float32"), (num_rows, values_of_a_row(label))
        )
        words = words[randomness.PARTNERS]
        return gaussian_partners(values, self.bandwidth, words, num_rows, ops)

    def get_config(self):
        """Returns the arguments."""
        return {"bandwidth": self.bandwidth}

    @classmethod
    def from_config(cls, config):
        """Returns a pairing made from what `get_config` returned."""
        return cls(**config)

    def __eq__(self, other):
        alike = isinstance(other, SimilarLabels)
        return alike and self.bandwidth == other.bandwidth

    def __hash__(self):
        return hash((SimilarLabels, self.bandwidth))

    def __repr__(self):
        return f"SimilarLabels({self.bandwidth!r})"


def check_bandwidth(bandwidth: float):
    """Returns σ as a float, or raises a ValueError unless it is in (0, ∞)."""
    number = finite_float(bandwidth)
    if number is None or number <= 0:
        raise invalid(
            "argument `bandwidth`",
            expected="a finite number above 0, in the units of the labels",
            received=f"bandwidth={bandwidth!r:.80}",
            fix="pass for instance half of the labels' standard deviation",
        )
    return number


def check_quantities(label, what, num_classes: int | dict | list | None = None):
    """Refuses labels that are no quantities, whose distances mean something.

    Args:
        label: The labels, or None.
        what: What the message calls them.
        num_classes: How many classes they have, or None.

    Raises:
        ValueError: Unless they are floats without `num_classes`, and all finite where
            reading them waits for no device.
    """
    dtype = None if label is None else dtype_of(label)
    if label is None or num_classes is not None or "float" not in dtype:
        received = "no labels" if label is None else f"dtype {dtype}"
        fix = "pass the labels, or choose another pairing"
        if label is not None:
            received += f" and shape {tuple(label.shape)}"
            fix = 'choose `pairing="same_class"` for classes'
            if num_classes is not None:
                received += f", with `num_classes={num_classes}`"
                fix += ", and leave out `num_classes` for quantities"
            elif is_integer(label):
                fix += "; cast counts and other quantities to float32"
            else:
                fix += "; cast quantities to float32"
        raise invalid(
            what,
            expected="quantities: floats of shape (batch, ...), which are no classes",
            received=received,
            fix=fix,
        )
    values = tracing.to_numpy_if_on_host(label)
    if values is None:
        return
    # As float64: the limit has no place in a float16.
    finite = np.abs(np.asarray(values, "float64")) <= _LARGEST_LABEL
    if not finite.all():
        raise invalid(
            what,
            expected=f"finite numbers, up to {_LARGEST_LABEL}",
            received=f"{finite.size - finite.sum()} that are NaN, infinite or larger",
            fix="leave out rows without a label",
        )


def _classes_of_first(num_classes, batch: Batch):
    """Returns how many classes the first of a batch's labels has, or None."""
    classes, _ = label_parts.classes_of(num_classes, batch)
    if not tree.is_nested(classes):
        return classes
    pairs = zip(tree.flatten(classes), tree.flatten(batch.labels), strict=True)
    return next(number for number, label in pairs if label is not None)

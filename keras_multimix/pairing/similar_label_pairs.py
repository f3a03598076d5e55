"""Rows, and rows of the whole training set whose labels are near, as partners."""

import sys

import numpy as np

from keras_multimix import namespaces, randomness
from keras_multimix.annotations import Structure
from keras_multimix.arguments import invalid
from keras_multimix.batches import leaves_of
from keras_multimix.pairing.partner_pairs import PartnerPairs
from keras_multimix.pairing.similar_labels import check_bandwidth, check_quantities

# Distances at a time, at most, or those of one row: they stay in a processor's cache.
_NUMBERS_AT_ONCE = 1 << 17
_UNIFORM_BITS = 31


class SimilarLabelPairs(PartnerPairs):
    """Batches of rows, each with a partner whose label is near: C-Mixup for regression.

    Row j of the training set is the partner of row i with a probability proportional to
    exp(−‖y_i − y_j‖² / 2σ²), j ≠ i. Every epoch shuffles the rows and draws a new
    partner for each. `MixupModel.fit` takes the dataset as it is; a layer mixes its
    batches with `layer.mix_pairs(*pairs[i])`. The attribute `epoch` of the dataset is
    the number of the epoch whose draws the batches hold. Set it to continue a training
    that was stopped.

    No N × N matrix is kept. A batch's partners are drawn for a few rows at a time from
    their distances to the U different labels that there are; the rows of a label are
    equally likely. This needs about 5 MB of memory, or with more than 100 000 different
    labels 40 bytes for each of them. An epoch needs about N · U · (10 + D / 2)
    nanoseconds on one core: 25 s for 50 000 rows whose labels all differ, 0.1 s if they
    have 50 different labels. With `workers` the drawing runs beside the training.

    Args:
        x: The inputs, an array of shape `(N, ...)` or a structure of such arrays.
        y: The labels, likewise: floats of shape `(N,)`, `(N, 1)` or `(N, ...)`, over
            all D values of a row. In a structure the first leaf counts. Standardise
            them where they have several units.
        batch_size: Rows of a batch, 1 or more.
        bandwidth: σ, in the units of the labels, above 0. A small σ draws the nearest
            row, a large σ any other row. Choose it on validation rows: try ¼, ½, 1 and
            2 times the labels' standard deviation.
        seed: An integer of up to 64 bits; None draws one.
        sample_weight: The rows' weights, an array of shape `(N,)` or a structure like
            `y`. Then the weights are the last part of every batch and of its partners'
            batch.
        **kwargs: `workers`, `use_multiprocessing` and `max_queue_size` of
            `keras.utils.PyDataset`.

    Returns:
        `pairs[i]` is `((x, y), (partner_x, partner_y))`, NumPy arrays of `batch_size`
        rows, the last batch fewer; with weights `((x, y, w), (partner_x, …))`.

    Raises:
        ValueError: For arguments out of range, `x` and `y` of different lengths, labels
            that are no finite floats, and labels that are all equal, for which σ has no
            effect.

    References:
        Yao et al., "C-Mixup: Improving Generalization in Regression", NeurIPS 2022,
        arXiv 2210.05775. In the authors' code a row may be its own partner, too.

    Example:

    >>> import numpy as np
    >>> from keras_multimix import MixUp
    >>> from keras_multimix.pairing import SimilarLabelPairs
    >>> x, y = np.zeros((4, 2)), np.array([0.0, 0.1, 5.0, 5.2])
    >>> pairs = SimilarLabelPairs(x, y, batch_size=4, bandwidth=0.5, seed=0)
    >>> (_, labels), (_, partner_labels) = pairs[0]
    >>> float(np.abs(labels - partner_labels).max().round(1))
    0.2
    >>> mixed_x, mixed_y = MixUp(alpha=2.0).mix_pairs(*pairs[0])
    """

    def __init__(
        self,
        x: Structure,
        y: Structure,
        batch_size: int,
        bandwidth: float,
        seed: int | None = None,
        sample_weight: Structure = None,
        **kwargs,
    ):
        self.bandwidth = check_bandwidth(bandwidth)
        super().__init__(x, y, batch_size, seed, sample_weight, **kwargs)
        self._labels, numbers, self._counts = np.unique(
            self._values(), axis=0, return_inverse=True, return_counts=True
        )
        self._number_of_row = numbers.reshape(-1)
        # The rows sorted by label, where those of each label begin, and each row's
        # place among those of its label.
        self._sorted_rows = np.argsort(self._number_of_row, kind="stable")
        self._first = np.cumsum(self._counts) - self._counts
        self._place = np.empty(self._num_rows, "int64")
        self._place[self._sorted_rows] = np.arange(self._num_rows) - np.repeat(
            self._first, self._counts
        )

    def _check(self):
        """Refuses labels that are no quantities, or all the same."""
        label = next(iter(leaves_of(self.y)), None)
        check_quantities(label, "labels for `SimilarLabelPairs`")
        values = self._values()
        if (values == values[0]).all():
            raise invalid(
                "labels for `SimilarLabelPairs`",
                expected="two different ones or more",
                received="one and the same for all rows, among which the bandwidth "
                "does nothing",
                fix="pair at random, `MixUp(pairing='shuffle')`",
            )

    def _values(self):
        return leaves_of(self.y)[0].reshape(self._num_rows, -1).astype("float64")

    def _partners(self, rows):
        """Returns for each row one whose label is near."""
        at_once = max(1, _NUMBERS_AT_ONCE // len(self._labels))
        parts = [
            self._partners_of_few(rows[start : start + at_once])
            for start in range(0, len(rows), at_once)
        ]
        return np.concatenate(parts)

    def _partners_of_few(self, rows):
        """Draws a label for each row, then one of its rows, both from one uniform."""
        own, each = self._number_of_row[rows], np.arange(len(rows))
        weights = self._weights(own)
        sums = weights * self._counts.astype("float64")
        sums[each, own] -= weights[each, own]  # without the row itself
        np.cumsum(sums, axis=1, out=sums)
        drawn = self._uniforms(rows) * sums[:, -1]
        label = (sums <= drawn[:, None]).sum(axis=1)
        before = np.where(label > 0, sums[each, label - 1], 0.0)
        place = ((drawn - before) / weights[each, label]).astype("int64")
        # The quotient can round up to the number of rows itself.
        is_own = label == own
        place = np.minimum(place, self._counts[label] - is_own - 1)
        # Among the rows of its own label each row is skipped.
        place += is_own & (place >= self._place[rows])
        return self._sorted_rows[self._first[label] + place]

    def _weights(self, own):
        """Returns how likely one row of each label is, relative to the likeliest.

        Args:
            own: The numbers of some rows' labels, shape `(b,)`.
        """
        from scipy.spatial.distance import cdist  # 0.2 s to import

        distances = cdist(self._labels[own], self._labels, "sqeuclidean")
        alone = np.flatnonzero(self._counts[own] == 1)
        distances[alone, own[alone]] = np.inf
        distances -= distances.min(axis=1, keepdims=True)
        with np.errstate(over="ignore"):  # exp(−∞) is 0, as it should be
            scale = max(2.0 * self.bandwidth * self.bandwidth, sys.float_info.min)
            distances /= -scale
        return np.exp(distances, out=distances)

    def _uniforms(self, rows):
        words = self._words(randomness.NEIGHBORS, rows)
        ops = namespaces.numpy_ops
        return randomness.uniform_integers(words, _UNIFORM_BITS, ops) / 2**_UNIFORM_BITS

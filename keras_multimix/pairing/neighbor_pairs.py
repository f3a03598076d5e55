"""Rows and near neighbours from the whole training set, as partners."""

import keras
import numpy as np

from keras_multimix import labels, namespaces, randomness
from keras_multimix.arguments import check_count, check_flag, invalid, resolve_seed
from keras_multimix.batches import Batch, check_batch, leaves_of, map_leaves

_ROWS_AT_ONCE = 1024  # between two movements of the progress bar


class NeighborPairs(keras.utils.PyDataset):
    """Batches of rows, each with one of its nearest neighbours in the training set.

    The neighbours are found once, when the dataset is made. Every epoch shuffles the
    rows and draws a new partner for each. `MixupModel.fit` takes the dataset as it is;
    a layer mixes its batches with `layer.mix_pairs(*pairs[i])`. Its attribute `epoch`
    says which epoch's draws the batches hold: set it to go on where a training stopped.

    The mixup paper found near neighbours, and partners of the same class, to help much
    less than random partners: this is for such comparisons, and for data where the
    straight line between distant rows makes no sense.

    Args:
        x: The inputs, an array of shape `(N, ...)` or a structure of such arrays.
            Distances are Euclidean, over all of a row's values: standardise them.
        y: The labels, likewise.
        batch_size: Rows of a batch, 1 or more.
        num_neighbors: How many of the nearest other rows may be the partner, 1 or
            more; all there are where there are fewer. 200 is the paper's.
        same_class: True looks among the rows of the same class, `y` being class
            indices of shape `(N,)` or `(N, 1)`, or scores of shape `(N, C)`. A row
            alone in its class is its own partner.
        seed: An integer of up to 64 bits; None draws one.
        verbose: False shows no progress bar while neighbours are searched for.
        sample_weight: The rows' weights, an array of shape `(N,)` or a structure like
            `y`; for weights of classes, `class_weights[y]`. Then every batch and its
            partners' batch end in their weights.
        **kwargs: `workers`, `use_multiprocessing` and `max_queue_size` of
            `keras.utils.PyDataset`.

    Returns:
        `pairs[i]` is `((x, y), (partner_x, partner_y))`, NumPy arrays of `batch_size`
        rows, the last batch fewer; with weights `((x, y, w), (partner_x, …))`.

    Raises:
        ValueError: For arguments out of range, `x` and `y` of different lengths, or
            `same_class=True` without classes.
        ImportError: Without scikit-learn, which `keras-multimix[neighbors]` brings.

    References:
        "AC + KNN" and "SC + KNN", k = 200, in the ablation (Table 5) of Zhang et al.,
        "mixup: Beyond Empirical Risk Minimization", ICLR 2018.

    Example:

    >>> import numpy as np
    >>> from keras_multimix import MixUp
    >>> from keras_multimix.pairing import NeighborPairs
    >>> x, y = np.array([[0.0], [0.1], [5.0], [5.2]]), np.eye(4)
    >>> pairs = NeighborPairs(x, y, 4, num_neighbors=1, seed=0, verbose=False)
    >>> (rows, _), (partners, _) = pairs[0]
    >>> float(np.abs(rows - partners).max().round(1))
    0.2
    >>> mixed_x, mixed_y = MixUp(alpha=1.0).mix_pairs(*pairs[0])
    """

    def __init__(
        self,
        x,
        y,
        batch_size,
        num_neighbors=200,
        same_class=False,
        seed=None,
        verbose=True,
        sample_weight=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.x, self.y, self.sample_weight = (
            map_leaves(np.asarray, part) for part in (x, y, sample_weight)
        )
        check_batch(Batch(self.x, self.y, None, self.sample_weight))
        self.batch_size = check_count("batch_size", batch_size)
        self.num_neighbors = check_count("num_neighbors", num_neighbors)
        check_flag("same_class", same_class)
        self.same_class = same_class
        self.seed = resolve_seed(seed)
        self.epoch = 0
        self._num_rows = leaves_of(self.x)[0].shape[0]
        if self._num_rows == 0:
            raise invalid(
                "argument `x`",
                expected="one row or more",
                received="none",
                fix="pass the training set",
            )
        classes = None
        if same_class:
            labels.check_classes(self.y)
            classes = labels.class_indices(self.y, namespaces.numpy_ops)
        self.neighbors = _search(self.x, classes, self.num_neighbors, verbose)

    @property
    def num_batches(self):
        """How many batches an epoch has."""
        return -(-self._num_rows // self.batch_size)

    def __getitem__(self, index):
        if not 0 <= index < self.num_batches:
            raise IndexError(index)
        rows = self._order()[index * self.batch_size : (index + 1) * self.batch_size]
        partners = self._partners(rows)
        return self._batch(rows), self._batch(partners)

    def __len__(self):
        return self.num_batches

    def on_epoch_end(self):
        """Shuffles anew."""
        self.epoch += 1

    def _batch(self, rows):
        parts = [self.x, self.y]
        if self.sample_weight is not None:
            parts.append(self.sample_weight)
        return tuple(map_leaves(lambda leaf: leaf[rows], part) for part in parts)

    def _order(self):
        rows = np.arange(self._num_rows, dtype="int32")
        ops = namespaces.numpy_ops
        words = randomness.random_words(self._state(), randomness.PARTNERS, rows, ops)
        return np.argsort(words, kind="stable")

    def _partners(self, rows):
        ops = namespaces.numpy_ops
        words = randomness.random_words(
            self._state(), randomness.NEIGHBORS, rows.astype("int32"), ops
        )
        uniforms = randomness.uniforms(words, ops)
        found = self.neighbors[rows]
        counts = (found >= 0).sum(axis=1)
        drawn = found[np.arange(len(rows)), (uniforms * counts).astype("int32")]
        return np.where(counts > 0, drawn, rows)

    def _state(self):
        return np.append(randomness.key_words(self.seed), self.epoch).astype("int32")


def _search(x, classes, num_neighbors, verbose):
    """Returns each row's nearest other rows, `(N, k)`, -1 where there are fewer."""
    features = np.concatenate(
        [leaf.reshape(len(leaf), -1).astype("float32") for leaf in leaves_of(x)], axis=1
    )
    num_rows = len(features)
    width = max(1, min(num_neighbors, num_rows - 1))
    neighbors = np.full((num_rows, width), -1, dtype="int32")
    progress = keras.utils.Progbar(num_rows, verbose=int(verbose), unit_name="row")
    groups = [np.arange(num_rows)]
    if classes is not None:
        groups = [np.flatnonzero(classes == number) for number in np.unique(classes)]
    for group in groups:
        _search_group(features, group, neighbors, progress)
    return neighbors


def _search_group(features, group, neighbors, progress):
    count = min(neighbors.shape[1], len(group) - 1)
    if count < 1:
        progress.add(len(group))
        return
    members = features if len(group) == len(features) else features[group]
    index = _nearest_neighbors(count + 1).fit(members)
    for start in range(0, len(group), _ROWS_AT_ONCE):
        own = np.arange(start, min(start + _ROWS_AT_ONCE, len(group)))
        found = index.kneighbors(members[own], return_distance=False)
        # A row finds itself, but among many equal rows not always: then the last goes.
        others = found != own[:, None]
        others[others.all(axis=1), -1] = False
        neighbors[group[own], :count] = group[found[others].reshape(len(own), count)]
        progress.add(len(own))


def _nearest_neighbors(count):
    try:
        from sklearn.neighbors import NearestNeighbors
    except ImportError as error:
        raise ImportError(
            "NeighborPairs searches with scikit-learn. To fix it, "
            '`pip install "keras-multimix[neighbors]"`.'
        ) from error
    return NearestNeighbors(n_neighbors=count)

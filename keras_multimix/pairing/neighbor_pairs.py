"""Rows and near neighbours from the whole training set, as partners."""

import keras
import numpy as np

from keras_multimix import labels, namespaces, randomness
from keras_multimix.annotations import Structure
from keras_multimix.arguments import check_count, check_flag
from keras_multimix.batches import leaves_of
from keras_multimix.pairing.partner_pairs import PartnerPairs

_ROWS_AT_ONCE = 1024  # between two movements of the progress bar


class NeighborPairs(PartnerPairs):
    """Batches of rows, each with one of its nearest neighbours in the training set.

    The neighbours are found once, when the dataset is made. Every epoch shuffles the
    rows and draws a new partner for each. `MixupModel.fit` takes the dataset as it is;
    a layer mixes its batches with `layer.mix_pairs(*pairs[i])`. The attribute `epoch`
    of the dataset is the number of the epoch whose draws the batches hold. Set it to
    continue a training that was stopped.

    The mixup paper found near neighbours, and partners of the same class, to help much
    less than random partners: this is for such comparisons, and for data where the
    straight line between distant rows makes no sense.

    Args:
        x: The inputs, an array of shape `(N, ...)` or a structure of such arrays.
            Distances are Euclidean, over all of a row's values: standardise them.
        y: The labels, likewise.
        batch_size: Rows of a batch, 1 or more.
        num_neighbors: How many of the nearest other rows may be the partner, 1 or more.
            If there are fewer other rows, all of them may be. The mixup paper uses 200.
        same_class: True looks among the rows of the same class, `y` being class
            indices of shape `(N,)` or `(N, 1)`, or scores of shape `(N, C)`. A row
            alone in its class is its own partner.
        seed: An integer of up to 64 bits; None draws one.
        verbose: False shows no progress bar while neighbours are searched for.
        sample_weight: The rows' weights, an array of shape `(N,)` or a structure like
            `y`; for weights of classes, `class_weights[y]`. Then the weights are the
            last part of every batch and of its partners' batch.
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
        x: Structure,
        y: Structure,
        batch_size: int,
        num_neighbors: int = 200,
        same_class: bool = False,
        seed: int | None = None,
        verbose: bool = True,
        sample_weight: Structure = None,
        **kwargs,
    ):
        self.num_neighbors = check_count("num_neighbors", num_neighbors)
        check_flag("same_class", same_class)
        self.same_class = same_class
        super().__init__(x, y, batch_size, seed, sample_weight, **kwargs)
        classes = None
        if same_class:
            classes = labels.class_indices(self.y, namespaces.numpy_ops)
        self.neighbors = _search(self.x, classes, self.num_neighbors, verbose)

    def _check(self):
        """Refuses labels without classes, where partners are to be of one class."""
        if self.same_class:
            labels.check_classes(self.y)

    def _partners(self, rows):
        """Returns one of each row's nearest neighbours, all equally likely."""
        words = self._words(randomness.NEIGHBORS, rows)
        uniforms = randomness.uniforms(words, namespaces.numpy_ops)
        found = self.neighbors[rows]
        counts = (found >= 0).sum(axis=1)
        drawn = found[np.arange(len(rows)), (uniforms * counts).astype("int32")]
        return np.where(counts > 0, drawn, rows)


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

"""Rows of one batch that are mixed in different ways."""

import numpy as np

from keras_multimix import mixing, namespaces
from keras_multimix.annotations import Ops, Tensor, Transformation
from keras_multimix.arguments import invalid
from keras_multimix.layers.cut_mix import CutMix
from keras_multimix.mixing import Partners
from keras_multimix.pairing.pairing import Pairing


class RowWise:
    """Stands in for the layer of a `Mixture` if each row has a layer of its own.

    Row i of what it gives is row i of what the layer `choice[i]` gives.

    Args:
        layers: The layers of a `RandomMix`.
        alone: The layer that leaves rows alone.
    """

    def __init__(self, layers: list, alone):
        _check_alike(layers)
        first = layers[0]
        self.num_classes, self.unmixed = first.num_classes, first.unmixed
        self.label_smoothing = first.label_smoothing
        self.mix_labels, self.data_format = first.mix_labels, first.data_format
        self.compute_dtype = first.compute_dtype
        self._cuts = [n for n, each in enumerate(layers) if isinstance(each, CutMix)]
        self._cut = layers[self._cuts[0]] if self._cuts else None
        self._average = alone
        self._resolved_pairing = Pairing()
        self._resolved_pairing.checked = all(x._pairing.checked for x in layers)

    def _mix_rows(
        self,
        leaf: Tensor,
        partners,
        transformation: Transformation,
        dtype,
        ops: Ops,
        axes=None,
    ):
        """Returns rows with boxes pasted in, and averages of rows; labels cut only."""
        if axes is not None:
            return self._cut._mix_rows(leaf, partners, transformation, dtype, ops, axes)
        if self._cut is None:
            return self._average._mix_rows(leaf, partners, transformation, dtype, ops)
        ways, is_cut = (self._average, self._cut), self._is_cut(transformation, ops)
        if ops is not namespaces.numpy_ops or not len(leaf):
            # A compiler writes each row once.
            average, cut = (
                way._mix_rows(leaf, partners, transformation, dtype, ops)
                for way in ways
            )
            return self._where_cut(cut, lambda: average, transformation, ops)
        count, mixed = transformation["coefficients"].shape[1], None
        for way, chosen in zip(ways, (~is_cut, is_cut), strict=True):
            rows = np.flatnonzero(chosen)
            if not len(rows):
                continue
            given = {k: entry[rows] for k, entry in transformation.items()}
            numbers = rows if partners.rows is None else partners.rows[rows]
            theirs = Partners(partners.source, numbers)
            part = way._mix_rows(leaf[rows], theirs, given, dtype, ops)
            if mixed is None:
                mixed = np.empty((len(leaf), count, *leaf.shape[1:]), part.dtype)
            mixed[rows] = part.reshape(len(rows), count, *leaf.shape[1:])
        return mixed.reshape(-1, *leaf.shape[1:])

    def _where_cut(self, cut, average, transformation: Transformation, ops: Ops):
        """Returns what is cut in rows that are cut, and else `average()`."""
        count = transformation["coefficients"].shape[1]
        is_cut = mixing.repeat_rows(self._is_cut(transformation, ops), count, ops)
        return ops.where(mixing.for_rows(is_cut, cut, ops), cut, average())

    def _axes_of_label(self, *args, **kwargs):
        """Returns the axes along which a label is cut where its row is, or None."""
        return None if self._cut is None else self._cut._axes_of_label(*args, **kwargs)

    def _is_cut(self, transformation: Transformation, ops: Ops):
        choice = transformation["choice"]
        is_cut = choice == self._cuts[0]
        for number in self._cuts[1:]:
            is_cut = is_cut | (choice == number)
        return is_cut


def merge(drawn, number, ops: Ops):
    """Returns the entries of the layer that each row has drawn.

    Args:
        drawn: What the layers have drawn, a list of dicts with the same keys.
        number: The number of each row's layer, of shape `(B,)`.
        ops: The namespace of all of them.
    """
    merged = dict(drawn[-1])
    for layer, entries in enumerate(drawn[:-1]):
        for key, entry in entries.items():
            own = mixing.for_rows(number == layer, entry, ops)
            merged[key] = ops.where(own, entry, merged[key])
    return merged


def _check_alike(layers):
    """Refuses layers whose rows cannot stand in one batch."""
    for name in ("mix_labels", "axes"):
        cuts = [each for each in layers if isinstance(each, CutMix)]
        values = [getattr(x, name) for x in (layers if name == "mix_labels" else cuts)]
        if any(value != values[0] for value in values):
            raise invalid(
                "argument `layers`",
                expected=f'layers of the same `{name}` with `per="row"`',
                received=f"{values}",
                fix=f'give all of them the same `{name}`, or draw `per="batch"`',
            )

"""Where the rows of a batch and those of their partners are, for one draw."""

from typing import Any, NamedTuple

from keras_multimix import namespaces, runtime
from keras_multimix.annotations import Tensor
from keras_multimix.mixing import Partners
from keras_multimix.pairing.pairing import Pairing


class RowLocator(NamedTuple):
    """Finds the rows that are mixed, and their partners, in any tensor of a batch.

    Attributes:
        pairing: The `Pairing` that has chosen the partners.
        partner: int32 tensor of shape `(B,)`, the numbers of the partners.
        num_rows: B.
        num_pairs: How many of the rows are mixed, the first ones.
        takes_all: Whether all rows are mixed.
        apart: Whether the partners came in a batch of their own.
        ops: The namespace of all tensors.
    """

    pairing: Pairing
    partner: Any
    num_rows: Any
    num_pairs: Any
    takes_all: bool
    apart: bool
    ops: Any

    def own(self, leaf: Tensor):
        """Returns the rows that are mixed; partners in a second half are left out."""
        if self.takes_all and not self.apart:
            return leaf
        return leaf[: self.num_pairs]

    def partner_rows(self, leaf: Tensor):
        """Returns the partners' rows of a tensor, in the order of the pairs."""
        if self.apart:  # they follow the batch's own
            return leaf[self.num_rows :][: self.num_pairs]
        taken = self.pairing.take(leaf, self.partner, self.ops)
        return taken if self.takes_all else taken[: self.num_pairs]

    def in_any(self):
        """Returns a function that finds the rows of a tensor, and their `Partners`.

        It takes a tensor and, where the partners came in one of their own, that.
        """
        takes_first, runs = self._takes_first(), None
        if self.ops is namespaces.keras_ops and isinstance(self.num_rows, int):
            runs = self.pairing.runs(self.num_rows) if self.takes_all else None

        def locate(leaf: Tensor, partner_leaf=None):
            own = self.own(leaf)
            if partner_leaf is not None:
                return own, Partners(self.own(partner_leaf))
            if takes_first:
                return own, Partners(self.partner_rows(leaf))
            return own, Partners(leaf, self.partner, runs)

        return locate

    def _takes_first(self):
        """Whether the partners' rows are taken before they are mixed."""
        if self.apart:
            return True
        if self.ops is namespaces.numpy_ops:
            return False
        # A compiler that lays a batch out over devices has to see how the partners lie.
        if namespaces.may_be_sharded(self.ops):
            return True
        # XLA does not refuse row numbers out of range, so rows are taken outside of it.
        return not self.pairing.checked and runtime.in_tensorflow_graph()

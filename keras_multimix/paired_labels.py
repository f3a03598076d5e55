"""Labels of mixed rows kept as pairs, for losses that cannot take mixed labels."""

from typing import Any, NamedTuple


class PairedLabels(NamedTuple):
    """What a model's loss needs of B·K mixed rows.

    Attributes:
        own: The labels of the rows themselves, `(B * K, ...)` each.
        partner: The labels of the partners, likewise.
        coefficients: λ, the weight of `own`, float32 of shape `(B * K,)`.
        own_weight: The rows' sample weights, or None.
        partner_weight: The partners' sample weights, or None.
        scale: The rows of a plain batch for each mixed row.
    """

    own: Any
    partner: Any
    coefficients: Any
    own_weight: Any
    partner_weight: Any
    scale: Any

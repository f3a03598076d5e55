"""multi-mix: K ordered interpolations of each pair."""

import keras

from keras_multimix.layers.mix_up import MixUp


@keras.saving.register_keras_serializable(package="keras_multimix")
class MultiMix(MixUp):
    """Mixes each row with a partner at K coefficients, the largest first.

    The gradient averaged over the K mixed rows of a pair varies less than that of one
    mixed row, at the cost of K forward and backward passes. `MultiMix` is `MixUp` with
    other defaults; with K = 1 it is mixup.

    The coefficients are stratified by default: the K coefficients of a pair come from K
    equally likely parts of Beta(α, α), one from each. The paper draws them
    independently: `sampling="independent"`.

    Args:
        alpha: α, a finite number, 0 or more.
        num_interpolations: K, the mixed rows that each pair gives, 1 or more.
        sampling: `"stratified"`, `"independent"` or `"shared"`, as for `MixUp`.
        **kwargs: The other arguments of `MixUp`.

    Returns:
        When called, what `MixUp` returns: B·K rows, those of a pair one after another
        and from the row itself towards its partner. With `keep_batch_size=True`
        K · max(1, B // K) rows.

    Raises:
        ValueError: As `MixUp`.

    References:
        Shen, Yu, Yang, Kwok, "Mixup Augmentation with Multiple Interpolations", 2024,
        arXiv 2406.01417.

    Example:

    >>> import numpy as np
    >>> from keras_multimix import MultiMix
    >>> spectrograms, labels = np.ones((4, 160, 101)), np.eye(4)
    >>> mixed, mixed_labels = MultiMix(num_interpolations=5)(spectrograms, labels)
    >>> mixed.shape, mixed_labels.shape
    ((20, 160, 101), (20, 4))
    """

    def __init__(
        self,
        alpha: float = 1.0,
        num_interpolations: int = 5,
        *,
        sampling: str = "stratified",
        **kwargs,
    ):
        super().__init__(alpha, num_interpolations, sampling=sampling, **kwargs)

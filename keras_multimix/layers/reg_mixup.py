"""RegMixup: mixed rows beside the rows themselves."""

import keras

from keras_multimix.layers.mix_up import MixUp


@keras.saving.register_keras_serializable(package="keras_multimix")
class RegMixup(MixUp):
    """Gives each row as it is, and mixed with a partner, with equal weight.

    mixup alone can leave a network under-confident. The unmixed rows beside the mixed
    ones lessen that. With a large α the mixed rows have about equal parts of both rows,
    and act as a regularizer. `RegMixup` is `MixUp` with `keep_originals=True` and other
    defaults.

    The paper draws one λ for a whole batch: `sampling="shared"`.

    Args:
        alpha: α, a finite number, 0 or more. The paper's: 10 on CIFAR-100, 20 on
            CIFAR-10.
        num_interpolations: K, 2 or more: the row itself and K − 1 mixed rows.
        keep_originals: True, as for `MixUp`.
        **kwargs: The other arguments of `MixUp`.

    Returns:
        When called, what `MixUp` returns: B·K rows, of which row `i * K` is row i.

    Raises:
        ValueError: As `MixUp`.

    References:
        Pinto, Yang, Lim, Torr, Dokania, "Using Mixup as a Regularizer Can Surprisingly
        Improve Accuracy and Out-of-Distribution Robustness", NeurIPS 2022,
        arXiv 2206.14502. Its loss with η = 1 is the mean over both rows, times 2.

    Example:

    >>> import numpy as np
    >>> from keras_multimix import RegMixup
    >>> x, y = np.random.rand(4, 8), np.eye(4)
    >>> mixed, mixed_labels = RegMixup()(x, y)
    >>> mixed.shape, bool((mixed[::2] == x).all())
    ((8, 8), True)
    """

    def __init__(
        self,
        alpha: float = 10.0,
        num_interpolations: int = 2,
        *,
        keep_originals: bool = True,
        **kwargs,
    ):
        super().__init__(
            alpha, num_interpolations, keep_originals=keep_originals, **kwargs
        )

"""When to mix, and how much, while a model trains."""

from typing import Any

import keras

from keras_multimix.arguments import check_alpha, check_count, invalid
from keras_multimix.layers.pair_mixing_layer import PairMixingLayer
from keras_multimix.models.mixup.model import MixupModel


class MixupSchedule(keras.callbacks.Callback):
    """Turns the mixing of a `MixupModel` on and off, and changes α, by the epoch.

    While mixing is off, a step is a plain step on the rows of the batch and costs no
    more. The model compiles this step once. The mixer still counts the steps, so that a
    resumed training draws what an uninterrupted one draws. When `fit` ends, also by an
    exception, the model mixes again as before.

    Args:
        start_epoch: The first epoch that mixes, counted from 0. The mixup paper trains
            its speech models plainly for five epochs first.
        stop_epoch: The first epoch that does not mix any more, `start_epoch` or later;
            None mixes to the end.
        alpha: A function that returns the α of an epoch, such as
            `lambda epoch: 0.1 * epoch`; where it returns 0, the epoch does not mix.
            None keeps the mixer's α. A new α does not make Keras compile again.

    Raises:
        ValueError: For an argument out of range; in `fit` of a model that is no
            `MixupModel`, if `alpha` is given and the mixer has no α of its own, or if
            `alpha` returns anything but a finite number, 0 or more.

    References:
        Warm-up epochs without mixup: Zhang et al., "mixup: Beyond Empirical Risk
        Minimization", ICLR 2018, section 3.3.

    Example:

    >>> import keras, numpy as np
    >>> from keras_multimix import MixUp, MixupModel, MixupSchedule
    >>> base_model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    >>> model = MixupModel(base_model, MixUp(alpha=0.2))
    >>> model.compile("sgd", "mse")
    >>> x, y = np.ones((6, 4), "float32"), np.ones((6, 1), "float32")
    >>> schedule = MixupSchedule(start_epoch=5, stop_epoch=9)
    >>> history = model.fit(x, y, epochs=10, callbacks=[schedule], verbose=0)
    """

    def __init__(
        self,
        start_epoch: int = 0,
        stop_epoch: int | None = None,
        alpha: Any = None,
    ):
        super().__init__()
        self.start_epoch = check_count("start_epoch", start_epoch, minimum=0)
        if stop_epoch is not None:
            stop_epoch = check_count("stop_epoch", stop_epoch, minimum=start_epoch)
        self.stop_epoch = stop_epoch
        if alpha is not None and not callable(alpha):
            raise invalid(
                "argument `alpha`",
                expected="a function of the epoch, or None",
                received=f"alpha={alpha!r:.60}",
                fix="pass for instance `lambda epoch: 0.1 * epoch`; a constant α is "
                "the mixer's own",
            )
        self.alpha = alpha

    def set_model(self, model: keras.Model):
        """Takes the model over, before `fit` compiles anything."""
        if not isinstance(model, MixupModel):
            raise invalid(
                "model for `MixupSchedule`",
                expected="a MixupModel",
                received=f"a {type(model).__name__}",
                fix="wrap the model, `MixupModel(model, MixUp(alpha=0.2))`; to turn a "
                "layer of a pipeline off, leave it out of the dataset",
            )
        super().set_model(model)
        if self.alpha is None:
            return
        if not isinstance(model.mixer, PairMixingLayer):
            raise invalid(
                "argument `alpha`",
                expected="a mixer that has one α: MixUp, MultiMix, RegMixup or CutMix",
                received=f"a {type(model.mixer).__name__}",
                fix="leave `alpha` out; `start_epoch` and `stop_epoch` work with any",
            )
        if not model.mixer._alpha_is_variable:
            model.mixer._make_alpha_variable()
            model.train_function = None  # what was compiled has the old α inside

    def on_epoch_begin(self, epoch, logs=None):
        """Sets what the epoch does."""
        mixes = epoch >= self.start_epoch
        if self.stop_epoch is not None:
            mixes = mixes and epoch < self.stop_epoch
        if mixes and self.alpha is not None:
            alpha = check_alpha(self.alpha(epoch))
            mixes = alpha > 0
            self.model.mixer._use_alpha(alpha)
        self.model.mixing = mixes

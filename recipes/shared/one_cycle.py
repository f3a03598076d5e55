"""SGD whose learning rate rises and then falls to 0 within one run."""

import keras

from recipes.shared.optimizers import SGDWithL2

_RISE = 0.2  # share of the run


def sgd_one_cycle(learning_rate, weight_decay):
    """SGD with Nesterov's momentum 0.9 and decay of all weights.

    Args:
        learning_rate: the highest. It is reached on a line from 0 after a fifth of the
            run, and falls to 0 along a cosine.
        weight_decay: see `SGDWithL2`.

    Returns:
        A function (epochs, steps_per_epoch) -> optimizer.
    """

    def build(epochs, steps_per_epoch):
        steps = epochs * steps_per_epoch
        rise = max(1, round(_RISE * steps))
        schedule = keras.optimizers.schedules.CosineDecay(
            0.0,
            max(1, steps - rise),
            warmup_target=learning_rate,
            warmup_steps=rise,
        )
        return SGDWithL2(schedule, momentum=0.9, nesterov=True, l2=weight_decay)

    return build

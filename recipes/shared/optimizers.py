"""The optimizers of the papers, with their learning rates over a run."""

import keras

from keras_multimix.arguments import invalid


class SGDWithL2(keras.optimizers.SGD):
    """SGD whose weight decay is part of the gradient, and so of the momentum.

    This is what "weight decay" means in the mixup papers' PyTorch code. Keras' own
    `weight_decay` shrinks the weights beside the momentum, which at a momentum of 0.9
    decays ten times less for the same number.

    Args:
        l2: the decay; `l2 * weight` is added to the gradient of every weight.
        **kwargs: of `keras.optimizers.SGD`.
    """

    def __init__(self, *args, l2=0.0, **kwargs):
        super().__init__(*args, **kwargs)
        self.l2 = l2

    def update_step(self, gradient, variable, learning_rate):
        """One step of one weight."""
        decay = self.l2 * keras.ops.cast(variable, gradient.dtype)
        super().update_step(gradient + decay, variable, learning_rate)

    def get_config(self):
        """Arguments that rebuild it."""
        return {**super().get_config(), "l2": self.l2}


def adam_cosine(learning_rate):
    """Adam, its learning rate falling to 0 along a cosine.

    Returns:
        A function (epochs, steps_per_epoch) -> optimizer.
    """

    def build(epochs, steps_per_epoch):
        steps = epochs * steps_per_epoch
        schedule = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
        return keras.optimizers.Adam(schedule)

    return build


def adam(learning_rate, drops=()):
    """Adam at a learning rate that is constant or falls in steps.

    Args:
        learning_rate: the first and highest.
        drops: as for `steps_down`.

    Returns:
        A function (epochs, steps_per_epoch) -> optimizer.
    """

    def build(epochs, steps_per_epoch):
        if not drops:
            return keras.optimizers.Adam(learning_rate)
        return keras.optimizers.Adam(
            steps_down(learning_rate, epochs, steps_per_epoch, drops)
        )

    return build


def sgd(learning_rate, weight_decay, drops):
    """SGD with momentum 0.9, without Nesterov's correction, and decay of all weights.

    Args:
        learning_rate: the first and highest.
        weight_decay: see `SGDWithL2`.
        drops: as for `steps_down`; None lets the rate fall to 0 along a cosine, and
            where there are none it is constant.

    Returns:
        A function (epochs, steps_per_epoch) -> optimizer.
    """

    def build(epochs, steps_per_epoch):
        if drops is None:
            steps = epochs * steps_per_epoch
            schedule = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
        elif not drops:
            schedule = learning_rate
        else:
            schedule = steps_down(learning_rate, epochs, steps_per_epoch, drops)
        return SGDWithL2(schedule, momentum=0.9, l2=weight_decay)

    return build


def steps_down(learning_rate, epochs, steps_per_epoch, drops, *, warm_up=None):
    """A learning rate divided by 10 at each of some epochs.

    Args:
        learning_rate: the highest.
        epochs: of the run.
        steps_per_epoch: batches of an epoch.
        drops: shares of the run, between 0 and 1.
        warm_up: None, or (first learning rate, number of epochs) of a linear rise.

    Returns:
        A `keras.optimizers.schedules.LearningRateSchedule`.
    """
    if not all(0 < share < 1 for share in drops):
        raise invalid(
            "argument `drops`",
            expected="shares of the run between 0 and 1",
            received=f"drops={drops}",
            fix="pass, for instance, (0.5, 0.75)",
        )
    boundaries = [round(share * epochs) * steps_per_epoch for share in sorted(drops)]
    values = [learning_rate * 10.0**-i for i in range(len(drops) + 1)]
    steps = keras.optimizers.schedules.PiecewiseConstantDecay(boundaries, values)
    if warm_up is None:
        return steps
    first, num_epochs = warm_up
    return LinearWarmUp(steps, first, learning_rate, num_epochs * steps_per_epoch)


@keras.saving.register_keras_serializable("keras_multimix_recipes")
class LinearWarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """A linear rise before another schedule.

    Args:
        after: the schedule to follow, from its own step on.
        first: learning rate at step 0.
        last: learning rate at the end of the rise.
        num_steps: steps of the rise.
    """

    def __init__(self, after, first, last, num_steps):
        self.after = after
        self.first = first
        self.last = last
        self.num_steps = num_steps

    def __call__(self, step):
        """The learning rate at a step."""
        ops = keras.ops
        share = ops.cast(step, "float32") / max(self.num_steps, 1)
        rising = self.first + (self.last - self.first) * share
        return ops.where(share < 1, rising, ops.cast(self.after(step), "float32"))

    def get_config(self):
        """Arguments that rebuild it."""
        after = keras.saving.serialize_keras_object(self.after)
        own = {"first": self.first, "last": self.last, "num_steps": self.num_steps}
        return {"after": after, **own}

    @classmethod
    def from_config(cls, config):
        """Rebuilds it."""
        after = keras.saving.deserialize_keras_object(config["after"])
        return cls(**{**config, "after": after})

"""Schedules of learning rates that count the steps of a training in parts."""

import keras


@keras.saving.register_keras_serializable(package="keras_multimix")
class OfWholeSteps(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule of another one's rates, each for all parts of a step.

    Keras' optimizers count each part whose gradient they accumulate as a step.

    Args:
        schedule: A `keras.optimizers.schedules.LearningRateSchedule`.
        num_parts: How many parts a step has.
    """

    def __init__(self, schedule, num_parts):
        self.schedule = schedule
        self.num_parts = num_parts

    def __call__(self, step):
        """Returns the rate of the step that a part belongs to."""
        return self.schedule(keras.ops.floor_divide(step, self.num_parts))

    def get_config(self):
        """Returns the schedule, serialized, and the number of parts."""
        serialize = keras.saving.serialize_keras_object
        return {"schedule": serialize(self.schedule), "num_parts": self.num_parts}

    @classmethod
    def from_config(cls, config):
        """Returns a schedule made from what `get_config` returned."""
        schedule = keras.saving.deserialize_keras_object(config["schedule"])
        return cls(schedule, config["num_parts"])


def count_whole_steps(optimizer, num_parts):
    """Lets an optimizer's schedule count whole steps, whatever it counted before.

    Args:
        optimizer: A Keras optimizer. One whose rate is a number stays as it is.
        num_parts: How many parts a step has.
    """
    # The property `learning_rate` gives the rate of now, not the schedule.
    given = getattr(optimizer, "_learning_rate", None)
    schedule = given.schedule if isinstance(given, OfWholeSteps) else given
    is_schedule = isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule)
    if is_schedule and num_parts != getattr(given, "num_parts", 1):
        whole = schedule if num_parts == 1 else OfWholeSteps(schedule, num_parts)
        optimizer.learning_rate = whole

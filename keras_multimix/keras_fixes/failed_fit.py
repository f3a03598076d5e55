"""A model that failed in `fit` can train again.

On JAX, `fit` moves the values of a model's variables into the state of a compiled step.
When training fails, Keras writes the state of the last step back (keras#21019). If no
step has run, because the first batch was refused while the step was traced, Keras
leaves the variables empty.

For an optimizer with `use_ema=True`, Keras then averages the empty variables, and that
error hides the first one.

After such a training, weights and their averages are the same arrays. JAX refuses to
give the same array to the next training twice.

On TensorFlow, a step may create variables only while it is traced for the first time.
If that trace fails, a second `fit` fails too.
"""

import contextlib

import keras


class Snapshot:
    """The values that a model's variables had before training.

    It holds references to the values and copies nothing.
    """

    def __init__(self):
        self.clear()

    def take(self, variables):
        """Remembers variables together with their present values.

        Does nothing on TensorFlow and PyTorch, which keep the values in the variables.
        On JAX it copies an array that belongs to two variables.
        """
        if keras.backend.backend() == "jax":
            _separate(variables)
            self._values = [(variable, variable.value) for variable in variables]

    @contextlib.contextmanager
    def guarding(self, model):
        """Makes a model that fails inside the block able to train again."""
        try:
            yield
        except BaseException as error:
            lost = self.restore_lost()
            model.train_function = None  # the next `fit` compiles a new step
            if lost and isinstance(error, TypeError) and error.__context__ is not None:
                raise error.__context__ from None  # what the error of averaging hid
            raise
        finally:
            self.clear()

    def restore_lost(self):
        """Gives every empty variable its remembered value.

        Returns:
            Whether there were any.
        """
        lost = [each for each in self._values if _is_lost(each[0])]
        for variable, value in lost:
            variable.assign(value)
        return bool(lost)

    def clear(self):
        """Forgets all variables."""
        self._values = []


def _separate(variables):
    seen = set()
    for variable in variables:
        if id(variable.value) in seen:
            variable.assign(keras.ops.copy(variable.value))
        seen.add(id(variable.value))


def _is_lost(variable):
    try:
        return variable.value is None
    except TypeError:  # an empty variable tries to initialize itself again
        return True

"""A model that failed in `fit` can train again.

On JAX, `fit` moves the values of a model's variables into the state of a compiled step.
When training fails, Keras writes the state of the last step back (keras#21019). If no
step has run, because the first batch was refused while the step was traced, Keras
leaves the variables empty.

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
        """
        if keras.backend.backend() == "jax":
            self._values = [(variable, variable.value) for variable in variables]

    @contextlib.contextmanager
    def guarding(self, model):
        """Makes a model that fails inside the block able to train again."""
        try:
            yield
        except BaseException:
            self.restore_lost()
            model.train_function = None  # the next `fit` compiles a new step
            raise
        finally:
            self.clear()

    def restore_lost(self):
        """Gives every empty variable its remembered value."""
        for variable, value in self._values:
            if _is_lost(variable):
                variable.assign(value)

    def clear(self):
        """Forgets all variables."""
        self._values = []


def _is_lost(variable):
    try:
        return variable.value is None
    except TypeError:  # an empty variable tries to initialize itself again
        return True

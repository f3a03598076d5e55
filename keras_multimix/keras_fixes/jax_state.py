"""What training on the JAX backend needs: pure steps, and variables that come back.

Keras moves the values of a model's variables into the state of a compiled step while
it trains.
"""

import contextlib

import keras


def run_in_state(function, variables, values):
    """Calls a function that reads and assigns variables, as a pure step may.

    Args:
        function: Called without arguments.
        variables: The `keras.Variable`s whose values are elsewhere.
        values: Those values, in the same order.

    Returns:
        What the function returned, and the list of the values after it.
    """
    mapping = list(zip(variables, values, strict=True))
    with keras.StatelessScope(mapping) as scope:
        result = function()
    updated = [scope.get_current_value(variable) for variable in variables]
    return result, [
        old if new is None else new for old, new in zip(values, updated, strict=True)
    ]


class Snapshot:
    """Variables and their values before training: references, no copies.

    Keras restores the values of the last step that ran when training fails. Where none
    did, because the first batch was refused while it was traced, it leaves the
    variables empty.
    """

    def __init__(self):
        self.clear()

    def take(self, variables):
        """Remembers variables with the values that they have now."""
        self._values = [(variable, variable.value) for variable in variables]

    @contextlib.contextmanager
    def guarding(self, model):
        """Leaves a model that failed in the block as it was able to train before."""
        try:
            yield
        except BaseException:
            self.restore_lost()
            # A step whose first trace failed cannot be traced again on TensorFlow.
            model.train_function = None
            raise
        finally:
            self.clear()

    def restore_lost(self):
        """Gives variables that are empty now the values that they had."""
        for variable, value in self._values:
            if _is_lost(variable):
                variable.assign(value)

    def clear(self):
        """Forgets all of them."""
        self._values = []


def _is_lost(variable):
    try:
        return variable.value is None
    except TypeError:  # an empty variable tries to initialize itself again
        return True

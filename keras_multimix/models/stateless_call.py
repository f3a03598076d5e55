"""Calls that read and assign variables, as pure functions of the variables' values."""

import keras


def stateless_call(function, variables, values):
    """Calls a function in a state of its own, as JAX's compiled steps need it.

    Args:
        function: A function without arguments, which may read and assign variables.
        variables: The `keras.Variable`s that it reads or assigns.
        values: The values that it reads, in the order of `variables`.

    Returns:
        What the function returned, and the list of the variables' values after it. The
        variables themselves do not change.
    """
    mapping = list(zip(variables, values, strict=True))
    with keras.StatelessScope(mapping) as scope:
        result = function()
    updated = [scope.get_current_value(variable) for variable in variables]
    return result, [
        old if new is None else new for old, new in zip(values, updated, strict=True)
    ]


def grouped(values, groups):
    """Cuts a list into tuples of lists that are as long as the groups are."""
    values = iter(values)
    return tuple([next(values) for _ in group] for group in groups)

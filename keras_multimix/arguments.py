"""Checks of arguments, seeds among them, and the one form of the error messages."""

import math
import numbers
import operator
import random

import keras

_MIXED_DTYPES = ("bfloat16", "float16", "float32", "float64")


def invalid(what, *, expected, received, fix):
    """Returns a `ValueError` in three parts: expected, received, how to fix it.

    Args:
        what: What is wrong, such as "argument `alpha`".
        expected: What would have been right.
        received: What came.
        fix: What the caller can do about it.

    Example:

    >>> from keras_multimix.arguments import invalid
    >>> print(invalid("argument `alpha`", expected="a number", received="'a'",
    ...               fix="pass a float"))
    Invalid argument `alpha`. Expected a number. Received: 'a'. To fix it, pass a float.
    """
    return ValueError(
        f"Invalid {what}. Expected {expected}. Received: {received}. To fix it, {fix}."
    )


class Fixed:
    """An attribute that is set once: what is compiled would ignore another value.

    Args:
        fix: What to do in place of an assignment.
    """

    def __init__(self, fix):
        self.fix = fix

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        try:
            return vars(instance)[self.name]
        except KeyError:
            raise AttributeError(self.name) from None

    def __set__(self, instance, value):
        if self.name in vars(instance):
            raise invalid(
                f"assignment to `{self.name}`",
                expected="the value it has: compiled steps would ignore a new one",
                received=f"{self.name} = {value!r:.40}",
                fix=self.fix,
            )
        vars(instance)[self.name] = value


def check_alpha(alpha):
    """Returns `alpha` as a float, or raises a ValueError unless it is in [0, ∞)."""
    number = finite_float(alpha)
    if number is None or number < 0:
        raise invalid(
            "argument `alpha`",
            expected="a finite number, 0 or more",
            received=f"alpha={alpha!r:.80}",
            fix="pass for instance 0.2 or 1.0 (0 turns mixing off)",
        )
    return number


def finite_float(value):
    """Returns a real number as a float, or None for anything else and for infinity."""
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except OverflowError:  # an integer may be too large
        return None
    return number if math.isfinite(number) else None


def check_label_smoothing(label_smoothing):
    """Returns `label_smoothing` as a float, or raises unless it is in [0, 1)."""
    real = isinstance(label_smoothing, numbers.Real)
    if not real or isinstance(label_smoothing, bool) or not 0 <= label_smoothing < 1:
        raise invalid(
            "argument `label_smoothing`",
            expected="a number, 0 or more and less than 1",
            received=f"label_smoothing={label_smoothing!r:.80}",
            fix="pass for instance 0.1 (0 turns smoothing off)",
        )
    return float(label_smoothing)


def check_count(name, value, *, minimum=1, maximum=None):
    """Returns `value` as an int, or raises a ValueError unless it is in range.

    Args:
        name: The argument's name.
        value: What was passed for it.
        minimum: The smallest integer allowed.
        maximum: The largest one, or None.
    """
    number = _as_integer(value)
    if number is None or number < minimum or (maximum and number > maximum):
        limits = f"{minimum} or more" if maximum is None else f"{minimum} to {maximum}"
        raise invalid(
            f"argument `{name}`",
            expected=f"an integer, {limits}",
            received=f"{name}={value!r}",
            fix=f"pass an integer, {limits}",
        )
    return number


def check_integer(name, value):
    """Returns `value` as an int, or raises a ValueError unless it is an integer."""
    number = _as_integer(value)
    if number is None:
        raise invalid(
            f"argument `{name}`",
            expected="an integer",
            received=f"{name}={value!r:.80}",
            fix="pass an integer",
        )
    return number


def check_choice(name, value, choices):
    """Raises a ValueError unless `value` is one of the strings `choices`."""
    if not isinstance(value, str) or value not in choices:
        raise invalid(
            f"argument `{name}`",
            expected="one of " + ", ".join(repr(choice) for choice in choices),
            received=f"{name}={value!r}",
            fix="choose one of these",
        )


def check_flag(name, value):
    """Raises a ValueError unless `value` is True or False."""
    if not isinstance(value, bool):
        raise invalid(
            f"argument `{name}`",
            expected="True or False",
            received=f"{name}={value!r}",
            fix="pass a bool",
        )


def check_dtype(dtype):
    """Raises a ValueError unless a layer of this dtype computes in floating point.

    Args:
        dtype: A dtype, a policy or its name; None is Keras' global policy.
    """
    try:
        computed = keras.dtype_policies.get(dtype).compute_dtype
    except (TypeError, ValueError):
        computed = None
    if computed not in _MIXED_DTYPES:
        given = "" if dtype is not None else " of Keras' global policy"
        raise invalid(
            "argument `dtype`",
            expected="a floating-point dtype or policy: it is what integers are mixed "
            "in",
            received=f"dtype={computed if dtype is None else dtype!r}{given}",
            fix="leave it out, or pass for instance 'float16'; to get integers back, "
            "round the result, `keras.ops.cast(keras.ops.round(x), 'uint8')`",
        )


def resolve_seed(seed):
    """Returns `seed`, or where it is None one that `keras.utils.set_random_seed` sets.

    Raises:
        ValueError: If it is neither None nor an integer in [0, 2 ** 64).
    """
    if seed is None:
        return random.getrandbits(31)
    return check_count("seed", seed, minimum=0, maximum=2**64 - 1)


def _as_integer(value):
    if isinstance(value, bool):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None

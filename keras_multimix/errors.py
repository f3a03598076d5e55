"""The one form of this library's error messages."""


def invalid(what, *, expected, received, fix):
    """Returns a `ValueError` in three parts: expected, received, how to fix it.

    Args:
        what: What is wrong, such as "argument `alpha`".
        expected: What would have been right.
        received: What came.
        fix: What the caller can do about it.

    Example:

    >>> from keras_multimix.errors import invalid
    >>> print(invalid("argument `alpha`", expected="a number", received="'a'",
    ...               fix="pass a float"))
    Invalid argument `alpha`. Expected a number. Received: 'a'. To fix it, pass a float.
    """
    return ValueError(
        f"Invalid {what}. Expected {expected}. Received: {received}. To fix it, {fix}."
    )

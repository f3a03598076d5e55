"""How layers and models show the arguments that they were made with."""

import inspect

import keras

_ALWAYS = ("alpha",)  # what decides how strongly rows are mixed
_MISSING = object()


class ShowsArguments:
    """Gives a Keras object a `repr` that reads like the call that makes it again.

    It shows the arguments that differ from their defaults, and α always. A seed that
    was drawn is shown, because it differs from None: with it the same stream comes
    again. What Keras' settings give, such as the dtype, is left out; so is the name.
    """

    def __repr__(self):
        shown = [f"{name}={_text(value)}" for name, value in _arguments(self).items()]
        return f"{type(self).__name__}({', '.join(shown)})"


def _arguments(thing):
    """Returns a dict of the arguments to show, in the order of the signatures."""
    settings = {"data_format": keras.config.image_data_format()}
    found = {}
    for name, default in _defaults(type(thing)).items():
        value = getattr(thing, name, _MISSING)
        # An object that is not finished yet, as in an error message, has less to show.
        if value is _MISSING:
            continue
        is_default = value == settings.get(name, default)
        if default is inspect.Parameter.empty or name in _ALWAYS or not is_default:
            found[name] = value
    policy = getattr(thing, "dtype_policy", None)
    if policy is not None and policy.name != keras.config.dtype_policy().name:
        found["dtype"] = policy.name
    return found


def _defaults(kind):
    """Returns the arguments of a class and their defaults, down to Keras' own class."""
    found = {}
    for each in kind.__mro__:
        if each is ShowsArguments:
            break
        if "__init__" not in vars(each):
            continue
        _, *parameters = inspect.signature(each.__init__).parameters.values()
        named = [
            p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        ]
        # A subclass may set another default than the class it is made from.
        found = found | {p.name: p.default for p in named if p.name not in found}
        if not any(p.kind == p.VAR_KEYWORD for p in parameters):
            break
    return found


def _text(value):
    """Returns the `repr` of a value; of a function its name, without an address."""
    if inspect.isroutine(value):
        return value.__qualname__
    if isinstance(value, (list, dict)) and type(value) not in (list, dict):
        # Keras keeps a layer's lists and dicts in classes of its own.
        value = list(value) if isinstance(value, list) else dict(value)
    return repr(value)

"""Running a recipe's `main` as a command: what goes wrong is said in one line."""

import sys
import traceback

_OURS = ("recipes", "keras_multimix")
_FAILED, _INTERRUPTED = 2, 130  # as argparse and as a shell have it


def run(main):
    """Runs `main` with the command line of the process.

    An expected error ends the process with status 2 and one line on standard error: a
    ValueError of the recipes or the package, a file or a folder that is missing or
    closed, a package that is not installed. Any other error is a bug, and shows its
    traceback. Who calls `main` from Python gets every exception.

    Args:
        main: function () of a module that runs as a command.
    """
    try:
        main()
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        sys.exit(_INTERRUPTED)
    except (ValueError, OSError, ModuleNotFoundError) as error:
        text = explanation(error)
        if text is None:
            raise
        _tell(text)
        sys.exit(_FAILED)


def explanation(error):
    """What an expected error says, in one line; None if the error is a bug.

    Args:
        error: an exception that has been raised.
    """
    if isinstance(error, ModuleNotFoundError):
        missing = (error.name or "").partition(".")[0]
        if not missing or missing in _OURS:
            return None
        return (
            f"Expected the package {missing} to be installed. Received: an environment "
            "without it. Run: pip install -e '.[recipes]', or install it by its name."
        )
    if isinstance(error, OSError):
        if error.filename is None:
            return _refusal(error)
        return (
            "Expected a path that can be read or written. Received: "
            f"{error.filename}: {error.strerror}. Name another one, see --help."
        )
    return _refusal(error)


def _refusal(error):
    """The text of an error that this project has raised for whoever uses it."""
    text = " ".join(str(error).split())
    in_parts = "Expected " in text and "Received: " in text
    # The same words from another library come from a call that the recipe got wrong.
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    module = frame.f_globals.get("__name__", "")
    # A command's own module is called "__main__".
    own = module == "__main__" or module.partition(".")[0] in _OURS
    return text if in_parts and own else None


def _tell(text):
    if sys.excepthook is sys.__excepthook__:
        spec = getattr(sys.modules["__main__"], "__spec__", None)
        name = f"python -m {spec.name}" if spec else sys.argv[0]
        print(f"{name}: error: {text}", file=sys.stderr)
        return
    # Somebody wants to know of errors, such as processes that train together.
    sys.excepthook(ValueError, ValueError(text), None)

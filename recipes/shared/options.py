"""The command lines of the recipes: types, common options, presets."""

import argparse
import os
from pathlib import Path

BACKENDS = ("jax", "tensorflow", "torch")


def integer_from(lowest):
    """An argparse type: an integer of at least `lowest`."""

    def parse(text):
        try:
            value = int(text)
        except ValueError:
            value = None
        if value is None or value < lowest:
            raise argparse.ArgumentTypeError(
                f"Expected an integer of at least {lowest}. Received: {text}. "
                f"Use, for example, {max(lowest, 5)}."
            )
        return value

    return parse


def number_from(lowest):
    """An argparse type: a finite number of at least `lowest`."""

    def parse(text):
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not lowest <= value < float("inf"):
            raise argparse.ArgumentTypeError(
                f"Expected a finite number of at least {lowest}. Received: {text}. "
                "Use, for example, 0.2."
            )
        return value

    return parse


def rows_or_share(text):
    """An argparse type: 0, a number of rows, or a share of all rows below 1."""
    value = number_from(0)(text)
    if value >= 1 and value != int(value):
        raise argparse.ArgumentTypeError(
            "Expected a number of rows, or a share of them below 1. Received: "
            f"{text}. Use, for example, 100 or 0.2."
        )
    return value if 0 < value < 1 else int(value)


def below_one(text):
    """An argparse type: a number from 0 on and below 1."""
    value = number_from(0)(text)
    if value >= 1:
        raise argparse.ArgumentTypeError(
            f"Expected a number below 1. Received: {text}. Use, for example, 0.5."
        )
    return value


def one_of(names):
    """An argparse type: one of `names`."""

    def parse(text):
        if text not in names:
            raise argparse.ArgumentTypeError(
                f"Expected one of {', '.join(names)}. Received: {text}. "
                "See --help for what each one does."
            )
        return text

    return parse


def option_parser(
    recipe,
    description,
    methods=None,
    *,
    default_methods=(),
    seeds=None,
    epochs=None,
    presets=None,
):
    """The options that recipes share.

    Args:
        recipe: name of the module in `recipes`.
        description: what the recipe does, shown by `--help`.
        methods: dict of method name -> one line that says what it does; None for a
            recipe that compares no methods, which then has no seeds and epochs either.
        default_methods: names of the methods compared by default.
        seeds: default number of seeds.
        epochs: default number of epochs.
        presets: dict of preset name -> (one line, dict of defaults); the first is the
            default. The option is left out where there are none.

    Returns:
        An `argparse.ArgumentParser`; the recipe adds its own options.
    """
    lists = {"presets": {name: line for name, (line, _) in (presets or {}).items()}}
    lists["methods"] = methods or {}
    parser = argparse.ArgumentParser(
        prog=f"python -m recipes.{recipe}",
        description=description,
        epilog="\n\n".join(_listed(*each) for each in lists.items() if each[1]),
        formatter_class=HelpFormatter,
    )
    # Not an option: a file that a run leaves behind says which recipe it is from.
    parser.set_defaults(recipe=recipe)
    add = parser.add_argument
    if presets:
        names = tuple(presets)
        add(
            "--preset",
            type=one_of(names),
            metavar="PRESET",
            default=names[0],
            help="defaults for the other options, listed below",
        )
    add(
        "--backend",
        type=one_of(BACKENDS),
        metavar="BACKEND",
        default=os.environ.get("KERAS_BACKEND", "jax"),
        help=f"what Keras runs on: {', '.join(BACKENDS)}",
    )
    add("--output", type=Path, default=Path("runs", recipe), help="folder for files")
    add(
        "--data-dir",
        type=Path,
        default=Path("data"),
        help="folder with the data; unused where they ship with a package",
    )
    if methods is None:
        return parser
    add(
        "--methods",
        nargs="+",
        metavar="METHOD",
        type=one_of(tuple(methods)),
        default=list(default_methods),
        help="methods to compare, listed below",
    )
    add("--seeds", type=integer_from(1), default=seeds, help="runs of each method")
    add(
        "--epochs",
        type=integer_from(1),
        default=epochs,
        help="epochs of a run" + ("" if epochs else "; as the data need"),
    )
    add(
        "--minutes",
        type=number_from(0),
        help="start no run that is expected to end later than this",
    )
    add(
        "--tensorboard",
        action="store_true",
        default=None,
        help="write logs of every run for TensorBoard into OUTPUT/tensorboard",
    )
    return parser


def add_tfds_option(parser):
    """Adds the choice of TensorFlow Datasets as the source of the data."""
    parser.add_argument(
        "--tfds",
        action="store_true",
        help="read the data with TensorFlow Datasets, whose folder is DATA_DIR",
    )


def parse(parser, arguments=None, presets=None):
    """Parses a command line, with the defaults of the preset that it names.

    Args:
        parser: what `option_parser` gave, with all options added.
        arguments: list of strings; None takes the process's own.
        presets: as for `option_parser`.
    """
    if presets:
        # Its defaults come first: everything else may be said on top of them.
        first = argparse.ArgumentParser(add_help=False)
        first.add_argument("--preset", default=next(iter(presets)))
        chosen = first.parse_known_args(arguments)[0].preset
        parser.set_defaults(**presets.get(chosen, ("", {}))[1])
    return parser.parse_args(arguments)


def _listed(heading, lines):
    return f"{heading}:\n" + "\n".join(f"  {k:<20} {line}" for k, line in lines.items())


class HelpFormatter(
    argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter
):
    """Shows defaults and keeps the line breaks of the description."""

    def _get_help_string(self, action):
        # Without a default the help itself says what happens.
        return (
            action.help if action.default is None else super()._get_help_string(action)
        )

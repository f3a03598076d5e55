"""What the recipes share: options, the backend, the loop over runs, results.json."""

import argparse
import importlib
import importlib.util
import json
import os
import time
from pathlib import Path

from tqdm import tqdm

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


def option_parser(recipe, description, methods, *, default_methods, seeds, epochs):
    """The options every recipe has.

    Args:
        recipe: name of the module in `recipes`.
        description: what the recipe does, shown by `--help`.
        methods: dict of method name -> one line that says what it does.
        default_methods: names of the methods compared by default.
        seeds: default number of seeds.
        epochs: default number of epochs.

    Returns:
        An `argparse.ArgumentParser`; the recipe adds its own options.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m recipes.{recipe}",
        description=description,
        epilog="methods:\n"
        + "\n".join(f"  {name:<20} {line}" for name, line in methods.items()),
        formatter_class=HelpFormatter,
    )
    add_common_options(parser, recipe)
    parser.add_argument(
        "--methods",
        nargs="+",
        metavar="METHOD",
        type=one_of(tuple(methods)),
        default=list(default_methods),
        help="methods to compare, listed below",
    )
    add = parser.add_argument
    add("--seeds", type=integer_from(1), default=seeds, help="runs of each method")
    add(
        "--epochs",
        type=integer_from(1),
        default=epochs,
        help="epochs of a run" + ("" if epochs else "; as the data need"),
    )
    return parser


def add_common_options(parser, recipe):
    """Adds the options of every recipe: where it runs, reads and writes."""
    parser.add_argument(
        "--backend",
        type=one_of(BACKENDS),
        default=os.environ.get("KERAS_BACKEND", "jax"),
        help=f"what Keras runs on: {', '.join(BACKENDS)}",
    )
    add = parser.add_argument
    add("--output", type=Path, default=Path("runs", recipe), help="folder for files")
    add(
        "--data-dir",
        type=Path,
        default=Path("data"),
        help="folder with the data; unused where they ship with a package",
    )


class HelpFormatter(
    argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter
):
    """Shows defaults and keeps the line breaks of the description."""

    def _get_help_string(self, action):
        # Without a default the help itself says what happens.
        return (
            action.help if action.default is None else super()._get_help_string(action)
        )


def select_backend(name):
    """Imports Keras on the backend `name`; call it before anything imports keras."""
    if importlib.util.find_spec(name) is None:
        raise ValueError(
            f"Expected an installed backend. Received: {name}, which is not "
            f"installed. Run: pip install 'keras-multimix[{name}]'"
        )
    os.environ["KERAS_BACKEND"] = name
    # TensorFlow, when installed, is loaded beside any backend and logs at import.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    keras = importlib.import_module("keras")
    if keras.config.backend() != name:
        raise ValueError(
            f"Expected keras not to be imported yet, or to run on {name}. Received: "
            f"keras on {keras.config.backend()}. Choose the backend in a new process."
        )


def run_all(recipe, dataset, options, train, epochs_of):
    """Trains every method with every seed and writes each result as it comes.

    Args:
        recipe: name of the recipe, for the records.
        dataset: name of the data, for the records.
        options: what `option_parser` parsed.
        train: function (method, seed, on_epoch_end) -> list of points, each a dict
            with `share` (of the run, 0 to 1) and measures; the last one is final.
        epochs_of: function method -> number of epochs of its runs.

    Returns:
        (records, curves): the list in results.json, and a dict
        (method, seed) -> points.
    """
    methods = dict.fromkeys(options.methods)
    runs = [(method, seed) for seed in range(options.seeds) for method in methods]
    records, curves = [], {}
    options.output.mkdir(parents=True, exist_ok=True)
    total = sum(epochs_of(method) for method, _ in runs)
    with tqdm(total=total, unit="epoch", mininterval=0.5) as progress:
        for number, (method, seed) in enumerate(runs, start=1):
            progress.set_description(f"run {number}/{len(runs)} {method} seed {seed}")
            start = time.perf_counter()
            curves[method, seed] = points = train(method, seed, progress.update)
            metrics = dict(points[-1])
            del metrics["share"]
            bins = metrics.pop("reliability", {})
            metrics["seconds"] = round(time.perf_counter() - start, 2)
            records.append(
                {
                    "recipe": recipe,
                    "dataset": dataset,
                    "method": method,
                    "seed": seed,
                    "backend": options.backend,
                    "epochs": epochs_of(method),
                    "metrics": metrics,
                    "reliability": {k: _numbers(v) for k, v in bins.items()},
                }
            )
            write_results(options.output / "results.json", records)
    return records, curves


def _numbers(values):
    """A list for JSON, which has no NaN: None stands for it."""
    return [None if value != value else float(value) for value in values]


def write_results(path, records):
    """Writes the list of records as JSON, whole or not at all."""
    # A rename is atomic: who reads during a long run never sees half a file.
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)

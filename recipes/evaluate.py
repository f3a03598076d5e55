"""Measures a net again that a recipe has saved.

    python -m recipes.evaluate runs/digits/models/digits-mixup-0-last.keras
    python -m recipes.evaluate NET.keras --data-dir DIR --attack fgsm --epsilon 4 8
    python -m recipes.evaluate NET.keras --data-dir DIR --corruptions
    python -m recipes.evaluate NET.keras --dataset cifar10 --data-dir DIR --seed 3

The record beside the net says which rows it learned, so that the test rows are the same
too: on the same backend and machine the numbers are those of results.json. `--dataset`
measures it on other data; the options of the recipe of these data describe them.
"""

import argparse
import importlib
import json
from pathlib import Path

from recipes import speech, tabular
from recipes.parts.image_options import add_measure_options, check_epsilon
from recipes.shared import commands
from recipes.shared.options import BACKENDS, integer_from, one_of
from recipes.shared.results import with_nan
from recipes.shared.runner import Run, select_backend

# Data set -> the recipe whose options describe it.
RECIPES = {
    **dict.fromkeys(tabular.PAPER + tabular.SHIPPED, "tabular"),
    **dict.fromkeys(speech.DATASETS, "speech"),
    **dict.fromkeys(("cifar10", "cifar100"), "cifar"),
    **dict.fromkeys(("folder", "imagenet2012"), "imagenet"),
    "fashion_mnist": "fashion",
    "digits": "digits",  # the images; as a table it has no other name
}


def parse_options(arguments=None):
    """Parses the command line; `None` takes the process's own.

    Returns:
        The options, and those that the recipe of the data is to parse.
    """
    parser = argparse.ArgumentParser(
        prog="python -m recipes.evaluate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("model", type=Path, metavar="NET.keras", help="what --save-models has kept")
    add(
        "--dataset",
        type=one_of(tuple(RECIPES)),
        metavar="NAME",
        help=f"other data than it learned: {', '.join(RECIPES)}",
    )
    add("--data-dir", type=Path, default=Path("data"), help="folder with the data")
    add("--seed", type=integer_from(0), help="of the rows; by default the run's, or 0")
    add(
        "--backend",
        type=one_of(BACKENDS),
        metavar="BACKEND",
        help="what Keras runs on; by default what the net was trained on, or jax",
    )
    add_measure_options(parser)
    add(
        "--source",
        type=Path,
        metavar="OTHER.keras",
        help="another net, whose adversarial examples are tried too (black box)",
    )
    options, others = parser.parse_known_args(arguments)
    check_epsilon(options)
    if others and not options.dataset:
        parser.error(
            f"Expected --dataset before options that describe it. Received: "
            f"{' '.join(others)}. Add it, or leave them out: the record beside the net "
            "describes the data that it has learned."
        )
    return options, others


def read_record(path):
    """The record beside a saved net, a dict.

    Args:
        path: of the net.

    Raises:
        ValueError: If there is no record, or it is no record of a recipe.
    """
    beside = path.with_suffix(".json")
    try:
        record = with_nan(json.loads(beside.read_text(encoding="utf-8")))
        if not {"recipe", "backend", "settings", "dataset", "seed"} <= set(record):
            raise ValueError("other JSON")
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(
            f"Expected the record of the net in {beside}, as --save-models writes it. "
            f"Received: {type(error).__name__}: {error}. Put it there, or name the "
            "data with --dataset."
        ) from error
    return record


def data_options(options, others):
    """The recipe of the data, the run that they are those of, and its options.

    Args:
        options: what `parse_options` gave.
        others: likewise.
    """
    if options.dataset:
        name, dataset = RECIPES[options.dataset], options.dataset
        record = {"seed": 0, "settings": {}}
        if name not in ("digits", "fashion"):  # which have one data set
            others = ["--dataset", dataset, *others]
    else:
        record = read_record(options.model)
        name, dataset = record["recipe"], record["dataset"]
    recipe = importlib.import_module(f"recipes.{name}")
    described = recipe.parse_options(others)
    for key, value in record["settings"].items():
        setattr(described, key, value)
    described.data_dir = options.data_dir
    described.backend = options.backend or record.get("backend", described.backend)
    # A folder of images is called by its name in a record.
    is_folder = name == "imagenet" and dataset not in RECIPES
    described.dataset = "folder" if is_folder else dataset
    seed = record["seed"] if options.seed is None else options.seed
    return recipe, Run(dataset, "saved", seed), described


def measured(network, recipe, run, described, options):
    """The measures of a net, a dict with the names of results.json.

    Args:
        network: a `keras.Model` that gives logits.
        recipe: the module of the recipe of the data.
        run: whose rows they are.
        described: the options of the recipe.
        options: with `attack`, `epsilon`, `attack_size`, `corruptions` and `source`.
    """
    from recipes.parts import robustness
    from recipes.shared.curves import predict
    from recipes.shared.measures import measure
    from recipes.shared.temperature import scaled_measures

    if not hasattr(recipe, "load_split"):
        if options.attack or options.corruptions:
            raise ValueError(
                "Expected data that fit into memory, for attacks and corruptions. "
                "Received: a stream of images. Leave out --attack and --corruptions."
            )
        return recipe.measure_again(network, described)
    split = recipe.load_split(run, described)
    check_fits(network, split.input_shape, split.num_classes)
    found = measure(predict(network, split.test_inputs), split.test_labels)
    found |= scaled_measures(network, split)
    if options.corruptions:
        found |= robustness.corruption_means(
            robustness.corruption_measures(network, split)
        )
    if options.attack:
        source = load_net(options.source) if options.source else None
        found |= robustness.attack_errors(network, source, split, options, run.seed)
    return found


def check_fits(network, input_shape, num_classes):
    """Refuses a net for other rows or fewer classes."""
    shapes = (network.input_shape[1:], network.output_shape[1:])
    if shapes[0] != tuple(input_shape) or shapes[1][-1] < num_classes:
        raise ValueError(
            f"Expected a net for rows of {tuple(input_shape)} and {num_classes} "
            f"classes. Received: one for {shapes[0]} that gives {shapes[1]}. Name the "
            "data that it has learned, with the recipe's options for them."
        )


def load_net(path):
    """A net from a file of Keras."""
    import keras

    # They register the recipes' own layers.
    for name in ("patch_convolution", "spectrogram"):
        importlib.import_module(f"recipes.networks.{name}")
    try:
        return keras.saving.load_model(path, compile=False)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(
            f"Expected a net in {path}, as --save-models writes it. Received: "
            f"{type(error).__name__}: {str(error)[:200]}. Take another file."
        ) from error


def main(arguments=None):
    """The command; returns the measures."""
    options, others = parse_options(arguments)
    recipe, run, described = data_options(options, others)
    select_backend(described.backend)
    network = load_net(options.model)
    found = measured(network, recipe, run, described, options)
    for name, value in found.items():
        print(f"{name:<24} {value:.6g}")
    return found


if __name__ == "__main__":
    commands.run(main)

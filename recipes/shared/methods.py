"""The ways to train that the recipes compare, and the controls for equal compute."""

from dataclasses import dataclass, field
from typing import Any

from recipes.shared import checkpoint_times
from recipes.shared.options import integer_from, number_from, rows_or_share


@dataclass(frozen=True)
class Method:
    """One way to train.

    Attributes:
        summary: what it does, in one line.
        mixer: name of the layer in `keras_multimix`; None is plain training, which is
            mixup at α = 0: the same code for every method.
        arguments: of the layer or the GAN; they win over the recipe's options.
        interpolates: K rows from each pair, K being the recipe's option, so a step
            costs K times as much.
        more_rows: K times the rows in each step, hence K passes over the data in
            an epoch of as many steps.
        more_epochs: K times the epochs.
        mix_at: names of the layers to mix after, one drawn for each step; none mixes
            the inputs.
        neighbors: partners among the 200 nearest rows of the training set, of "all"
            classes or the "same" one; None takes partners as the layer pairs them.
        dropout: the network drops units, as many as the recipe's option says.
        label_smoothing: share of each label, 0 to 1, spread over all classes.
        noise: standard deviation of Gaussian noise on the inputs.
    """

    summary: str
    mixer: str | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
    interpolates: bool = False
    more_rows: bool = False
    more_epochs: bool = False
    mix_at: tuple[str, ...] = ()
    neighbors: str | None = None
    dropout: bool = False
    label_smoothing: float = 0.0
    noise: float = 0.0


METHODS = {
    "erm": Method("plain training"),
    "mixup": Method("mixup: one interpolation per pair", "MixUp"),
    "multimix": Method(
        "K stratified, ordered interpolations per pair", "MultiMix", interpolates=True
    ),
    "mixup_matched": Method(
        "control: mixup on K times the pairs per step", "MixUp", more_rows=True
    ),
    "erm_long": Method(
        "control: plain training for K times the epochs", more_epochs=True
    ),
    "multimix_independent": Method(
        "K independent interpolations per pair",
        "MultiMix",
        {"sampling": "independent"},
        interpolates=True,
    ),
    "multimix_2": Method(
        "2 stratified interpolations per pair", "MultiMix", {"num_interpolations": 2}
    ),
    "mixup_roll": Method("mixup with the next row", "MixUp", {"pairing": "roll"}),
    "mixup_mirror": Method(
        "mixup of rows i and B-1-i at one λ", "MixUp", {"pairing": "mirror"}
    ),
    "regmixup": Method(
        "each row as it is, and mixed at a large α", "RegMixup", {"alpha": 10.0}
    ),
    "multimix_kept": Method(
        "each row as it is, and K − 1 interpolations",
        "MultiMix",
        {"keep_originals": True},
        interpolates=True,
    ),
    "multimix_same_rows": Method(
        "K interpolations of 1/K of the pairs: as many rows a step as mixup has",
        "MultiMix",
        {"keep_batch_size": True},
        interpolates=True,
    ),
    "mixup_alpha_0.1": Method("mixup at α = 0.1", "MixUp", {"alpha": 0.1}),
    "mixup_alpha_0.2": Method("mixup at α = 0.2", "MixUp", {"alpha": 0.2}),
    "mixup_alpha_0.4": Method("mixup at α = 0.4", "MixUp", {"alpha": 0.4}),
    "mixup_alpha_1": Method("mixup at α = 1", "MixUp", {"alpha": 1.0}),
}

# For inputs with a height and a width.
IMAGE_METHODS = {
    **METHODS,
    "cutmix": Method("one box of the partner pasted into each image", "CutMix"),
    "multi_cutmix": Method(
        "K boxes per pair", "CutMix", {"sampling": "stratified"}, interpolates=True
    ),
}


def summaries(methods=METHODS):
    """A dict method -> what it does, for `--help`."""
    return {name: method.summary for name, method in methods.items()}


def add_options(
    parser,
    *,
    batch_size=32,
    alpha=0.2,
    learning_rate=2e-3,
    optimizer="Adam",
    validation_size=0,
):
    """Adds the options that the methods read; presets may give other defaults.

    With `validation_size=None` there are no rows to hold out, as in a stream.
    """
    add, number = parser.add_argument, number_from
    if validation_size is not None:
        add(
            "--validation-size",
            type=rows_or_share,
            default=validation_size,
            help="training rows held out, or below 1 their share, for a temperature",
        )
    add("--batch-size", type=integer_from(2), default=batch_size, help="rows in a step")
    add("--alpha", type=number(0), default=alpha, help="λ ~ Beta(α, α)")
    add(
        "--num-interpolations",
        type=integer_from(1),
        default=5,
        help="K of multi-mix and of the controls for equal compute",
    )
    add(
        "--learning-rate",
        type=number(0),
        default=learning_rate,
        help=f"of {optimizer}",
    )
    add(
        "--save-models",
        action="store_true",
        default=None,
        help="keep each trained net in OUTPUT/models: the last one, and the one with "
        "the fewest errors on validation rows",
    )
    checkpoint_times.add_option(parser)


def epochs_of(method, options):
    """Epochs in a run of a method."""
    return options.epochs * (options.num_interpolations if method.more_epochs else 1)


def build_mixer(method, options, seed):
    """The mixing layer of a method."""
    import keras_multimix

    if method.mixer is None:
        return keras_multimix.MixUp(alpha=0.0, seed=seed)
    arguments = {"alpha": options.alpha, "seed": seed, **method.arguments}
    if method.interpolates:
        arguments["num_interpolations"] = options.num_interpolations
    return getattr(keras_multimix, method.mixer)(**arguments)

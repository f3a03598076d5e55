"""The commands of recipes/plan.md: what is measured, its name, and in what order."""

from typing import NamedTuple

_FULL = ("--preset", "full")
_WRONG = ("--preset", "wrong_labels")
_SHORT = (*_FULL, "--no-profile")
_AT_20000 = (*_SHORT, "--train-size", "20000")
_AT_5000 = (*_SHORT, "--train-size", "5000")
_ON_VALIDATION = ("--measure-on", "validation", "--seeds", "2")
_ATTACKS = "--attack fgsm ifgsm noise --epsilon 2 4 8 --attack-size 2000".split()


class Table(NamedTuple):
    """The records of one file in `measured`.

    Attributes:
        recipe: name of a recipe.
        arguments: of its command.
        methods: those that are compared; empty takes the preset's.
        choices: names of the choices that give it options.
    """

    recipe: str
    arguments: tuple
    methods: tuple = ()
    choices: tuple = ()


class Choice(NamedTuple):
    """A setting that is found on validation rows.

    Attributes:
        option: the option of the command that it sets.
        values: the possible values. Of those whose error is within a standard error of
            the lowest one, the first is taken.
        arguments: of `recipes.fashion`, without the option.
        methods: the methods over which the error is averaged.
    """

    option: str
    values: tuple
    arguments: tuple
    methods: tuple


CHOICES = {
    "alpha": Choice(
        "--alpha",
        ("1", "0.2"),
        (*_AT_20000, *_ON_VALIDATION),
        ("multimix", "mixup_matched", "cutmix"),
    ),
    "dropout": Choice(
        "--dropout",
        ("0.3", "0.5", "0.7"),
        (*_WRONG, "--validation-size", "5000", *_ON_VALIDATION),
        ("dropout",),
    ),
    "epochs": Choice(
        "--epochs",
        ("30", "60"),
        (*_AT_5000, *_ON_VALIDATION),
        ("erm", "mixup_alpha_0.2", "mixup_alpha_1"),
    ),
}


def _k(number):
    methods = ("multimix", "multimix_independent", "multimix_kept")
    methods = (*methods, "mixup_matched", "multimix_same_rows")
    return Table(
        "fashion",
        (*_AT_5000, "--num-interpolations", str(number)),
        ("erm", "mixup") if number == 1 else methods,
        ("alpha", "epochs"),
    )


# The most important tables first.
TABLES = {
    "fashion_keras_example": Table("fashion", ("--preset", "keras_example")),
    "fashion_55000": Table(
        "fashion", (*_FULL, *_ATTACKS, "--corruptions"), choices=("alpha",)
    ),
    "fashion_wrong_0.5": Table(
        "fashion", (*_WRONG, "--corrupt", "0.5"), choices=("dropout",)
    ),
    "fashion_20000": Table(
        "fashion",
        _AT_20000,
        ("erm", "mixup_alpha_1", "multimix", "cutmix"),
        ("alpha",),
    ),
    "fashion_5000": Table(
        "fashion",
        (*_FULL, "--train-size", "5000", "--seeds", "10"),
        choices=("alpha", "epochs"),
    ),
    **{f"fashion_k{number}": _k(number) for number in (1, 2, 5, 8, 3)},
    **{
        f"fashion_wrong_{share}": Table(
            "fashion", (*_WRONG, "--corrupt", share), choices=("dropout",)
        )
        for share in ("0.8", "0.2")
    },
    "spoken_lenet": Table(
        "speech", "--preset quick --dataset spoken_digit --seeds 5".split()
    ),
    "fashion_twice": Table(
        "fashion",
        (*_AT_5000, "--epochs", "60"),
        ("mixup_alpha_1", "multimix", "regmixup", "cutmix"),
        ("alpha",),
    ),
    "fashion_augmented": Table(
        "fashion",
        (*_AT_5000, "--augment"),
        ("erm", "mixup_alpha_1", "multimix", "cutmix", "mixup_matched"),
        ("alpha",),
    ),
    "fashion_ablation": Table(
        "fashion", (*_AT_5000, "--ablation", "--seeds", "3"), choices=("alpha",)
    ),
    "spoken_vgg": Table(
        "speech",
        "--preset quick --dataset spoken_digit --seeds 5 --network vgg --narrower 8 "
        "--epochs 15".split(),
    ),
    "gan": Table("gan", "--preset paper --epochs 100 --seeds 3".split()),
    "gan_robustness": Table("gan", "--robustness --epochs 50 --seeds 3".split()),
    "gan_fashion_mnist": Table("gan", ("--preset", "images")),
    "cifar10_10000": Table("cifar", ("--preset", "cpu", "--corruptions")),
    "cifar10_gpu_full": Table(
        "cifar",
        "--preset gpu --corruptions --seeds 5".split(),
        ("erm", "mixup", "multimix", "cutmix", "mixup_matched", "erm_long"),
    ),
}
# For trying everything in minutes: too small to mean anything.
_TINY = "--train-size 40 --test-size 20 --epochs 1 --seeds 2".split()
TINY = {
    "fashion": (*_TINY, "--validation-size", "20", "--width", "2"),
    "speech": (*_TINY, "--narrower", "20"),
    "gan": ("--epochs", "1", "--width", "4", "--seeds", "1"),
    "cifar": (*_TINY, "--width", "2", "--image-size", "8", "--batch-size", "20"),
}
TINY_ATTACKS = ("--attack-size", "10")

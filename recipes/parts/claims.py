"""What the two papers claim, and how a measured difference answers it.

Numbers of the papers stand here where they were read in the paper or its authors' code,
or confirmed indirectly. Zhang et al., arXiv 1710.09412; Shen et al., arXiv 2406.01417.
"""

from typing import NamedTuple

from recipes.parts.families import Comparison


class Claim(NamedTuple):
    """A claim and the comparison that tests it.

    All say that a number is lower with the method than with the reference.

    Attributes:
        text: the claim, in a few words.
        setting: where it was tested.
        family: name of the family of tests, in `recipes.parts.families`.
        comparison: a test of the family.
        paper: what the paper reports for the reference and the method; None without
            numbers.
    """

    text: str
    setting: str
    family: str
    comparison: Comparison
    paper: tuple | None = None


def verdict(claim, result):
    """One of "confirmed", "in kind only", "not seen" and "the opposite".

    A difference counts where its p, corrected for the family, is below .05. It is "in
    kind only" where the paper has numbers and the relative difference is less than half
    of the paper's.

    Args:
        claim: a `Claim`.
        result: the `recipes.parts.comparisons.Result` of its comparison.
    """
    if not result.holm < 0.05:
        return "not seen"
    if result.mean > 0:
        return "the opposite"
    if claim.paper is None:
        return "confirmed"
    before, after = claim.paper
    half = (after - before) / before / 2
    return "confirmed" if result.mean / result.base <= half else "in kind only"


# PreAct ResNet-18 on CIFAR-10, plain training and mixup, %.
_CIFAR = (5.53, 4.24)
# CIFAR-10 at the end of training, %: plain, dropout, mixup, both.
_WRONG = {
    "0.2": (16.6, 10.4, 6.4, 6.2),
    "0.5": (44.6, 15.5, 12.7, 10.9),
    "0.8": (73.9, 35.1, 30.9, 24.8),
}
_FULL = "Fashion-MNIST, 55 000 images"


def claims(alpha="1"):
    """All claims that have a planned test, a list of `Claim`.

    Args:
        alpha: multi-mix's, "0.2" or "1": plain mixup's beside it.
    """
    together = "mixup with dropout ends with fewer errors than plain training"
    return [
        *_errors(),
        *_wrong("mixup", "erm", "mixup ends with fewer errors than plain training"),
        *_wrong("mixup", "dropout", "mixup ends with fewer errors than dropout"),
        *_wrong("mixup_dropout", "erm", together),
        *_attacked("mixup_alpha_1", "mixup"),
        *_between(),
        *_more_interpolations(alpha),
        Claim(
            "multi-mix is better calibrated than plain training",
            f"{_FULL}, K = 2",
            "calibration",
            Comparison("fashion_55000", "multimix", metric="ece"),
        ),
        *_corrupted(),
        *_attacked("multimix", "multi-mix"),
    ]


def _errors():
    text, one = "mixup has fewer test errors than plain training", "mixup_alpha_1"
    for setting, family, file, method in (
        (f"{_FULL}, α = 1", "errors, 55000 rows", "fashion_55000", one),
        ("20 000 images", "errors, 20000 rows", "fashion_20000", one),
        ("5 000 images", "errors, 5000 rows", "fashion_5000", one),
        (
            "5 000 images, crops and flips",
            "errors, 5000 rows, crops and flips",
            "fashion_augmented",
            one,
        ),
        (
            "CIFAR-10, 10 000 images, crops and flips",
            "CIFAR-10, 10000 rows",
            "cifar10_10000",
            "mixup",
        ),
        (
            "keras.io's example, α = 0.2",
            "keras.io's example",
            "fashion_keras_example",
            "mixup_two_datasets",
        ),
    ):
        yield Claim(text, setting, family, Comparison(file, method), _CIFAR)
    for network, name in (("lenet", "LeNet"), ("vgg", "VGG-11")):
        comparison = Comparison(f"spoken_{network}", "mixup", metric="test_error")
        setting = f"spoken digits, {name}, α = 0.2"
        yield Claim(text, setting, "spoken digits", comparison)


def _wrong(method, reference, text):
    names = ("erm", "dropout", "mixup", "mixup_dropout")  # the order in _WRONG
    for share, errors in _WRONG.items():
        yield Claim(
            f"with wrong labels {text}",
            f"Fashion-MNIST, {100 * float(share):g} % wrong",
            "wrong labels",
            Comparison(f"fashion_wrong_{share}", method, reference),
            (errors[names.index(reference)], errors[names.index(method)]),
        )


def _attacked(method, text):
    for box, name in (
        ("fgsm", "FGSM, white box"),
        ("fgsm_black_box", "FGSM, black box"),
        ("ifgsm_black_box", "I-FGSM, black box"),
    ):
        yield Claim(
            f"{text} withstands attacks better than plain training",
            f"{_FULL}, {name}, ε = 4",
            "attacks, ε = 4",
            Comparison("fashion_55000", method, metric=f"{box}_error_4"),
        )


def _between():
    for metric, what in (
        ("profile_misses", "misses fewer labels between training samples"),
        ("profile_gradient", "has smaller gradients between training samples"),
    ):
        comparison = Comparison("fashion_55000", "mixup_alpha_1", metric=metric)
        yield Claim(f"mixup {what}", _FULL, "between samples", comparison)


def _more_interpolations(alpha):
    text = "multi-mix has fewer test errors than mixup, at equal steps"
    same = Comparison("fashion_55000", "multimix", f"mixup_alpha_{alpha}")
    yield Claim(text, f"{_FULL}, K = 2", "what multi-mix adds", same)
    for k in (2, 3, 5, 8):
        comparison = Comparison(
            f"fashion_k{k}", "multimix", "mixup", reference_file="fashion_k1"
        )
        yield Claim(text, f"5 000 images, K = {k}", "K, equal steps", comparison)


def _corrupted():
    text = "multi-mix withstands corruptions better than plain training"
    for setting, family, file in (
        (_FULL, "corruptions", "fashion_55000"),
        ("CIFAR-10, 10 000 images", "CIFAR-10, 10000 rows", "cifar10_10000"),
    ):
        comparison = Comparison(file, "multimix", metric="corrupted_error")
        yield Claim(text, f"{setting}, K = 2", family, comparison)

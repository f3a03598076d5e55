"""What the two papers claim, and how a measured difference answers it.

Numbers of the papers stand here where they were read in the paper or its authors' code,
or confirmed indirectly. Zhang et al., arXiv 1710.09412; Shen et al., arXiv 2406.01417.
"""

from typing import NamedTuple


class Claim(NamedTuple):
    """A claim and the comparison that tests it.

    All say that a number is lower with `method` than with `reference`.

    Attributes:
        text: the claim, in a few words.
        setting: where it was tested.
        family: name of the family of tests, in `recipes.parts.families`.
        method: name of the method.
        file: of the records.
        reference: name of the other method.
        metric: what is compared.
        paper: what the paper reports for `reference` and `method`; None without
            numbers.
    """

    text: str
    setting: str
    family: str
    method: str
    file: str
    reference: str = "erm"
    metric: str = "last_error"
    paper: tuple | None = None

    def is_about(self, comparison):
        """Whether a `Comparison` is the one that tests the claim."""
        return self[3:7] == (
            comparison.method,
            comparison.file,
            comparison.reference,
            comparison.metric,
        )


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


_ERRORS = "mixup has fewer test errors than plain training"
# PreAct ResNet-18 on CIFAR-10, plain training and mixup, %.
_CIFAR = (5.53, 4.24)
# CIFAR-10 at the end of training, %: plain, dropout, mixup, both.
_WRONG = {
    "0.2": (16.6, 10.4, 6.4, 6.2),
    "0.5": (44.6, 15.5, 12.7, 10.9),
    "0.8": (73.9, 35.1, 30.9, 24.8),
}


def _wrong(method, reference, text):
    names = ("erm", "dropout", "mixup", "mixup_dropout")  # the order in _WRONG
    for share, errors in _WRONG.items():
        yield Claim(
            f"with wrong labels {text}",
            f"Fashion-MNIST, {100 * float(share):g} % wrong",
            "wrong labels",
            method,
            f"fashion_wrong_{share}",
            reference,
            paper=(errors[names.index(reference)], errors[names.index(method)]),
        )


def _attacked(method, text):
    boxes = {
        "fgsm": "FGSM, white box",
        "fgsm_black_box": "FGSM, black box",
        "ifgsm_black_box": "I-FGSM, black box",
    }
    for box, name in boxes.items():
        setting = f"Fashion-MNIST, 55 000 images, {name}, ε = 4"
        where = ("attacks, ε = 4", method, "fashion_55000", "erm", f"{box}_error_4")
        yield Claim(
            f"{text} withstands attacks better than plain training", setting, *where
        )


def _between():
    for metric, what in (
        ("profile_misses", "misses fewer labels between training samples"),
        ("profile_gradient", "has smaller gradients between training samples"),
    ):
        where = ("between samples", "mixup_alpha_1", "fashion_55000", "erm", metric)
        yield Claim(f"mixup {what}", "Fashion-MNIST, 55 000 images", *where)


_SAME = "multi-mix has fewer test errors than mixup, at equal steps"
CLAIMS = (
    Claim(
        _ERRORS,
        "Fashion-MNIST, 55 000 images, α = 1",
        "errors, 55000 rows",
        "mixup_alpha_1",
        "fashion_55000",
        paper=_CIFAR,
    ),
    Claim(
        _ERRORS,
        "20 000 images",
        "errors, 20000 rows",
        "mixup_alpha_1",
        "fashion_20000",
        paper=_CIFAR,
    ),
    Claim(
        _ERRORS,
        "5 000 images",
        "errors, 5000 rows",
        "mixup_alpha_1",
        "fashion_5000",
        paper=_CIFAR,
    ),
    Claim(
        _ERRORS,
        "5 000 images, crops and flips",
        "errors, 5000 rows, crops and flips",
        "mixup_alpha_1",
        "fashion_augmented",
        paper=_CIFAR,
    ),
    Claim(
        _ERRORS,
        "CIFAR-10, 10 000 images, crops and flips",
        "CIFAR-10, 10000 rows",
        "mixup",
        "cifar10_10000",
        paper=_CIFAR,
    ),
    Claim(
        _ERRORS,
        "keras.io's example, α = 0.2",
        "keras.io's example",
        "mixup_two_datasets",
        "fashion_keras_example",
        paper=_CIFAR,
    ),
    Claim(
        _ERRORS,
        "spoken digits, LeNet, α = 0.2",
        "spoken digits",
        "mixup",
        "spoken_lenet",
        metric="test_error",
    ),
    Claim(
        _ERRORS,
        "spoken digits, VGG-11, α = 0.2",
        "spoken digits",
        "mixup",
        "spoken_vgg",
        metric="test_error",
    ),
    *_wrong("mixup", "erm", "mixup ends with fewer errors than plain training"),
    *_wrong("mixup", "dropout", "mixup ends with fewer errors than dropout"),
    *_wrong(
        "mixup_dropout",
        "erm",
        "mixup with dropout ends with fewer errors than plain training",
    ),
    *_attacked("mixup_alpha_1", "mixup"),
    *_between(),
    Claim(
        _SAME,
        "Fashion-MNIST, 55 000 images, K = 2",
        "what multi-mix adds",
        "multimix",
        "fashion_55000",
        "mixup_alpha_1",
    ),
    *(
        Claim(
            _SAME,
            f"5 000 images, K = {k}",
            "K, equal steps",
            "multimix",
            f"fashion_k{k}",
            "mixup",
        )
        for k in (2, 3, 5, 8)
    ),
    Claim(
        "multi-mix is better calibrated than plain training",
        "Fashion-MNIST, 55 000 images, K = 2",
        "calibration",
        "multimix",
        "fashion_55000",
        metric="ece",
    ),
    Claim(
        "multi-mix withstands corruptions better than plain training",
        "Fashion-MNIST, 55 000 images, K = 2",
        "corruptions",
        "multimix",
        "fashion_55000",
        metric="corrupted_error",
    ),
    Claim(
        "multi-mix withstands corruptions better than plain training",
        "CIFAR-10, 10 000 images, K = 2",
        "CIFAR-10, 10000 rows",
        "multimix",
        "cifar10_10000",
        metric="corrupted_error",
    ),
    *_attacked("multimix", "multi-mix"),
)

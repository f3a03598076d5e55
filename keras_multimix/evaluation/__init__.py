"""Measuring what mixup is for: robustness, memorising, smoothness and variance."""

from keras_multimix.evaluation.attacks import fgsm, iterative_fgsm, pgd
from keras_multimix.evaluation.calibrate import calibrate
from keras_multimix.evaluation.corrupted_inputs import corruption_errors
from keras_multimix.evaluation.corruption import corrupt_labels
from keras_multimix.evaluation.plots import (
    plot_examples,
    plot_learning_curves,
    plot_profile,
    plot_reliability,
    plot_variance,
)
from keras_multimix.evaluation.profile import interpolation_profile
from keras_multimix.evaluation.robustness import adversarial_error
from keras_multimix.evaluation.variance import gradient_variance

__all__ = [
    "adversarial_error",
    "calibrate",
    "corrupt_labels",
    "corruption_errors",
    "fgsm",
    "gradient_variance",
    "interpolation_profile",
    "iterative_fgsm",
    "pgd",
    "plot_examples",
    "plot_learning_curves",
    "plot_profile",
    "plot_reliability",
    "plot_variance",
]

"""The mixup family for Keras 3: any input, any label, any loss, any backend."""

import importlib

from keras_multimix import losses as losses
from keras_multimix import metrics as metrics
from keras_multimix import pairing as pairing
from keras_multimix.callbacks import MixupSchedule
from keras_multimix.layers import CutMix, MixUp, MultiMix, RandomMix, RegMixup
from keras_multimix.models import MixupGAN, MixupModel

__version__ = "0.1.0"
__all__ = [
    "CutMix",
    "MixUp",
    "MixupGAN",
    "MixupModel",
    "MixupSchedule",
    "MultiMix",
    "RandomMix",
    "RegMixup",
]


def __getattr__(name):
    # What only an evaluation needs, no training has to wait for.
    if name == "evaluation":
        return importlib.import_module("keras_multimix.evaluation")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

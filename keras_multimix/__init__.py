"""The mixup family for Keras 3: any input, any label, any loss, any backend."""

from keras_multimix.layers import CutMix, MixUp, MultiMix
from keras_multimix.models import MixupModel

__version__ = "0.1.0"
__all__ = ["CutMix", "MixUp", "MixupModel", "MultiMix"]

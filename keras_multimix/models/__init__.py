"""Models that train with mixing."""

from keras_multimix.models.gan.model import MixupGAN
from keras_multimix.models.mixup.model import MixupModel

__all__ = ["MixupGAN", "MixupModel"]

"""Models that train with mixing."""

from keras_multimix.models.mixup_gan import MixupGAN
from keras_multimix.models.mixup_model import MixupModel

__all__ = ["MixupGAN", "MixupModel"]

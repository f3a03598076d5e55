"""Models that train with mixing."""

from keras_multimix.models.mixup_model import MixupModel

__all__ = ["MixupModel"]

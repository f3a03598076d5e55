"""The model that a measurement looks at."""

import keras

from keras_multimix.arguments import invalid
from keras_multimix.models.mixup.model import MixupModel


def plain_model(model: keras.Model):
    """Returns a model as it is, or the base model of a `MixupModel`.

    Raises:
        ValueError: If it is no Keras model.
    """
    if isinstance(model, MixupModel):
        model = model.base_model
    if not isinstance(model, keras.Model):
        raise invalid(
            "argument `model`",
            expected="a keras.Model",
            received=f"{model!r:.80}",
            fix="wrap layers in `keras.Sequential([...])`",
        )
    return model

"""ResNet-9: nine layers, made to learn CIFAR-10 fast."""

import keras

from recipes.networks.preactivation import activate

_LOGIT_SCALE = 0.125


def build(input_shape, num_classes, width=64, dropout=0.0):
    """A residual network of eight convolutions; the outputs are logits.

    Of David Page, "How to Train Your ResNet", 2018 and 2019, with the pooling before
    the normalization, which then has a quarter of the pixels to read.

    For 32 × 32 × 3 images, 10 classes and width 64: 6 573 120 parameters to train,
    379 261 952 multiply-adds an image.

    Args:
        input_shape: (height, width, channels) of an image, from 8 × 8 pixels on.
        num_classes: number of logits.
        width: channels of the first convolution; they double from stage to stage.
        dropout: rate of the dropout between the two convolutions of a residual block.

    Returns:
        A `keras.Model`, images (B, *input_shape) -> (B, num_classes). Hidden rows can
        be mixed at `"stem"` and at `"stage_1"` to `"stage_3"`.
    """
    inputs = keras.Input(input_shape)
    x = activate(_convolve(inputs, width))
    x = keras.layers.Activation("linear", name="stem")(x)
    for stage in (1, 2, 3):
        x = _convolve(x, width * 2**stage)
        x = activate(keras.layers.MaxPooling2D()(x))
        if stage != 2:
            body = activate(_convolve(x, x.shape[-1]))
            body = keras.layers.Dropout(dropout)(body)
            x = keras.layers.Add()([x, activate(_convolve(body, x.shape[-1]))])
        x = keras.layers.Activation("linear", name=f"stage_{stage}")(x)
    x = keras.layers.GlobalMaxPooling2D()(x)
    # In float32 also with mixed precision, as the logits are.
    outputs = keras.layers.Dense(
        num_classes, use_bias=False, kernel_initializer=_initializer(), dtype="float32"
    )(x)
    outputs = keras.layers.Rescaling(_LOGIT_SCALE, dtype="float32")(outputs)
    return keras.Model(inputs, outputs, name="resnet9")


def _convolve(x, filters):
    return keras.layers.Conv2D(
        filters, 3, padding="same", use_bias=False, kernel_initializer=_initializer()
    )(x)


def _initializer():
    """PyTorch's default, which the code that the schedule comes from started with.

    A new one for each layer. One for all, made when the module is imported, would draw
    its seed then: the first run of a process would begin with other weights.
    """
    return keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")

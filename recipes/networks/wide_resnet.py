"""The WideResNet-28-10 of the mixup paper's CIFAR experiments."""

import keras

from recipes.networks.preactivation import activate, convolve, residual_stage


def build(input_shape, num_classes, depth=28, widen_factor=10, dropout=0.0):
    """Wide residual network in three stages; the outputs are logits.

    Of Zagoruyko and Komodakis, "Wide Residual Networks", arXiv 1605.07146.

    For 32 × 32 × 3 images and 10 classes: 36 479 194 parameters to train,
    5 243 328 768 multiply-adds an image.

    Args:
        input_shape: (height, width, channels) of an image.
        num_classes: number of logits.
        depth: convolutions on the longest way; 4 more than a multiple of 6.
        widen_factor: the stages have this many times 16, 32 and 64 channels.
        dropout: rate of the dropout in each block, after the ReLU between its two
            convolutions.

    Returns:
        A `keras.Model`, images (B, *input_shape) -> (B, num_classes). Hidden rows can
        be mixed at `"stem"` and at `"stage_1"` to `"stage_3"`.
    """
    num_blocks = (depth - 4) // 6
    inputs = keras.Input(input_shape)
    x = convolve(inputs, 16, name="stem")
    for stage in range(3):
        filters = 16 * widen_factor * 2**stage
        strides = 1 if stage == 0 else 2
        name = f"stage_{stage + 1}"
        x = residual_stage(x, filters, strides, num_blocks, dropout, name)
    x = keras.layers.GlobalAveragePooling2D()(activate(x))
    outputs = keras.layers.Dense(num_classes)(x)
    return keras.Model(inputs, outputs, name="wide_resnet")

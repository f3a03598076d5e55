"""The PreAct ResNet-18 of the mixup paper's CIFAR experiments."""

import keras

from recipes.networks.preactivation import convolve, residual_stage


def build(input_shape, num_classes, width=64, dropout=0.0, blocks_per_stage=2):
    """Pre-activation residual network in four stages; the outputs are logits.

    Of He et al., "Identity Mappings in Deep Residual Networks", arXiv 1603.05027, in
    the form common on CIFAR. As in the code of mixup's authors, and unlike in He's
    paper, no batch normalization and ReLU stand before the pooling. Theirs has the two
    after the stem as well (128 parameters); this one has not.

    For 32 × 32 × 3 images and 10 classes: 11 171 146 parameters to train,
    555 422 720 multiply-adds an image.

    Args:
        input_shape: (height, width, channels) of an image.
        num_classes: number of logits.
        width: channels of the first stage; they double from stage to stage.
        dropout: rate of the dropout in each block, after the ReLU between its two
            convolutions; the paper uses it with corrupted labels only.
        blocks_per_stage: residual blocks of each stage; 2 for ResNet-18.

    Returns:
        A `keras.Model`, images (B, *input_shape) -> (B, num_classes). Hidden rows can
        be mixed at `"stem"` and at `"stage_1"` to `"stage_4"`.
    """
    inputs = keras.Input(input_shape)
    x = convolve(inputs, width, name="stem")
    for stage in range(4):
        strides = 1 if stage == 0 else 2
        name = f"stage_{stage + 1}"
        x = residual_stage(
            x, width * 2**stage, strides, blocks_per_stage, dropout, name
        )
    x = keras.layers.GlobalAveragePooling2D()(x)
    outputs = keras.layers.Dense(num_classes)(x)
    return keras.Model(inputs, outputs, name="preact_resnet")

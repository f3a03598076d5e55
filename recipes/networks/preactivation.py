"""What residual and dense networks of the pre-activation kind are built from.

Convolutions start with He's normal distribution of the fan-in. PyTorch's default, with
which public code of these networks often trains, has a sixth of that variance; it was
no choice of the papers, and the batch normalization after a convolution undoes scale.
"""

import keras


def convolve(
    x, filters, kernel_size=3, strides=1, name=None, layer=keras.layers.Conv2D
):
    """Convolves without a bias, one row of zeros around images for a 3 × 3 kernel.

    Keras's `padding="same"` with stride 2 would pad below and to the right only, and
    shift the result against that of a 1 × 1 convolution.

    Args:
        x: images, (B, height, width, channels).
        filters: channels of the output.
        kernel_size: an odd number of pixels.
        strides: pixels from one output to the next.
        name: name of the convolution.
        layer: class of the convolution.
    """
    padding = "same"
    if strides > 1 and kernel_size > 1:
        x = keras.layers.ZeroPadding2D(kernel_size // 2)(x)
        padding = "valid"
    return layer(
        filters,
        kernel_size,
        strides=strides,
        padding=padding,
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)


def activate(x):
    """Normalizes over the batch (PyTorch's settings), then ReLU."""
    x = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
    return keras.layers.ReLU()(x)


def residual_stage(
    x, filters, strides, num_blocks, dropout, name, layer=keras.layers.Conv2D
):
    """Basic blocks, one after the other; the first one has the strides.

    Args:
        x: images, (B, height, width, channels).
        filters: channels of the output.
        strides: strides of the first block.
        num_blocks: how many blocks.
        dropout: rate of the dropout between the two convolutions of a block.
        name: name of the last block's sum. Nothing passes it by, so that
            `MixupModel` can mix there.
        layer: class of the convolutions.
    """
    for block in range(num_blocks):
        last = block == num_blocks - 1
        block_name = name if last else None
        x = _basic_block(x, filters, strides, dropout, block_name, layer)
        strides = 1
    return x


def _basic_block(x, filters, strides, dropout, name, layer):
    activated = activate(x)
    if strides > 1 or x.shape[-1] != filters:
        x = convolve(activated, filters, 1, strides, layer=layer)
    body = activate(convolve(activated, filters, strides=strides, layer=layer))
    body = keras.layers.Dropout(dropout)(body)
    return keras.layers.Add(name=name)([x, convolve(body, filters, layer=layer)])

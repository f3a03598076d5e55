"""The DenseNet-BC-190 of the mixup paper's CIFAR experiments."""

import keras

from recipes.networks.preactivation import activate, convolve


def build(input_shape, num_classes, depth=190, growth=40):
    """Densely connected network in three stages; the outputs are logits.

    Of Huang et al., "Densely Connected Convolutional Networks", arXiv 1608.06993: each
    layer adds `growth` channels to all those before it, through a bottleneck of four
    times as many (B); transitions between the stages halve the channels (C).

    For 32 × 32 × 3 images and 10 classes: 25 624 430 parameters to train,
    9 301 945 740 multiply-adds an image.

    Args:
        input_shape: (height, width, channels) of an image.
        num_classes: number of logits.
        depth: number of layers with weights; 4 more than a multiple of 6.
        growth: channels that each layer adds.

    Returns:
        A `keras.Model`, images (B, *input_shape) -> (B, num_classes). Hidden rows can
        be mixed at `"stem"` and at `"stage_1"` to `"stage_3"`, before the transitions.
    """
    num_layers = (depth - 4) // 6
    inputs = keras.Input(input_shape)
    x = convolve(inputs, 2 * growth, name="stem")
    for stage in range(3):
        if stage > 0:
            x = convolve(activate(x), x.shape[-1] // 2, kernel_size=1)
            x = keras.layers.AveragePooling2D(2)(x)
        for layer in range(num_layers):
            new = convolve(activate(x), 4 * growth, kernel_size=1)
            new = convolve(activate(new), growth)
            name = f"stage_{stage + 1}" if layer == num_layers - 1 else None
            x = keras.layers.Concatenate(name=name)([x, new])
    x = keras.layers.GlobalAveragePooling2D()(activate(x))
    outputs = keras.layers.Dense(num_classes)(x)
    return keras.Model(inputs, outputs, name="densenet")

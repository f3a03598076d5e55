"""The ResNets of `keras.applications`, trained from random weights."""

import keras

# Of the pixels in [0, 1] of ImageNet, as usual.
_MEAN = (0.485, 0.456, 0.406)
_VARIANCE = (0.229**2, 0.224**2, 0.225**2)
_BUILD = {"resnet50": "ResNet50", "resnet101": "ResNet101"}


def build(name, input_shape, num_classes):
    """Builds a network for images in [0, 1]; the outputs are logits.

    Args:
        name: "resnet50" or "resnet101".
        input_shape: (height, width, 3), from 32 pixels on.
        num_classes: number of logits.
    """
    net = getattr(keras.applications, _BUILD[name])(
        weights=None,
        input_shape=input_shape,
        classes=num_classes,
        classifier_activation=None,
    )
    for layer in net.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            # PyTorch's default, where it is called 0.1. Keras' own 0.99 needs more
            # steps than a small folder of images gives.
            layer.momentum = 0.9
    inputs = keras.Input(input_shape)
    normalized = keras.layers.Normalization(mean=_MEAN, variance=_VARIANCE)(inputs)
    # With mixed precision the logits are float32 again.
    as_float32 = keras.layers.Activation("linear", dtype="float32")
    return keras.Model(inputs, as_float32(net(normalized)))

"""The mixups that others offer, called as their documentation does.

Each returns a function of `(x, y)`; one that cannot be imported is named and skipped.
"""

import keras

ALPHA = 1.0


def peers(mode):
    """What mixes the same batch in a mode of the running backend.

    Args:
        mode: the name of a `Mode`.

    Returns:
        (dict name -> function (x, y), dict name -> why it is skipped).
    """
    found, skipped = {}, {}
    for name, (backends, make) in _PEERS.items():
        if keras.backend.backend() not in backends:
            continue
        try:
            found[name] = make()
        except Exception as error:  # whatever a package that is not ours says
            skipped[name] = f"{type(error).__name__}: {error}".splitlines()[0][:100]
    if mode == "compiled":
        # PyTorch's compiler would trace Python's own random numbers, once.
        for name in ("torchvision v2", "timm"):
            found.pop(name, None)
    return found, skipped


def _keras():
    layer = keras.layers.MixUp(ALPHA, seed=0)

    def mix(x, y):
        if keras.backend.backend() != "jax":
            return layer({"images": x, "labels": y}, training=True)
        # Its seed's state is Keras' own: in `jax.jit` it needs a scope.
        state = layer.generator.state
        with keras.StatelessScope([(state, state.value)]):
            return layer({"images": x, "labels": y}, training=True)

    return mix


def _keras_cv():
    import keras_cv

    layer = keras_cv.layers.MixUp(ALPHA, seed=0)
    return lambda x, y: layer({"images": x, "labels": y}, training=True)


def _keras_aug():
    from keras_aug import layers

    layer = layers.vision.MixUp(ALPHA)
    return lambda x, y: layer({"images": x, "labels": y})


def _torchvision():
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")
    for operator in ("nms", "qnms"):
        # Beside a torch without CUDA its import asks for the schemas of two operators.
        try:
            library.define(f"{operator}(Tensor d, Tensor s, float t) -> Tensor")
        except RuntimeError:
            pass  # it has them
    from torchvision.transforms import v2

    _torchvision.library = library  # the schemas go with it
    layer = v2.MixUp(alpha=ALPHA, num_classes=10)
    return lambda x, y: layer(x, y.argmax(1))


def _timm():
    from timm.data.mixup import Mixup

    mixup = Mixup(ALPHA, num_classes=10, label_smoothing=0)
    # It mixes in place.
    return lambda x, y: mixup(x.clone(), y.argmax(1))


_ALL = ("jax", "tensorflow", "torch")
_PEERS = {
    "keras.layers.MixUp": (_ALL, _keras),
    "keras-aug": (_ALL, _keras_aug),
    "keras-cv": (("tensorflow",), _keras_cv),
    "torchvision v2": (("torch",), _torchvision),
    "timm": (("torch",), _timm),
}

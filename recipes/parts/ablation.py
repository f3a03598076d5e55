"""The ablation of the mixup paper (its Table 5): what to mix, and with whom.

Inputs are pixels in [0, 1]. The paper leaves some settings open, such as the scale of
the noise; these are our reading of it.
"""

from recipes.shared.methods import Method

# A mixed row keeps the label of the row that weighs more.
_INPUTS_ONLY = {"mix_labels": False}
# Before each of the four stages of residual blocks, and before the final pooling.
_LAYERS = ("stem", "stage_1", "stage_2", "stage_3", "stage_4")

ABLATION = {
    "mixup_neighbors": Method(
        "mixup with one of the 200 nearest training images", "MixUp", neighbors="all"
    ),
    **{
        f"mixup_layer_{number}": Method(
            f"mixup at the layer {layer!r} only", "MixUp", mix_at=(layer,)
        )
        for number, layer in enumerate(_LAYERS, start=1)
    },
    "inputs_same_class_neighbors": Method(
        "only inputs mixed, with near images of the class",
        "MixUp",
        _INPUTS_ONLY,
        neighbors="same",
    ),
    "inputs_neighbors": Method(
        "only inputs mixed, with near images", "MixUp", _INPUTS_ONLY, neighbors="all"
    ),
    "inputs_same_class": Method(
        "only inputs mixed, with images of the class",
        "MixUp",
        {**_INPUTS_ONLY, "pairing": "same_class"},
    ),
    "inputs": Method("only inputs mixed, with any images", "MixUp", _INPUTS_ONLY),
    **{
        f"smoothing_{share}": Method(
            f"plain training, labels smoothed by {share}", label_smoothing=share
        )
        for share in (0.05, 0.1, 0.2)
    },
    **{
        f"inputs_smoothing_{share}": Method(
            f"only inputs mixed, labels smoothed by {share}",
            "MixUp",
            _INPUTS_ONLY,
            label_smoothing=share,
        )
        for share in (0.05, 0.1, 0.2, 0.4)
    },
    **{
        f"noise_{deviation}": Method(
            f"plain training, Gaussian noise of {deviation} on the inputs",
            noise=deviation,
        )
        for deviation in (0.05, 0.1, 0.2)
    },
}

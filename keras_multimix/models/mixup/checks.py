"""What `MixupModel` refuses."""

import keras

from keras_multimix.arguments import invalid
from keras_multimix.layers import cut_axes
from keras_multimix.layers.mixing_layer import MixingLayer
from keras_multimix.models.mixup import cut_points

_BYPASSED_METHODS = ("train_step", "compute_loss", "compute_metrics")


def check_base_model(base_model, is_mixup_model):
    """Refuses a base model that is no Keras model or trains in its own way.

    Args:
        base_model: The argument that the caller passed.
        is_mixup_model: Whether it is a `MixupModel` already.

    Raises:
        ValueError: If `MixupModel` cannot train it.
    """
    if not isinstance(base_model, keras.Model):
        raise invalid(
            "argument `base_model`",
            expected="a keras.Model",
            received=f"{base_model!r:.80}",
            fix="wrap layers in `keras.Sequential([...])`",
        )
    for method in _BYPASSED_METHODS:
        if getattr(type(base_model), method) is not getattr(keras.Model, method):
            raise invalid(
                "argument `base_model`",
                expected="a model that Keras' own training step trains",
                received=f"{type(base_model).__name__}, whose own `{method}` would "
                "be bypassed",
                fix="pass its own `base_model`"
                if is_mixup_model
                else "mix in the input pipeline instead, "
                "`dataset.map(MixUp(num_classes=…))`, and call its own `fit`",
            )


def check_mixer(mixer):
    """Refuses everything but a mixing layer with a ValueError."""
    if not isinstance(mixer, MixingLayer):
        raise invalid(
            "argument `mixer`",
            expected="a mixing layer of keras_multimix",
            received=f"{mixer!r:.80} of {type(mixer).__module__}",
            fix="pass for instance `keras_multimix.MixUp(alpha=0.2)`",
        )
    if mixer.label_smoothing:
        raise invalid(
            "argument `mixer`",
            expected="a layer without `label_smoothing`, because `MixupModel` leaves "
            "labels to the loss",
            received=f"label_smoothing={mixer.label_smoothing}",
            fix="smooth in the loss, `keras_multimix.losses."
            f"SparseCategoricalCrossentropy(label_smoothing={mixer.label_smoothing})` "
            "or Keras' `CategoricalCrossentropy` for scores",
        )


def check_layout(base_model, mixer):
    """Refuses a mixer that takes another axis for channels than the model's layers."""
    layouts = cut_axes.layouts_of(base_model)
    if mixer._format_is_given or not mixer._reads_layout or not layouts:
        return
    if mixer.data_format not in layouts:
        (layout,) = layouts
        raise invalid(
            "argument `mixer`",
            expected=f"a mixer with the layout of `base_model`, {layout!r}",
            received=f"{type(mixer).__name__} with {mixer.data_format!r}, from Keras' "
            "setting",
            fix=f'pass `data_format="{layout}"` to the mixer, or "{mixer.data_format}" '
            "if its images have that",
        )


def check_points(base_model, mix_at):
    """Returns the names of the points to mix at as a tuple, or None.

    Args:
        base_model: The model that has the layers.
        mix_at: The argument that the caller passed.

    Raises:
        ValueError: If it is no list of different names and layers, or a layer does not
            cut the model's graph.
    """
    if mix_at is None:
        return None
    names = tuple(
        cut_points.name_of(base_model, each)
        if isinstance(each, keras.layers.Layer)
        else each
        for each in (mix_at if isinstance(mix_at, (list, tuple)) else ())
    )
    if not (names and all(isinstance(n, str) for n in names)) or (
        len(set(names)) != len(names)
    ):
        raise invalid(
            "argument `mix_at`",
            expected="None, or a list of different names of layers or the layers "
            'themselves, with "input" for the inputs',
            received=f"mix_at={mix_at!r:.80}",
            fix='pass for instance `["input", "block1_out"]`',
        )
    for name in names:
        if name != cut_points.INPUT:
            cut_points.find(base_model, name)
    return names


def require_targets(y, loss):
    """Refuses a batch without targets for a loss; Keras' first one is symbolic."""
    if y is None and loss is not None:
        raise no_targets()


def require_targets_for_arrays(x, y):
    """Refuses arrays without targets; a dataset may hold its targets in `x`."""
    leaves = keras.tree.flatten(x) if isinstance(x, (list, tuple, dict)) else [x]
    if y is None and all(hasattr(leaf, "shape") for leaf in leaves):
        raise no_targets()


def no_targets():
    """Returns the error for a batch without targets."""
    return invalid(
        "batch for `MixupModel`",
        expected="inputs and targets",
        received="no targets",
        fix="pass `fit(x, y)`, or a dataset of `(x, y)` batches",
    )

"""What a `MixupModel` says of itself: what it wraps, and how it mixes."""

import logging
import math

import keras

from keras_multimix.shown import ShowsArguments


class Summary(ShowsArguments):
    """The part of `MixupModel` that describes it."""

    def summary(
        self,
        line_length=None,
        positions=None,
        print_fn=None,
        expand_nested=False,
        show_trainable=False,
        layer_range=None,
    ):
        """Prints the base model's summary, and below it how its batches are mixed.

        The arguments are those of `keras.Model.summary`. `print_fn` gets the base
        model's summary first, then the lines about mixing.
        """
        self.base_model.summary(
            line_length=line_length,
            positions=positions,
            print_fn=print_fn,
            expand_nested=expand_nested,
            show_trainable=show_trainable,
            layer_range=layer_range,
        )
        if print_fn is None:
            # Where Keras is told to be silent, it writes to this log.
            interactive = keras.config.is_interactive_logging_enabled()
            print_fn = print if interactive else logging.getLogger("absl").info
        print_fn("\n".join(_lines(self)))


def _lines(model):
    """Returns the lines about the mixing of a `MixupModel`."""
    points = list(model.mix_at or ("input",))
    where = points[0] if len(points) == 1 else f"one of {', '.join(points)} each step"
    count = model.mixer.num_interpolations
    part = model.interpolations_at_once
    at_once = f"{part} at a time" if part else "all at once"
    lines = [
        f'Trained on mixed batches by: MixupModel "{model.name}"',
        f" Mixer: {model.mixer!r}",
        f" Mixes at: {where}",
        f" Mixed rows of a pair: {count}, {at_once}",
    ]
    optimizer = model.optimizer if model.compiled else None
    if optimizer is not None and optimizer.built:
        numbers = sum(math.prod(variable.shape) for variable in optimizer.variables)
        lines.append(f" Optimizer params: {numbers:,}")
    return lines

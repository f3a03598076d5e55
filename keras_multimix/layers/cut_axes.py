"""Along which axes of inputs, labels and weights boxes are cut."""

import keras

from keras_multimix.batches import same_shape

_COLOURS = (1, 3)
_LEAST_PIXELS = 8


def of_input(shape, axes, first):
    """Returns the axes of an input along which boxes are cut, or None.

    Args:
        shape: The input's, the batch axis first.
        axes: What the caller chose, or None: height and width, which are axes 1 and 2
            where there are three, and else the last two beside the channels.
        first: Whether the channels come first, where there are four axes or more.
    """
    rank = len(shape)
    if axes is not None:
        counted = tuple(axis + rank if axis < 0 else axis for axis in axes)
        fits = all(1 <= axis < rank for axis in counted)
        return counted if fits and len(set(counted)) == len(axes) else None
    if rank < 3:
        return None
    if rank == 3:
        return (1, 2)
    return (rank - 2, rank - 1) if first else (rank - 3, rank - 2)


def of_label(shape, images, axes, first):
    """Returns the axes of a label or weight along which it is cut, or None.

    A label is cut if it has the places of an input: all of them, or only those along
    which boxes are cut, with or without an axis of classes or channels.

    Args:
        shape: The label's, the batch axis first.
        images: The shapes of the inputs.
        axes: As for `of_input`.
        first: As for `of_input`.

    Returns:
        The axes, and whether the label has an axis of classes or channels;
        `(None, None)` for a label that is mixed by the share of the pixels.
    """
    sure = [_of_label(shape, image, axes, first) for image in images]
    for found in sure:
        if found is not None:
            return found
    # Labels of as many axes as a mask are masks; if their sizes differ, it is an error.
    rank = len(images[0])
    if axes is None and rank >= 3 and len(shape) == max(rank, 4):
        start = 2 if first and rank >= 4 else 1
        last = len(shape) - 1 if start == 1 else len(shape)
        return (last - 2, last - 1), True
    return None, None


def _of_label(shape, image, axes, first):
    cut, rank = of_input(image, axes, first), len(image)
    if cut is None:
        return None
    channel = _channel(rank, cut, axes, first)
    everywhere = [axis for axis in range(1, rank) if axis != channel]
    choices = [everywhere, list(cut)]
    if channel in cut:  # then only what has exactly these places is sure to be a mask
        choices = [list(cut)] if len(cut) > 1 else []
    for places in choices:
        sizes = [image[axis] for axis in places]
        along = [places.index(axis) for axis in cut]
        if len(shape) == len(places) + 1 and same_shape(shape[1:], sizes):
            return tuple(1 + place for place in along), False
        if len(shape) == len(places) + 2:
            start = 2 if first and rank >= 4 else 1
            if same_shape(shape[start : start + len(places)], sizes):
                return tuple(start + place for place in along), True
    return None


def _channel(rank, cut, axes, first):
    """Returns the axis of an input that holds its channels, or None."""
    if rank >= 4:
        return 1 if first else rank - 1
    # The last of three axes has frequencies or pixels, unless the caller chose axes.
    return rank - 1 if axes is not None and rank == 3 and rank - 1 not in cut else None


def fits_only_other_layout(shape, first):
    """Whether an input looks like an image of the other layout.

    Such an input has a size of 1 or 3 where the other layout has the channels, but not
    where this layout has them. Feature maps with one or three rows are told from images
    with one or three channels by their sides: an image has sides of 8 pixels or more,
    and an image of one channel is at most twice as long as wide.
    """
    if len(shape) < 4:
        return False
    pixels = shape[1:-1] if first else shape[2:]
    colours, own = (shape[-1], shape[1]) if first else (shape[1], shape[-1])
    if colours not in _COLOURS or own in _COLOURS:
        return False
    known = [size for size in pixels[-2:] if size is not None]
    if any(size < _LEAST_PIXELS for size in known):
        return False
    return colours == 3 or len(known) < 2 or max(known) <= 2 * min(known)


def layouts_of(model: keras.Model):
    """Returns the layouts of a model's layers for images, a set of `data_format`s."""
    found = set()
    for layer in getattr(model, "layers", []):
        found |= layouts_of(layer)
        specs = getattr(layer, "input_spec", None)
        axes = getattr(specs, "ndim", None) or getattr(specs, "min_ndim", None) or 0
        if axes >= 4 and getattr(layer, "data_format", None):
            found.add(layer.data_format)
    return found

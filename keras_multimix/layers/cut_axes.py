"""Along which axes of inputs, labels and weights boxes are cut."""


def of_input(shape, axes, first):
    """Returns the axes of an input along which boxes are cut, or None.

    Args:
        shape: Of the input, the batch axis first.
        axes: What the caller chose, or None: height and width, which are axes 1 and 2
            of three, and of more the last two beside the channels.
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


def of_label(shape, image, axes, first):
    """Returns the axes of a label or weight along which it is cut, or None.

    A label is cut if it has the places of the images: all of them, or only those along
    which boxes are cut, with or without an axis of classes or channels.

    Args:
        shape: Of the label, the batch axis first.
        image: The shape of the first input.
        axes: As for `of_input`.
        first: As for `of_input`.

    Returns:
        The axes, and whether the label has an axis of classes or channels; twice None
        for a label that follows the share of the pixels.
    """
    cut, rank = of_input(image, axes, first), len(image)
    channel = _channel(rank, cut, axes, first)
    if cut is None or channel in cut or rank < 3:
        return None, None
    everywhere = [axis for axis in range(1, rank) if axis != channel]
    for places in (everywhere, list(cut)):
        sizes = [image[axis] for axis in places]
        along = [places.index(axis) for axis in cut]
        if len(shape) == len(places) + 1 and _same(shape[1:], sizes):
            return tuple(1 + place for place in along), False
        if len(shape) == len(places) + 2:
            start = 2 if first and rank >= 4 else 1
            found = tuple(start + place for place in along)
            # Labels of four axes are masks; if their sizes differ, that is an error.
            mask = axes is None and places is everywhere
            if mask or _same(shape[start : start + len(places)], sizes):
                return found, True
    return None, None


def _channel(rank, cut, axes, first):
    if rank >= 4:
        return 1 if first else rank - 1
    # Of three axes the last are frequencies or pixels, unless the caller chose axes.
    return rank - 1 if axes is not None and rank - 1 not in (cut or ()) else None


def _same(sizes, others):
    return len(sizes) == len(others) and all(
        None in pair or pair[0] == pair[1] for pair in zip(sizes, others, strict=True)
    )


def fits_only_other_layout(shape, first):
    """Whether an input has its channels where the layout has pixels.

    Its axis for channels is longer than any number of colours, and the one where the
    other layout has channels is not.
    """
    if len(shape) < 4 or None in (shape[1], shape[-1]):
        return False
    own, other = (shape[1], shape[-1]) if first else (shape[-1], shape[1])
    return own > 4 >= other

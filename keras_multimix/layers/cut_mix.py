"""CutMix: a box of the partner pasted into each row."""

import math
import numbers

import keras

from keras_multimix import (
    batches,
    label_kinds,
    mixing,
    randomness,
)
from keras_multimix.annotations import Ops, Tensor, Transformation
from keras_multimix.arguments import invalid
from keras_multimix.batches import Batch, same_shape
from keras_multimix.layers import cut_axes
from keras_multimix.layers.pair_mixing_layer import PairMixingLayer

_STREAMS = (randomness.BOX_ROWS, randomness.BOX_COLUMNS, randomness.BOX_SLICES)


@keras.saving.register_keras_serializable(package="keras_multimix")
class CutMix(PairMixingLayer):
    """Pastes a box of the partner into each row and mixes labels by the pixels' share.

    The box covers a share of about 1 − λ of the image, λ ~ Beta(α, α), and lies wholly
    inside it. The coefficient of the row's own label is the share of its pixels that
    are left. Segmentation masks and weights of pixels are cut and pasted with the
    images.

    Args:
        alpha: α, a finite number, 0 or more. 1 draws the box's share uniformly.
        num_interpolations: K, the boxes (and mixed rows) of each pair, 1 or more.
        axes: The axes of the inputs along which boxes are cut, up to 3: `(1,)` cuts a
            series (B, T, C) along time with all its channels, or a table (B, D) along
            its columns. A mask is cut if it has the sizes of the input along these
            axes. None: height and width.
        **kwargs: The other arguments of `MixUp`, with the same meaning; `data_format`
            above all.

    Call arguments:
        x: As for `MixUp`, but every input has a height and a width: images
            `(B, H, W)`, `(B, H, W, C)`, or `(B, C, H, W)` with `channels_first`; clips
            `(B, T, H, W, C)`, which get one box in all frames. In spectrograms `(B, T,
            F)` these are time and frequency; for a series `(B, T, C)` set `axes`.
        y: As for `MixUp`. Labels with the places of the images, and with an axis of
            classes or without, are masks; but integers (B, H, 1) beside images
            (B, H, 1), one class for each place, are not. If `MixupModel` mixes hidden
            features, these need the height and width of the masks.

    Returns:
        The same structure, each part with B·K rows: the K of a pair one after
        another, the coefficient falling.

    Raises:
        ValueError: As `MixUp`; if images and masks differ in height or width, or have
            no height and width; and, unless `data_format` is given, for images whose
            shape fits the other layout only: their size is 1 or 3 where the other
            layout has the channels, but not where this layout has them.

    References:
        Yun et al., "CutMix: Regularization Strategy to Train Strong Classifiers with
        Localizable Features", ICCV 2019, arXiv 1905.04899. There a box's centre is
        uniform and the border clips it, so that its share does not follow λ.

    Example:

    >>> import numpy as np
    >>> from keras_multimix import CutMix
    >>> images, masks = np.ones((4, 32, 32, 3)), np.zeros((4, 32, 32), "uint8")
    >>> batch = {"images": images, "segmentation_masks": masks}
    >>> CutMix(num_classes=2)(batch)["segmentation_masks"].shape
    (4, 32, 32, 2)
    """

    def __init__(
        self,
        alpha: float = 1.0,
        num_interpolations: int = 1,
        *,
        axes=None,
        **kwargs,
    ):
        super().__init__(alpha, num_interpolations, **kwargs)
        self.axes = _check_axes(axes)

    def _check(self, batch: Batch, mixed):
        """Refuses inputs and masks that do not share the sizes along the cut axes."""
        super()._check(batch, mixed)
        if batch is mixed:
            self._check_layout(batch)
        _, label_leaves, masks, weights = batch.part_leaves
        axes = [self._input_axes(leaf) for leaf in mixed.input_leaves]
        axes += [self._label_axes(leaf, batch, is_weight=True)[0] for leaf in masks]
        leaves = mixed.input_leaves + masks
        for leaf in label_leaves:
            self._check_label(leaf, batch)
        for leaf in label_leaves + weights:
            # What is no mask follows the share of the pixels, whatever its shape.
            is_weight = any(leaf is each for each in weights)
            found, _ = self._label_axes(leaf, batch, is_weight)
            if found is not None:
                leaves.append(leaf)
                axes.append(found)
            elif is_weight and any(size != 1 for size in leaf.shape[1:]):
                if len(leaves) > len(mixed.input_leaves):  # beside masks
                    raise self._unlike(leaf, None)
        sizes = [
            None if found is None else tuple(leaf.shape[axis] for axis in found)
            for leaf, found in zip(leaves, axes, strict=True)
        ]
        for leaf, size in zip(leaves, sizes, strict=True):
            if size is None or 0 in size or not same_shape(size, sizes[0] or ()):
                raise self._unlike(leaf, sizes[0])

    def _axes_of_label(
        self,
        leaf: Tensor,
        batch: Batch,
        num_classes=None,
        is_weight=False,
    ):
        """Returns the axes along which a label or weight is cut, or None."""
        found, has_channel = self._label_axes(leaf, batch, is_weight)
        steps = found is not None and len(leaf.shape) == 2 and not has_channel
        if steps and not is_weight and not batches.is_integer(leaf):
            places = label_kinds.places_of(batch.inputs, self.data_format)
            if not label_kinds.are_classes(leaf, num_classes, places):
                return None
        return found

    def _positions(self, draw_ids, ops: Ops):
        """Returns where the random words of λ and of the boxes' places stand."""
        (indices,) = super()._positions(draw_ids, ops).values()
        streams = (randomness.COEFFICIENTS, *_STREAMS[: self._num_axes])
        return dict.fromkeys(streams, indices)

    def _cut_size(self, batch: Batch):
        """Returns the sizes of the inputs along the cut axes, None where unknown."""
        image = batch.input_leaves[0]
        return tuple(image.shape[axis] for axis in self._input_axes(image))

    def _mixed_size(self, mixed, ops: Ops):
        """Returns the sizes along the cut axes of the inputs, or of hidden features."""
        image = mixed.input_leaves[0]
        shape = tuple(image.shape)
        if None in shape and not isinstance(image, keras.KerasTensor):
            shape = ops.shape(image)
        size = tuple(shape[axis] for axis in self._input_axes(image))
        if None in size:
            raise invalid(
                "mixing point for CutMix",
                expected="features whose height and width are known",
                received=f"shape {shape}",
                fix="give the model's input a fixed height and width, or use MixUp",
            )
        return size

    def _mixture_of(self, words, table, size, ops: Ops):
        """Returns the boxes and the coefficients, their exact shares of the pixels."""
        drawn = super()._mixture_of(words, table, size, ops)["coefficients"]
        sides = mixing.box_sizes(drawn, size, ops)
        starts = []
        for stream, pixels, side in zip(_STREAMS, size, sides, strict=False):
            places = ops.cast(pixels - side + 1, "float32")
            start = randomness.uniforms(words[stream], ops) * places
            # The product can round up to the number of places itself.
            starts.append(ops.minimum(ops.cast(start, "int32"), pixels - side))
        # In whole numbers as long as these stay far below 2 ** 31.
        area = _product(sides[:2], ops) * _product(sides[2:], ops)
        whole = _product(size[:2], ops) * _product(size[2:], ops)
        boxes = [part[..., None] for part in (*starts, *sides)]
        return {
            "coefficients": 1.0 - area / whole,
            "boxes": ops.concatenate(boxes, axis=-1),
        }

    def _mix_rows(
        self,
        leaf: Tensor,
        partners,
        transformation: Transformation,
        dtype,
        ops: Ops,
        axes=None,
    ):
        """Returns the rows with their partners' boxes pasted in."""
        boxes = transformation["boxes"]
        axes = self._input_axes(leaf) if axes is None else axes
        return ops.cast(mixing.paste(leaf, partners, boxes, axes, ops), dtype)

    def _transformation_shapes(self, num_rows):
        """Returns the shapes of a transformation's entries for a batch of B rows."""
        boxes = (num_rows, self.num_interpolations, 2 * self._num_axes)
        return super()._transformation_shapes(num_rows) | {"boxes": boxes}

    def get_config(self):
        """Returns the arguments that make a layer with the same stream."""
        axes = None if self.axes is None else list(self.axes)
        return super().get_config() | {"axes": axes}

    # Inside ---------------------------------------------------------------------

    @property
    def _reads_layout(self):
        """Whether it matters where images have their channels."""
        return self.axes is None

    @property
    def _num_axes(self):
        return 2 if self.axes is None else len(self.axes)

    @property
    def _law(self):
        return (*super()._law, self.axes)

    @property
    def _channels_first(self):
        return self.data_format == "channels_first"

    def _input_axes(self, leaf: Tensor):
        return cut_axes.of_input(tuple(leaf.shape), self.axes, self._channels_first)

    def _label_axes(self, leaf: Tensor, batch: Batch, is_weight=False):
        """Returns the axes along which a label is cut, and whether it has channels."""
        images = [tuple(each.shape) for each in batch.input_leaves]
        shape, first = tuple(leaf.shape), self._channels_first
        found, has_channel = cut_axes.of_label(shape, images, self.axes, first)
        if found is not None and not (has_channel or is_weight):
            # Where a last axis of 1 holds the class, it is no width.
            places = label_kinds.places_of(batch.inputs, self.data_format)
            if batches.is_integer(leaf) and len(shape) == len(
                label_kinds.encoded_shape(leaf, None, places)
            ):
                return None, None
        return found, has_channel

    def _check_label(self, leaf: Tensor, batch: Batch):
        found, has_channel = self._label_axes(leaf, batch)
        if found is not None:
            floats = not batches.is_integer(leaf) and self.num_classes is None
            if floats and len(leaf.shape) == 2:
                raise _steps_or_scores(leaf)
            return
        images = [tuple(each.shape) for each in batch.input_leaves]
        shape, first = tuple(leaf.shape), self._channels_first
        if self.axes is None and len(shape) >= 3 and max(map(len, images)) >= 4:
            other, has_channel = cut_axes.of_label(shape, images, None, not first)
            if other is not None and not has_channel:
                raise self._of_other_layout(leaf, "a mask")
            if self._has_places(leaf, batch):
                image = next(x for x in batch.input_leaves if len(x.shape) >= 4)
                size = tuple(image.shape[axis] for axis in self._input_axes(image))
                raise self._unlike(leaf, size)

    def _has_places(self, leaf: Tensor, batch: Batch):
        """Whether labels of a row have two axes or more beside the classes."""
        places = label_kinds.places_of(batch.inputs, self.data_format)
        classes = label_kinds.are_classes(leaf, self.num_classes, places)
        shape = label_kinds.encoded_shape(leaf, None, places)
        return len(shape) >= (3 if classes else 4)

    def _check_layout(self, batch: Batch):
        if self._format_is_given or self.axes is not None:
            return
        for leaf in batch.input_leaves:
            shape = tuple(leaf.shape)
            if cut_axes.fits_only_other_layout(shape, self._channels_first):
                raise self._of_other_layout(leaf, "an image")

    def _of_other_layout(self, leaf: Tensor, what):
        own, other = "channels_last", "channels_first"
        if self._channels_first:
            own, other = other, own
        return invalid(
            "batch for CutMix",
            expected=f"images and masks with `data_format={own!r}`",
            received=f"shape {tuple(leaf.shape)}, which fits {what} of {other!r} only",
            fix=f'pass `data_format="{other}"` to the layer, or "{own}" if the images '
            "have it",
        )

    def _unlike(self, leaf: Tensor, size):
        if self.axes is not None:
            expected = f"inputs and masks of one size along axes {self.axes}, 1 or more"
            fix = "give them one size, or choose other `axes`"
        else:
            expected = "images and masks of one height and width, 1 or more"
            expected += f", {size}" if size else " (axes 1 and 2)"
            fix = "resize them alike, set `data_format` to where the channels are, or "
            fix += "use MixUp for data without pixels; name inputs that stay as they "
            fix += "are in `unmixed`; flatten labels that are no masks"
        return invalid(
            "batch for CutMix",
            expected=expected,
            received=f"shape {tuple(leaf.shape)}",
            fix=fix,
        )


def _product(sizes, ops: Ops):
    return ops.cast(math.prod(sizes), "float32") if sizes else 1.0


def _check_axes(axes):
    if axes is None:
        return None
    given = axes if isinstance(axes, (list, tuple)) else ()
    whole = [
        isinstance(axis, numbers.Integral) and not isinstance(axis, bool)
        for axis in given
    ]
    if not 1 <= len(given) <= len(_STREAMS) or not all(whole) or 0 in given:
        raise invalid(
            "argument `axes`",
            expected="None, or a tuple of 1 to 3 axes, of which none is 0, the batch's",
            received=f"axes={axes!r:.80}",
            fix="pass for instance `(1,)` for the steps of a series (B, T, C)",
        )
    if len(set(given)) < len(given):
        raise invalid(
            "argument `axes`",
            expected="different axes",
            received=f"axes={axes!r:.80}",
            fix="name each axis once",
        )
    return tuple(map(int, given))


def _steps_or_scores(leaf: Tensor):
    return invalid(
        "labels for CutMix",
        expected="labels that can be read in one way",
        received=f"floats of shape {tuple(leaf.shape)}: one for each step that is cut, "
        "or scores of a row",
        fix="give labels of steps a last axis, (B, T, 1), or give scores of a row as "
        "class indices, with `num_classes`",
    )

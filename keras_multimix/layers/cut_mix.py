"""CutMix: a box of the partner pasted into each row."""

import keras

from keras_multimix import batches, labels, mixing, randomness
from keras_multimix.arguments import invalid
from keras_multimix.layers.pair_mixing_layer import PairMixingLayer

_PLACES = (randomness.BOX_ROWS, randomness.BOX_COLUMNS)


@keras.saving.register_keras_serializable(package="keras_multimix")
class CutMix(PairMixingLayer):
    """Pastes a box of the partner into each row and mixes labels by the pixels' share.

    The box covers a share of about 1 − λ of the image, λ ~ Beta(α, α), and lies
    wholly inside it; the label's coefficient is the share of pixels that really
    stayed. Segmentation masks and weights of pixels are cut and pasted with the images.

    Args:
        alpha: α, a finite number, 0 or more. 1 draws the box's share uniformly.
        num_interpolations: K, the boxes (and mixed rows) of each pair, 1 or more.
        **kwargs: The other arguments of `MixUp`, with the same meaning.

    Call arguments:
        x: As for `MixUp`, but every input has a height and a width: shape
            `(B, H, W)` or `(B, H, W, ...)`, with `channels_first` images
            `(B, C, H, W)`. A spectrogram's are time and frequency.
        y: As for `MixUp`. Labels of rank 4 or more, and of rank 3 where axes 1 and 2
            are as long as the images', are masks; but integers (B, H, 1) beside images
            (B, H, 1), one class for each place, are not. Where `MixupModel` mixes
            hidden features, these have to be as high and as wide.

    Returns:
        The same structure, each part with B·K rows: the K of a pair one after
        another, the coefficient falling.

    Raises:
        ValueError: As `MixUp`, and if images and masks differ in height or width or
            have none.

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

    def check(self, batch, mixed):
        """Refuses inputs and masks that do not share one height and width."""
        super().check(batch, mixed)
        images = mixed.input_leaves
        _, label_leaves, masks, weights = batch.part_leaves
        cut = [leaf for leaf in label_leaves + weights if self.is_spatial(leaf, batch)]
        masks = masks + cut
        sizes = [self._size(leaf) for leaf in images + masks]
        for leaf, size in zip(images + masks, sizes, strict=True):
            fits = size is not None and all(
                None in pair or pair[0] == pair[1]
                for pair in zip(size, sizes[0] or (), strict=False)
            )
            if not fits or 0 in size:
                raise invalid(
                    "batch for CutMix",
                    expected="images and masks of one height and width, 1 or more"
                    + (f", {sizes[0]}" if sizes[0] else " (axes 1 and 2)"),
                    received=f"shape {tuple(leaf.shape)}",
                    fix="resize them alike, or use MixUp for data without pixels",
                )

    def is_spatial(self, leaf, batch):
        """Whether a label has the images' height and width."""
        size = self._size(batch.input_leaves[0])
        if batches.is_integer(leaf):
            # Where a last axis of 1 holds the class, it is no width.
            if len(labels.encoded_shape(leaf, None, batch.inputs)) < 4:
                return False
        return len(leaf.shape) >= 3 and (
            len(leaf.shape) >= 4 or tuple(leaf.shape[1:3]) == size
        )

    def positions(self, draw_ids, ops):
        """Returns where the random words of λ and of the boxes' places stand."""
        (indices,) = super().positions(draw_ids, ops).values()
        streams = (randomness.COEFFICIENTS, *_PLACES)
        return dict.fromkeys(streams, indices)

    def mixed_size(self, mixed, ops):
        """Returns the height and width of the images, or of hidden features."""
        image = mixed.input_leaves[0]
        shape = tuple(image.shape)
        if None in shape and not isinstance(image, keras.KerasTensor):
            shape = ops.shape(image)
        size = tuple(shape[axis] for axis in self._axes(image))
        if None in size:
            raise invalid(
                "mixing point for CutMix",
                expected="features whose height and width are known",
                received=f"shape {shape}",
                fix="give the model's input a fixed height and width, or use MixUp",
            )
        return size

    def mixture_of(self, words, table, size, ops):
        """Returns the boxes and the coefficients, their exact shares of the pixels."""
        drawn = super().mixture_of(words, table, size, ops)["coefficients"]
        sides = mixing.box_sizes(drawn, size, ops)
        starts = []
        for stream, pixels, side in zip(_PLACES, size, sides, strict=True):
            places = ops.cast(pixels - side + 1, "float32")
            start = randomness.uniforms(words[stream], ops) * places
            # The product can round up to the number of places itself.
            starts.append(ops.minimum(ops.cast(start, "int32"), pixels - side))
        area = ops.cast(sides[0] * sides[1], "float32")
        boxes = [part[..., None] for part in (*starts, *sides)]
        return {
            "coefficients": 1.0 - area / ops.cast(size[0] * size[1], "float32"),
            "boxes": ops.concatenate(boxes, axis=-1),
        }

    def mix_rows(self, leaf, partners, transformation, dtype, ops):
        """Returns the rows with their partners' boxes pasted in."""
        boxes = transformation["boxes"]
        mixed = mixing.paste(leaf, partners, boxes, self._axes(leaf), ops)
        return ops.cast(mixed, dtype)

    def transformation_shapes(self, num_rows):
        """Returns the shapes of a transformation's entries for a batch of B rows."""
        boxes = (num_rows, self.num_interpolations, 4)
        return super().transformation_shapes(num_rows) | {"boxes": boxes}

    def _axes(self, leaf):
        first = keras.config.image_data_format() == "channels_first"
        return (2, 3) if first and len(leaf.shape) >= 4 else (1, 2)

    def _size(self, leaf):
        if len(leaf.shape) < 3:
            return None
        return tuple(leaf.shape[axis] for axis in self._axes(leaf))

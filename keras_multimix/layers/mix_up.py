"""mixup: convex combinations of pairs."""

import keras

from keras_multimix import mixing
from keras_multimix.annotations import Ops, Tensor, Transformation
from keras_multimix.layers.pair_mixing_layer import PairMixingLayer


@keras.saving.register_keras_serializable(package="keras_multimix")
class MixUp(PairMixingLayer):
    """Mixes each row of a batch with a partner, and their labels in the same way.

    `mixed = λ * x + (1 - λ) * x[partner]` with λ ~ Beta(α, α), and the same λ and
    partner for inputs, labels, masks and sample weights. The partner is a row of the
    same batch; `pairing` chooses it.

    Use it in a pipeline (`tf.data`, grain, a torch `DataLoader`, plain NumPy), on a
    batch, or inside a model that takes inputs and labels. To train with integer
    labels or any loss, wrap your model in `MixupModel` instead.

    Args:
        alpha: α, a finite number, 0 or more. 0.1 to 0.4 for ImageNet and small sets,
            1 for CIFAR, 8 to 32 against corrupted labels; 0 turns mixing off.
        num_interpolations: K, the mixed rows that each pair gives, 1 or more.
        sampling: How the K coefficients of a pair are drawn. `"independent"`: K
            independent draws. `"stratified"`: one from each of K equally likely parts
            of Beta(α, α). One of the K, picked at random, still follows Beta(α, α);
            their mean varies less. `"shared"`: all pairs of the batch have the same K
            coefficients.
        pairing: `"shuffle"`: a random permutation. `"roll"`: the next row.
            `"mirror"`: row i with row B − 1 − i, the same λ for both, so that each
            example weighs exactly 1 in the batch. `"same_class"`: a random other row
            of the same class, or the row itself if there is none. `"neighbors"`: one of
            the 3 nearest other rows. A `keras_multimix.pairing.SimilarLabels`: a row
            whose label is near, for regression. A
            `keras_multimix.pairing.WithinShards`: a row on the same device. Or a
            callable `(x, y, seed) -> partner`, which returns a row number for each row;
            `seed` is an integer scalar.
        mix_labels: False gives each mixed row the label and the sample weight of the
            row if λ is at least 0.5, and else those of its partner. `"union"` gives it
            the larger of both labels at each place. For multi-label tagging, where a
            label has a 0 or 1 for each class, these are the tags of both rows.
        num_classes: C, the number of classes. With it, labels that are no integers and
            whose last axis has size C are scores, one number for each class. All other
            labels are class indices, whatever their dtype, and become one-hot. A dict
            or list like the labels, such as `{"kind": 3, "age": None}`, gives each
            label its own number. None, or a key that is left out, means that the label
            is a quantity, which is mixed as it is.
        label_smoothing: ε in [0, 1), with `num_classes`: labels `y`, class indices and
            scores, become `(1 - ε) * y + ε / C`. `MixupModel` refuses it, because its
            loss can smooth: `keras_multimix.losses.SparseCategoricalCrossentropy`.
        keep_batch_size: True mixes only the first B // K pairs (at least one), so
            that a step costs what it costs without mixing.
        keep_originals: True makes the first of the K rows of a pair the row itself,
            λ = 1, with its own tags, lengths and mask; the other K − 1 are drawn as
            usual. K has to be 2 or more. In `MixupModel` the train metrics are then
            those of the rows themselves.
        data_format: The axis where images have their channels, and where their one-hot
            masks have their classes: `"channels_last"`, `"channels_first"`, or None for
            the setting of `keras.config`. Tensors of 3 axes or fewer have channels
            last.
        unmixed: Inputs and labels that are not averaged: a list of their keys, or of
            their numbers in a list of inputs. Then a mixed row gets the larger of the
            two inputs, as is right for the lengths of padded rows, but the row's own
            label. Or a dict that gives each a rule,
            `{"lengths": "max", "speaker": "own"}`.
        seed: An integer of up to 64 bits: the same partners and coefficients on every
            backend. None draws one when the layer is made.
        **kwargs: `name` and `dtype` of the layer. `dtype` is the floating-point dtype,
            or the policy, that integer inputs get.

    Call arguments:
        x: Inputs of shape `(B, ...)`, a nested structure of them, or the whole batch
            as `(x, y)`, `(x, y, sample_weight)` or a dict with the keys `"labels"`,
            `"segmentation_masks"` and `"sample_weights"` (or their singular) beside
            any keys for inputs. Axis 0 is the batch. An array alone is mixed without
            labels.
        y: Labels, likewise. Floats of any rank are mixed as they are. Class indices, of
            shape `(B, ...)` or `(B, ..., 1)`, become one-hot: see `num_classes`.
        sample_weight: Weights of the rows, shape `(B,)`, or of places in them (pixels
            or time steps); one for all labels, or a structure like the labels. A mixed
            row weighs `λ w + (1 - λ) w_partner`, and its label is
            `(λ w y + (1 - λ) w_partner y_partner)` divided by that. So a row of weight
            0, which may have no label, adds nothing to the mixed label.
        training: False returns the batch as it is and does not change the random state.
        step: The number of the draw, an integer of 0 or more. The same number gives the
            same draw, whatever was called before. None takes the number of calls so
            far.

    Returns:
        The same structure, each part with B·K rows: row `i * K + k` is pair i at its
        k-th coefficient, and λ falls with k. Float inputs keep their dtype, integer
        ones get the layer's; labels and weights are float32 or float64. NumPy arrays
        give NumPy arrays, TensorFlow's tensors TensorFlow's.

    Raises:
        ValueError: For an argument out of range, and for a batch that cannot be
            mixed: parts of different numbers of rows, no batch axis, integer labels
            without `num_classes`, integers whose last axis is `num_classes` (class
            indices or scores?), indices out of range, token ids, strings, ragged or
            sparse tensors, and, with `num_classes`, a dict without labels or a model's
            symbolic inputs. Then the random state does not change. In a compiled graph,
            where labels cannot be read, what is no class index becomes NaN as the label
            of a row, and zeros at a place of a mask or sequence.

    References:
        Zhang, Cissé, Dauphin, Lopez-Paz, "mixup: Beyond Empirical Risk Minimization",
        ICLR 2018, arXiv 1710.09412.

    Example:

    >>> import numpy as np
    >>> from keras_multimix import MixUp
    >>> images, classes = np.ones((8, 32, 32, 3)), np.arange(8) % 4
    >>> mixed_images, mixed_labels = MixUp(alpha=0.2, num_classes=4)(images, classes)
    >>> mixed_images.shape, mixed_labels.shape
    ((8, 32, 32, 3), (8, 4))
    """

    def _mix_rows(
        self,
        leaf: Tensor,
        partners,
        transformation: Transformation,
        dtype,
        ops: Ops,
        axes=None,
    ):
        """Returns the convex combinations of rows and partners."""
        weights = transformation["coefficients"]
        return mixing.interpolate(leaf, partners, weights, dtype, ops)

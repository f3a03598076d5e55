"""The layers that draw K coefficients of Beta(α, α) for each pair."""

from typing import Any

import keras
import numpy as np

from keras_multimix import (
    coefficients,
    label_parts,
    namespaces,
    randomness,
    runtime,
    tracing,
)
from keras_multimix import pairing as pairings
from keras_multimix import unmixed as unmixed_parts
from keras_multimix.annotations import Ops, State, Tensor, Transformation
from keras_multimix.arguments import (
    check_choice,
    check_count,
    check_flag,
    check_label_smoothing,
    invalid,
)
from keras_multimix.batches import Batch
from keras_multimix.layers import transformations
from keras_multimix.layers.changing_alpha import ChangingAlpha
from keras_multimix.layers.draws_ahead import DrawsAhead
from keras_multimix.layers.mixing_layer import MixingLayer
from keras_multimix.pairing.fixed import Itself

_ITSELF = Itself()
DATA_FORMATS = ("channels_last", "channels_first")
# In what a layer has drawn, where partners are still to be chosen from the batch.
_WORDS = "words of the pairing"


class PairMixingLayer(ChangingAlpha, MixingLayer):
    """Base class of `MixUp`, `MultiMix`, `RegMixup` and `CutMix`.

    A subclass says how a leaf's rows are mixed with those of a leaf of others, in
    `_mix_rows`, and may override `_mixture_of`, `_axes_of_label` and `_check`.

    Args:
        alpha: α of λ ~ Beta(α, α), 0 or more. 0 leaves each row as it is.
        num_interpolations: K, how many mixed rows each pair gives.
        sampling: `"independent"`, `"stratified"` or `"shared"` coefficients.
        pairing: `"shuffle"`, `"roll"`, `"mirror"`, `"same_class"`, `"neighbors"`, a
            `SimilarLabels`, a `WithinShards` or a callable `(x, y, seed) -> partner`.
        mix_labels: False takes the label of the row or of its partner, whichever weighs
            more; "union" takes the larger of both at each place.
        num_classes: Number of classes of class indices, which become one-hot; or a
            dict or list like the labels.
        label_smoothing: ε: class scores become `(1 − ε) y + ε / C`.
        keep_batch_size: True mixes the first B // K pairs only (at least one).
        keep_originals: True makes the first of the K rows of a pair the row itself.
        data_format: `"channels_last"` or `"channels_first"`; None takes Keras' setting.
        unmixed: Names of inputs and labels that are not averaged, or a dict of these
            and their rules.
        seed: An integer of up to 64 bits; None draws one when the layer is made.
        **kwargs: `name` and `dtype` of the layer, a floating-point one.
    """

    def __init__(
        self,
        alpha: float = 1.0,
        num_interpolations: int = 1,
        *,
        sampling: str = "independent",
        pairing: Any = "shuffle",
        mix_labels: bool | str = True,
        num_classes: int | dict | list | None = None,
        label_smoothing: float = 0.0,
        keep_batch_size: bool = False,
        keep_originals: bool = False,
        data_format: str | None = None,
        unmixed: list | dict | None = None,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(seed=seed, **kwargs)
        self._set_alpha(alpha)
        self._draws = DrawsAhead()
        self.num_interpolations = check_count(
            "num_interpolations",
            num_interpolations,
            maximum=coefficients.MAX_INTERPOLATIONS,
        )
        check_choice("sampling", sampling, coefficients.SAMPLINGS)
        self.sampling = sampling
        self.pairing = pairing
        if mix_labels != "union":
            check_flag("mix_labels", mix_labels)
        self.mix_labels = mix_labels
        self.num_classes = label_parts.check_num_classes(num_classes)
        self.label_smoothing = check_label_smoothing(label_smoothing)
        if self.label_smoothing and num_classes is None:
            raise invalid(
                "argument `label_smoothing`",
                expected="`num_classes` beside it, because only class scores are "
                "smoothed",
                received=f"label_smoothing={label_smoothing!r}, num_classes=None",
                fix="pass `num_classes`, for class indices and for scores",
            )
        if data_format is not None:
            check_choice("data_format", data_format, DATA_FORMATS)
        self._format_is_given = data_format is not None
        self.data_format = data_format or keras.config.image_data_format()
        self.unmixed = unmixed_parts.check(unmixed)
        check_flag("keep_batch_size", keep_batch_size)
        self.keep_batch_size = keep_batch_size
        check_flag("keep_originals", keep_originals)
        if keep_originals and self.num_interpolations == 1:
            raise invalid(
                "argument `num_interpolations`",
                expected="2 or more with `keep_originals`: the row itself and mixed "
                "rows",
                received="num_interpolations=1",
                fix="pass for instance `num_interpolations=2`, as `RegMixup` does",
            )
        self.keep_originals = keep_originals

    # What a subclass says ----------------------------------------------------

    def _mix_rows(
        self,
        leaf: Tensor,
        partners,
        transformation: Transformation,
        dtype,
        ops: Ops,
        axes=None,
    ):
        """Mixes one tensor's rows with their `Partners`; to be overridden.

        Args:
            leaf: A tensor of shape `(B, ...)`.
            partners: Its `Partners`.
            transformation: A dict of tensors, as `_sample_transformation` returned it.
            dtype: dtype of the result.
            ops: The namespace of all of them.
            axes: What `_axes_of_label` says of a label; None for inputs.
        """
        raise NotImplementedError

    def _positions(self, draw_ids, ops: Ops):
        """Returns where the random words stand that the mixture needs.

        Args:
            draw_ids: int32 tensor of shape `(..., B)`: rows of the same id draw alike.
            ops: Its namespace.

        Returns:
            A dict of a stream and int32 positions of shape `(..., B, K)`, or K − 1
            where the first of the K rows is the row itself.
        """
        count = self.num_interpolations - self.keep_originals
        indices = coefficients.draw_indices(draw_ids, count, self.sampling, ops)
        return {randomness.COEFFICIENTS: indices}

    def _mixture_of(self, words, table, size, ops: Ops):
        """Returns what a transformation holds beside the partners.

        Args:
            words: A dict of a stream and the random words at its `positions`.
            table: The quantiles of λ; None for α = 0.
            size: What `_mixed_size` returned.
            ops: The namespace of `words`.
        """
        words = words[randomness.COEFFICIENTS]
        if table is None:
            ones = ops.cast(ops.zeros_like(words), "float32") + 1.0
            return {"coefficients": ones}
        drawn = coefficients.coefficients_of(words, table, self.sampling, ops)
        return {"coefficients": drawn}

    def _mixed_size(self, mixed, ops: Ops):
        """Returns the sizes that the mixture depends on beside B, a tuple."""
        return ()

    def _axes_of_label(
        self,
        leaf: Tensor,
        batch: Batch,
        num_classes=None,
        is_weight=False,
    ):
        """Returns the axes along which a label or weight is cut, or None.

        Args:
            leaf: The label or weight.
            batch: The `Batch`.
            num_classes: How many classes the label has, or None.
            is_weight: Whether it is a weight.
        """
        return None

    def _where_cut(self, cut, average, transformation: Transformation, ops: Ops):
        """Returns what is cut in rows that the layer cuts, and else `average()`."""
        return cut

    def _check(self, batch: Batch, mixed):
        """Refuses a batch whose rows the pairing cannot pair."""
        if self._pairing.reads_batch:
            self._pairing.check(batch, self.num_classes)

    # What a mixing layer says --------------------------------------------------

    @property
    def pairing(self):
        """Who is mixed with whom, as the caller has said it."""
        return self._pairing_as_given

    @pairing.setter
    def pairing(self, value):
        self._pairing = pairings.get(value)
        self._pairing_as_given = value

    @property
    def _resolved_pairing(self):
        """The `Pairing` of the layer, by which rows find their partners."""
        return _ITSELF if self._is_identity else self._pairing

    def _sample_transformation(self, batch: Batch, mixed, state: State, ops: Ops):
        """Returns a transformation: partners, coefficients and what else it needs."""
        leaf, device = batch.input_leaves[0], None
        num_rows, pairing = leaf.shape[0], self._resolved_pairing
        if num_rows is None:
            num_rows = ops.shape(leaf)[0]
        size = self._mixed_size(mixed, ops)
        static = {type(count) for count in (num_rows, *size)} == {int}
        if static and isinstance(state, np.ndarray):
            if ops is namespaces.keras_ops:
                device = tracing.eager_torch_device(leaf)
            drawn = self._draw_on_host(state, num_rows, size, device)
            if ops is not namespaces.numpy_ops and device is None:
                drawn = {key: tracing.constant(drawn[key], ops) for key in drawn}
        else:
            state = tracing.convert_to(state, ops)
            rows = ops.arange(num_rows, dtype="int32")
            drawn = self._draw_in_graph(state, rows, size, ops)
        if not pairing.reads_batch:
            return drawn
        (stream,) = pairing.positions(drawn[_WORDS], ops)
        words = {stream: drawn.pop(_WORDS)}
        partners = pairing.partners_in(batch, words, num_rows, ops)
        return {"partner": partners, **drawn}

    def _draw_on_host(self, state: State, num_rows, size, device):
        """Draws in NumPy: a few hundred numbers, wherever none of them is traced."""
        ops, table = namespaces.numpy_ops, self._quantiles

        def sample(steps_state):
            rows = np.arange(num_rows, dtype="int32")
            rows = np.tile(rows, (len(steps_state[2]), 1))
            drawn = self._sample(steps_state, rows, table, size, ops)
            return drawn if device is None else tracing.on_device(drawn, device)

        num_words = num_rows * (1 + len(size) + self.num_interpolations)
        key = (num_rows, size, self._alpha, self._law, device)
        return self._draws.at(state, key, num_words, sample)

    def _draw_in_graph(self, state: State, rows, size, ops: Ops):
        """Draws with tensors, in TensorFlow's graphs as one kernel.

        It runs and is traced as one operation, and not as two hundred small ones.
        """
        table, static = self._table(ops), all(type(pixels) is int for pixels in size)
        if table is None or not static or not runtime.in_tensorflow_graph():
            return self._sample(state, rows, table, size, ops)
        key, kernels = (size, self._law), self._draws.kernels
        if key not in kernels:

            def sample(state: State, rows, table, ops: Ops):
                return self._sample(state, rows, table, size, ops)

            kernels[key] = tracing.in_one_kernel(sample)
        return kernels[key](state, rows, tracing.constant(table, ops))

    def _sample(self, state: State, rows, table, size, ops: Ops):
        """Draws for some rows, from nothing but its arguments and the layer's own."""
        num_rows, pairing = ops.shape(rows)[-1], self._resolved_pairing
        own = pairing.positions(rows, ops)
        ids = self._pairing.draw_ids(rows, num_rows, ops)
        positions = own | self._positions(ids, ops)
        words = randomness.words_of_streams(state, positions, ops)
        drawn = self._mixture_of(words, table, size, ops)
        if self.keep_originals:
            drawn = transformations.with_originals(drawn, ops)
        if pairing.reads_batch:
            (stream,) = own
            return {_WORDS: words[stream], **drawn}
        words = {stream: words[stream] for stream in own}
        return {"partner": pairing.partners(rows, words, num_rows, ops), **drawn}

    @property
    def _law(self):
        """What a draw depends on beside α, the state and the shapes."""
        kept = self.keep_originals
        return self.num_interpolations, self.sampling, self._pairing, kept

    @property
    def _shares_coefficients(self):
        """Whether all pairs of a batch have the same K coefficients."""
        return self.sampling == "shared" or self._is_identity

    # Keras --------------------------------------------------------------------

    def get_config(self):
        """Returns the arguments that make a layer with the same stream."""
        pairing_config = self.pairing
        if not isinstance(pairing_config, str):
            pairing_config = keras.saving.serialize_keras_object(pairing_config)
        return super().get_config() | {
            "alpha": self.alpha,
            "num_interpolations": self.num_interpolations,
            "sampling": self.sampling,
            "pairing": pairing_config,
            "mix_labels": self.mix_labels,
            "num_classes": self.num_classes,
            "data_format": self.data_format,
            "unmixed": self.unmixed,
            "label_smoothing": self.label_smoothing,
            "keep_batch_size": self.keep_batch_size,
            "keep_originals": self.keep_originals,
        }

    @classmethod
    def from_config(cls, config):
        """Returns a layer made from what `get_config` returned."""
        if isinstance(config.get("pairing"), dict):
            function = keras.saving.deserialize_keras_object(config["pairing"])
            config = config | {"pairing": function}
        return cls(**config)

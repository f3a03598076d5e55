"""The layers that draw K coefficients of Beta(α, α) for each pair."""

import keras

from keras_multimix import batches, coefficients, labels, pairing
from keras_multimix.arguments import (
    check_alpha,
    check_choice,
    check_count,
    check_flag,
)
from keras_multimix.layers import applying, drawing
from keras_multimix.layers.mixing_layer import MixingLayer


class PairMixingLayer(MixingLayer):
    """Base class of `MixUp`, `MultiMix` and `CutMix`.

    A subclass says how a leaf's rows are mixed with those of a leaf of others, in
    `mix_rows`, and may override `draw_mixture`, `is_spatial` and `check`.

    Args:
        alpha: α of λ ~ Beta(α, α), 0 or more. 0 leaves each row as it is.
        num_interpolations: K, how many mixed rows each pair gives.
        sampling: `"independent"`, `"stratified"` or `"shared"` coefficients.
        pairing: `"shuffle"`, `"roll"`, `"mirror"`, `"same_class"`, `"neighbors"`, a
            `WithinShards` or a callable `(x, y, seed) -> partner`.
        mix_labels: False keeps the label of the row that weighs more.
        num_classes: Number of classes of integer labels, which become one-hot.
        keep_batch_size: True mixes the first B // K pairs only (at least one).
        seed: An integer of 64 bits; None draws one at construction.
        **kwargs: `name` and `dtype` of the layer.
    """

    def __init__(
        self,
        alpha=1.0,
        num_interpolations=1,
        *,
        sampling="independent",
        pairing="shuffle",
        mix_labels=True,
        num_classes=None,
        keep_batch_size=False,
        seed=None,
        **kwargs,
    ):
        super().__init__(seed=seed, **kwargs)
        self.alpha = check_alpha(alpha)
        self._quantiles = coefficients.quantile_table(self.alpha)
        self._quantiles_variable = None
        self.num_interpolations = check_count(
            "num_interpolations",
            num_interpolations,
            maximum=coefficients.MAX_INTERPOLATIONS,
        )
        check_choice("sampling", sampling, coefficients.SAMPLINGS)
        self.sampling = sampling
        self.pairing = _check_pairing(pairing)
        check_flag("mix_labels", mix_labels)
        self.mix_labels = mix_labels
        if num_classes is not None:
            num_classes = check_count(
                "num_classes", num_classes, maximum=labels.MAX_CLASSES
            )
        self.num_classes = num_classes
        check_flag("keep_batch_size", keep_batch_size)
        self.keep_batch_size = keep_batch_size

    # What a subclass says ----------------------------------------------------

    def mix_rows(self, leaf, others, transformation, dtype, ops):
        """Mixes one tensor's rows with their partners' of `others`; to be overridden.

        These are the rows `transformation["partner"]`, or row i where that is None.
        """
        raise NotImplementedError

    def draw_mixture(self, mixed, draw_ids, state, ops):
        """Draws what a transformation holds beside the partners."""
        drawn = coefficients.sample_coefficients(
            state,
            draw_ids,
            self._table(ops),
            self.num_interpolations,
            self.sampling,
            ops,
        )
        return {"coefficients": drawn}

    def is_spatial(self, leaf, batch):
        """Whether a label leaf is mixed pixel by pixel, as the inputs are."""
        return False

    def check(self, batch, mixed):
        """Refuses labels without a class, or inputs without distances, for pairings."""
        if self.pairing == "same_class":
            labels.check_classes(batch.labels)
        if self.pairing == "neighbors":
            pairing.check_distances(batches.leaves_of(batch.inputs))

    # What a mixing layer says --------------------------------------------------

    def draw(self, batch, mixed, state, ops):
        """Returns a transformation: partners, coefficients and what else it needs."""
        return drawing.draw(self, batch, mixed, state, ops)

    def take_partners(self, leaf, transformation, ops):
        """Returns the partners' rows of a leaf, as `draw` has chosen them."""
        rows = transformation["partner"]
        if self.always_plain:
            return applying.first_pairs(self, leaf, ops.shape(leaf)[0], ops)
        taken = pairing.take_partners(self.pairing, leaf, rows, ops)
        return taken[: ops.shape(rows)[0]] if self.keep_batch_size else taken

    def mix_batch(self, batch, others, transformation, ops):
        """Returns a batch mixed with its partners."""
        return applying.mix(self, batch, others, transformation, ops)

    def mix_inputs(self, inputs, others, transformation, ops):
        """Returns a structure of inputs or features mixed with the partners'."""
        return applying.mix_inputs(self, inputs, others, transformation, ops)

    def pair_labels(self, batch, partners, transformation, ops):
        """Returns the labels and weights of mixed rows as `LabelPairs`."""
        return applying.pair_labels(self, batch, partners, transformation, ops)

    # An α that changes ---------------------------------------------------------

    @property
    def always_plain(self):
        """Whether α is 0 and stays so: each row is its own partner."""
        return self._quantiles is None and not self.alpha_is_variable

    @property
    def alpha_is_variable(self):
        """Whether compiled functions follow when `use_alpha` sets another α."""
        return self._quantiles_variable is not None

    def make_alpha_variable(self):
        """Makes α part of the state that functions read which are compiled from now."""
        self._quantiles_variable = self.add_weight(
            shape=(coefficients.NUM_QUANTILES,),
            dtype="float32",
            initializer="zeros",
            trainable=False,
            aggregation="only_first_replica",
            name="quantiles",
        )
        self.use_alpha(None)

    def use_alpha(self, alpha):
        """Draws with another α from now on; None goes back to the layer's own.

        The layer's `alpha`, and what is saved of it, stay what they are.

        Args:
            alpha: α, 0 or more.

        Raises:
            ValueError: If `alpha` is no such number.
        """
        alpha = self.alpha if alpha is None else check_alpha(alpha)
        self._quantiles = coefficients.quantile_table(alpha)
        if self.alpha_is_variable:
            self._quantiles_variable.assign(coefficients.quantiles(alpha))

    def _table(self, ops):
        # Only a graph of the running backend can read the variable.
        if self.alpha_is_variable and ops is keras.ops:
            return self._quantiles_variable.value
        return self._quantiles

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
            "keep_batch_size": self.keep_batch_size,
        }

    @classmethod
    def from_config(cls, config):
        """Returns a layer made from what `get_config` returned."""
        if isinstance(config.get("pairing"), dict):
            function = keras.saving.deserialize_keras_object(config["pairing"])
            config = config | {"pairing": function}
        return cls(**config)


def _check_pairing(value):
    if not callable(value) and not isinstance(value, pairing.WithinShards):
        check_choice("pairing", value, pairing.PAIRINGS)
    return value

"""The layer that all mixing layers are: arguments, call forms, random state."""

import keras
from keras import ops as keras_ops

from keras_multimix import batches, coefficients, labels, namespaces, pairing
from keras_multimix.arguments import (
    check_alpha,
    check_choice,
    check_count,
    check_flag,
)
from keras_multimix.errors import invalid
from keras_multimix.layers import applying, drawing, random_state


class MixingLayer(keras.layers.Layer):
    """Base class of the layers that mix each row of a batch with a partner.

    A subclass says how a leaf of rows and a leaf of partners become mixed rows, in
    `mix_rows`, and may override `draw_mixture`, `is_spatial` and `check`.

    Args:
        alpha: α of λ ~ Beta(α, α), 0 or more. 0 leaves each row as it is.
        num_interpolations: K, how many mixed rows each pair gives.
        sampling: `"independent"`, `"stratified"` or `"shared"` coefficients.
        pairing: `"shuffle"`, `"roll"`, `"mirror"`, `"same_class"`, `"neighbors"` or
            a callable `(x, y, seed) -> partner`.
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
        super().__init__(autocast=False, **kwargs)
        self.alpha = check_alpha(alpha)
        self._quantiles = coefficients.quantile_table(self.alpha)
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
            num_classes = check_count("num_classes", num_classes)
        self.num_classes = num_classes
        check_flag("keep_batch_size", keep_batch_size)
        self.keep_batch_size = keep_batch_size
        self.seed = random_state.resolve_seed(seed)
        self.random_state = self.add_weight(
            shape=(3,),
            dtype="int32",
            initializer=random_state.key_initializer(self.seed),
            trainable=False,
            aggregation="only_first_replica",
            name="random_state",
        )
        self.supports_masking = True
        self.built = True

    # The calls ---------------------------------------------------------------

    @namespaces.without_autograph
    def __call__(self, x, y=None, sample_weight=None, *, training=None, step=None):
        """Mixes a batch.

        Args:
            x: The inputs, or the whole batch: see `call`.
            y: The labels, or None.
            sample_weight: Weights of the rows, or None.
            training: False returns the batch as it is. Default: True, or what the
                model that holds the layer is doing.
            step: The number of the draw; None counts the layer's calls.
        """
        batch = batches.split(x, y, sample_weight)
        # Refused here, before Keras turns lists into tensors or traces anything.
        if training is not False:
            self._validate(batch)
        # NumPy batches, and tf.data's under another backend, stay what they are.
        if self._namespace(batch.leaves, step) is not keras_ops:
            training = True if training is None else training
            return self.call(x, y, sample_weight, training=training, step=step)
        # Left out, `training` is what the model around the layer is doing.
        given = {} if training is None else {"training": training}
        return super().__call__(x, y, sample_weight, step=step, **given)

    def call(self, x, y=None, sample_weight=None, training=True, step=None):
        """Mixes a batch that has been checked; `__call__` has the arguments."""
        batch = batches.split(x, y, sample_weight)
        if not training:
            return batch.pack(*batch.parts)
        random_state.check_step(self.random_state, step)
        ops = self._namespace(batch.leaves, step)
        transformation = self._draw(batch, step, ops)
        partners = applying.take_partners(self, batch, transformation, ops)
        return applying.mix(self, batch, partners, transformation, ops)

    @namespaces.without_autograph
    def mix_pairs(self, data, partner_data, training=True, step=None):
        """Mixes row i of one batch with row i of another.

        For pairs that are drawn elsewhere: two shuffled datasets zipped, or
        neighbours found over a whole training set.

        Args:
            data: A batch: `(x, y)`, `(x, y, sample_weight)`, a dict, or `x` alone.
            partner_data: A batch of the same structure and shapes.
            training: False returns `data` as it is.
            step: The number of the draw; None counts the layer's calls.

        Returns:
            The mixed batch, in the structure of `data`. Its coefficients are those
            of a call at the same step.

        Raises:
            ValueError: If either batch cannot be mixed or their shapes differ.
        """
        batch, partners = batches.split(data), batches.split(partner_data)
        if not training:
            return data
        self._validate(batch)
        self._validate(partners)
        _check_same_shapes(batch, partners)
        random_state.check_step(self.random_state, step)
        ops = self._namespace(batch.leaves + partners.leaves, step)
        transformation = self._draw(batch, step, ops)
        return applying.mix(self, batch, partners, transformation, ops)

    @namespaces.without_autograph
    def get_random_transformation(self, data, training=True, step=None):
        """Draws the partners and coefficients for a batch, without mixing it.

        Args:
            data: A batch: `(x, y)`, `(x, y, sample_weight)`, a dict, or `x` alone.
            training: False draws nothing.
            step: The number of the draw; None counts it as a call.

        Returns:
            A dict for `apply`: `"partner"`, integers of shape `(B,)`, and
            `"coefficients"`, float32 of shape `(B, K)`. None if not `training`.

        Raises:
            ValueError: If the batch cannot be mixed.
        """
        if not training:
            return None
        batch = batches.split(data)
        self._validate(batch)
        random_state.check_step(self.random_state, step)
        ops = self._namespace(batch.leaves, step)
        return self._draw(batch, step, ops)

    @namespaces.without_autograph
    def apply(self, data, transformation):
        """Mixes a batch with given partners and coefficients.

        Args:
            data: A batch: `(x, y)`, `(x, y, sample_weight)`, a dict, or `x` alone.
            transformation: What `get_random_transformation` returned, or a dict of
                your own like it; None leaves the batch as it is.

        Returns:
            The mixed batch, in the structure of `data`.

        Raises:
            ValueError: If the batch cannot be mixed or the transformation does not
                fit it.
        """
        if transformation is None:
            return data
        batch = batches.split(data)
        self._validate(batch)
        drawing.check_transformation(self, batch, transformation)
        ops = namespaces.namespace_of(batch.leaves)
        drawn = {k: namespaces.adopt(v, ops) for k, v in transformation.items()}
        partners = applying.take_partners(self, batch, drawn, ops)
        return applying.mix(self, batch, partners, drawn, ops)

    def pair_batch(self, x, y, sample_weight=None):
        """Mixes the inputs of a batch and pairs its labels, for a model's own loss.

        Args:
            x: Inputs, a structure of tensors of the running backend.
            y: Labels of any dtype, likewise.
            sample_weight: Weights of the rows, or None.

        Returns:
            The mixed inputs, and a `PairedLabels`.

        Raises:
            ValueError: If the inputs cannot be mixed.
        """
        batch = batches.Batch(x, y, None, sample_weight, None)
        batches.check_batch(batch)
        self.check(batch)
        transformation = self._draw(batch, None, keras_ops)
        partners = applying.take_partners(self, batch, transformation, keras_ops)
        return applying.pair(self, batch, partners, transformation, keras_ops)

    # What a subclass may override --------------------------------------------

    def mix_rows(self, leaf, partner_leaf, transformation, dtype, ops):
        """Mixes one tensor's rows with their partners' rows; to be overridden."""
        raise NotImplementedError

    def draw_mixture(self, batch, draw_ids, state, ops):
        """Draws what a transformation holds beside the partners."""
        drawn = coefficients.sample_coefficients(
            state,
            draw_ids,
            self._quantiles,
            self.num_interpolations,
            self.sampling,
            ops,
        )
        return {"coefficients": drawn}

    def is_spatial(self, leaf, batch):
        """Whether a label leaf is mixed pixel by pixel, as the inputs are."""
        return False

    def check(self, batch):
        """Refuses inputs that this way of mixing cannot take."""

    def transformation_shapes(self, num_rows):
        """Returns the shapes of a transformation's entries for a batch of B rows."""
        return {
            "partner": (num_rows,),
            "coefficients": (num_rows, self.num_interpolations),
        }

    # Inside -------------------------------------------------------------------

    def _draw(self, batch, step, ops):
        state = random_state.state_at(self.random_state, step)
        try:
            return drawing.draw(self, batch, state, ops)
        except Exception:
            # The caller's own `pairing` may fail: then nothing has been drawn.
            if step is None:
                random_state.take_back(self.random_state, state)
            raise

    def _namespace(self, leaves, step=None):
        # A step that is traced leaves no choice: its draws are made where it is.
        traced = namespaces.is_tensor(step) and namespaces.concrete(step) is None
        return namespaces.namespace_of([*leaves, step] if traced else leaves)

    def _validate(self, batch):
        batches.check_batch(batch)
        labels.check_labels((batch.labels, batch.masks), self.num_classes)
        if self.pairing == "same_class":
            labels.check_classes(batch.labels)
        self.check(batch)

    # Keras --------------------------------------------------------------------

    def compute_output_spec(
        self, x, y=None, sample_weight=None, training=True, step=None
    ):
        """Returns the symbolic mixed batch, without drawing anything."""
        batch = batches.split(x, y, sample_weight)
        if training is False:
            return batch.pack(*batch.parts)
        return applying.output_spec(self, batch)

    def compute_mask(self, inputs, previous_mask=None):
        """Returns None: a mask of the rows before mixing says nothing of the mixed."""
        return None

    def get_config(self):
        """Returns the arguments that make a layer with the same stream."""
        config = super().get_config()
        config.pop("autocast", None)
        pairing_config = self.pairing
        if callable(pairing_config):
            pairing_config = keras.saving.serialize_keras_object(pairing_config)
        return config | {
            "alpha": self.alpha,
            "num_interpolations": self.num_interpolations,
            "sampling": self.sampling,
            "pairing": pairing_config,
            "mix_labels": self.mix_labels,
            "num_classes": self.num_classes,
            "keep_batch_size": self.keep_batch_size,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config):
        """Returns a layer made from what `get_config` returned."""
        if isinstance(config.get("pairing"), dict):
            function = keras.saving.deserialize_keras_object(config["pairing"])
            config = config | {"pairing": function}
        return cls(**config)


def _check_pairing(value):
    if not callable(value):
        check_choice("pairing", value, pairing.PAIRINGS)
    return value


def _check_same_shapes(batch, partners):
    try:
        keras.tree.assert_same_structure(batch.parts, partners.parts)
    except (ValueError, TypeError) as error:
        raise invalid(
            "`partner_data`",
            expected="the structure of `data`",
            received=f"another one: {error}"[:300],
            fix="pass two batches alike",
        ) from None
    shapes, partner_shapes = (
        [tuple(leaf.shape) for leaf in each.leaves] for each in (batch, partners)
    )
    if len(shapes) != len(partner_shapes) or not all(
        map(drawing.same_shape, shapes, partner_shapes)
    ):
        raise invalid(
            "`partner_data`",
            expected=f"parts shaped like those of `data`, {shapes}",
            received=f"{partner_shapes}",
            fix="batch both datasets alike, for instance with `drop_remainder=True`",
        )

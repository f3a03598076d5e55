"""The layer that all mixing layers are: arguments, call forms, random state."""

import keras
from keras import ops as keras_ops

from keras_multimix import batches, coefficients, labels, mixing, namespaces, pairing
from keras_multimix.arguments import (
    check_alpha,
    check_choice,
    check_count,
    check_flag,
)
from keras_multimix.errors import invalid
from keras_multimix.layers import random_state
from keras_multimix.paired_labels import PairedLabels


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
            if not any(map(_is_symbolic, batch.leaves)):
                random_state.check_step(self.random_state, step)
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
        ops = self._namespace(batch.leaves, step)
        state = random_state.state_at(self.random_state, step)
        transformation = self._draw(batch, state, ops)
        return self._mix_with_own_rows(batch, transformation, ops)

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
        state = random_state.state_at(self.random_state, step)
        transformation = self._draw(batch, state, ops)
        return self._mix(batch, partners, transformation, ops)

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
        state = random_state.state_at(self.random_state, step)
        return self._draw(batch, state, ops)

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
        ops = namespaces.namespace_of(batch.leaves)
        transformation = self._check_transformation(batch, transformation, ops)
        return self._mix_with_own_rows(batch, transformation, ops)

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
        state = random_state.state_at(self.random_state, None)
        ops = keras_ops
        transformation = self._draw(batch, state, ops)
        partners = self._take_partners(batch, transformation, ops)
        batch, partners, drawn = self._first_pairs(batch, partners, transformation, ops)

        def mix(leaf, partner_leaf):
            return self.mix_rows(leaf, partner_leaf, drawn, self.mixed_dtype(leaf), ops)

        def repeat(leaf):
            return mixing.repeat_rows(leaf, self.num_interpolations, ops)

        def pair(leaf, partner_leaf, side):
            # Where labels have pixels, both sides of the pair are the mixed image's.
            if self.is_spatial(leaf, batch):
                dtype = batches.dtype_of(leaf)
                return self.mix_rows(leaf, partner_leaf, drawn, dtype, ops)
            return repeat(side)

        def own_label(leaf, partner_leaf):
            return pair(leaf, partner_leaf, leaf)

        def partner_label(leaf, partner_leaf):
            return pair(leaf, partner_leaf, partner_leaf)

        map_leaves = batches.map_leaves
        mixed = map_leaves(mix, batch.inputs, partners.inputs)
        weights = ops.reshape(self._label_coefficients(drawn, ops), (-1,))
        num_rows = ops.shape(batches.leaves_of(x)[0])[0]
        return mixed, PairedLabels(
            map_leaves(own_label, batch.labels, partners.labels),
            map_leaves(partner_label, batch.labels, partners.labels),
            weights,
            map_leaves(repeat, batch.sample_weight),
            map_leaves(repeat, partners.sample_weight),
            ops.cast(num_rows, "float32") / ops.cast(ops.shape(weights)[0], "float32"),
        )

    # What a subclass may override --------------------------------------------

    def mix_rows(self, leaf, partner_leaf, transformation, dtype, ops):
        """Mixes one tensor's rows with their partners' rows; to be overridden."""
        raise NotImplementedError

    def draw_mixture(self, batch, draw_ids, state, ops):
        """Draws what a transformation holds beside the partners."""
        drawn = coefficients.sample_coefficients(
            state,
            draw_ids,
            self.alpha,
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

    # Inside -------------------------------------------------------------------

    def _draw(self, batch, state, ops):
        leaves = batches.leaves_of(batch.inputs)
        num_rows = ops.shape(leaves[0])[0]
        # A few hundred numbers: drawn in NumPy wherever nothing of them is traced.
        known = namespaces.is_array(state) and all(
            isinstance(size, int) for leaf in leaves for size in ops.shape(leaf)
        )
        draw_ops = namespaces.numpy_ops if known else ops
        state = namespaces.adopt(state, draw_ops)
        ids = pairing.draw_ids(self.pairing, num_rows, draw_ops)
        drawn = {
            "partner": self._draw_partners(batch, state, num_rows, draw_ops, ops),
            **self.draw_mixture(batch, ids, state, draw_ops),
        }
        return {key: namespaces.adopt(value, ops) for key, value in drawn.items()}

    def _draw_partners(self, batch, state, num_rows, draw_ops, ops):
        if self.alpha == 0:
            return draw_ops.arange(num_rows, dtype="int32")
        if not callable(self.pairing) and self.pairing not in pairing.DATA_PAIRINGS:
            return pairing.sample_partners(state, self.pairing, num_rows, draw_ops)
        state = namespaces.adopt(state, ops)
        if callable(self.pairing):
            return self._call_pairing(batch, state, num_rows, ops)
        if self.pairing == "same_class":
            classes = labels.class_indices(batch.labels, ops)
            candidates = pairing.same_class_candidates(classes, ops)
        else:
            rows = [
                ops.reshape(ops.cast(leaf, "float32"), (num_rows, -1))
                for leaf in batches.leaves_of(batch.inputs)
            ]
            candidates = pairing.neighbor_candidates(
                ops.concatenate(rows, axis=1), ops
            )
        return pairing.choose_partners(state, candidates, ops)

    def _call_pairing(self, batch, state, num_rows, ops):
        seed = pairing.callable_seed(state, ops)
        partners = self.pairing(batch.inputs, batch.labels, seed)
        known_rows = num_rows if isinstance(num_rows, int) else None
        pairing.check_partners(partners, known_rows)
        return ops.cast(ops.convert_to_tensor(partners), "int32")

    def _namespace(self, leaves, step):
        # A step that is traced leaves no choice: its draws are made where it is.
        traced = namespaces.is_tensor(step) and namespaces.concrete(step) is None
        return namespaces.namespace_of([*leaves, step] if traced else leaves)

    def _validate(self, batch):
        batches.check_batch(batch)
        labels.check_labels((batch.labels, batch.masks), self.num_classes)
        if self.pairing == "same_class":
            labels.check_classes(batch.labels)
        self.check(batch)

    def _check_transformation(self, batch, transformation, ops):
        rows = batches.leaves_of(batch.inputs)[0].shape[0]
        for key, shape in self.transformation_shapes(rows).items():
            value = transformation.get(key) if isinstance(transformation, dict) else None
            received = None if value is None else tuple(value.shape)
            fits = received is not None and len(received) == len(shape)
            if not fits or any(
                a != b for a, b in zip(received, shape, strict=True) if None not in (a, b)
            ):
                raise invalid(
                    f"transformation, entry {key!r}",
                    expected=f"an array of shape {shape}",
                    received="none" if value is None else f"shape {received}",
                    fix="pass what `get_random_transformation` returns for this batch",
                )
        return {
            key: namespaces.adopt(value, ops) for key, value in transformation.items()
        }

    def transformation_shapes(self, num_rows):
        """Returns the shapes of a transformation's entries for a batch of B rows."""
        return {
            "partner": (num_rows,),
            "coefficients": (num_rows, self.num_interpolations),
        }

    def _take_partners(self, batch, transformation, ops):
        rows = transformation["partner"]
        if self.keep_batch_size:
            rows = rows[: self._num_pairs(ops.shape(rows)[0], ops)]

        def take(leaf):
            return mixing.take_rows(leaf, rows, ops)

        parts = (batches.map_leaves(take, part) for part in batch.parts)
        return batches.Batch(*parts, batch.pack)

    def _num_pairs(self, num_rows, ops):
        pairs = num_rows // self.num_interpolations
        return max(1, pairs) if isinstance(pairs, int) else ops.maximum(pairs, 1)

    def _first_pairs(self, batch, partners, transformation, ops):
        """Cuts all three down to the pairs that `keep_batch_size` leaves."""
        if not self.keep_batch_size:
            return batch, partners, transformation
        num_rows = ops.shape(batches.leaves_of(batch.inputs)[0])[0]
        count = self._num_pairs(num_rows, ops)

        def first(part):
            return batches.map_leaves(lambda leaf: leaf[:count], part)

        def cut(old):
            return batches.Batch(*map(first, old.parts), old.pack)

        return cut(batch), cut(partners), first(transformation)

    def _mix_with_own_rows(self, batch, transformation, ops):
        partners = self._take_partners(batch, transformation, ops)
        return self._mix(batch, partners, transformation, ops)

    def _mix(self, batch, partners, transformation, ops):
        batch, partners, drawn = self._first_pairs(batch, partners, transformation, ops)
        weights = self._label_coefficients(drawn, ops)

        def mix_input(leaf, partner_leaf):
            return self.mix_rows(leaf, partner_leaf, drawn, self.mixed_dtype(leaf), ops)

        def mix_label(leaf, partner_leaf):
            own = labels.encode(leaf, self.num_classes, ops)
            other = labels.encode(partner_leaf, self.num_classes, ops)
            dtype = labels.mixed_dtype(own)
            if self.is_spatial(leaf, batch):
                return self.mix_rows(own, other, drawn, dtype, ops)
            return mixing.interpolate(own, other, weights, dtype, ops)

        def mix_weight(leaf, partner_leaf):
            dtype = labels.mixed_dtype(leaf)
            return mixing.interpolate(leaf, partner_leaf, weights, dtype, ops)

        functions = (mix_input, mix_label, mix_label, mix_weight)
        return batch.pack(
            *(
                batches.map_leaves(function, part, partner_part)
                for function, part, partner_part in zip(
                    functions, batch.parts, partners.parts, strict=True
                )
            )
        )

    def _label_coefficients(self, transformation, ops):
        weights = transformation["coefficients"]
        return weights if self.mix_labels else ops.cast(weights >= 0.5, "float32")

    def mixed_dtype(self, leaf):
        """Returns the dtype of mixed inputs: a float keeps its own."""
        dtype = batches.dtype_of(leaf)
        whole = "int" in dtype or dtype == "bool"
        return self.compute_dtype if whole else dtype

    # Keras --------------------------------------------------------------------

    def compute_output_spec(
        self, x, y=None, sample_weight=None, training=True, step=None
    ):
        """Returns the symbolic mixed batch, without drawing anything."""
        batch = batches.split(x, y, sample_weight)
        if training is False:
            return batch.pack(*batch.parts)

        def rows(leaf):
            if leaf.shape[0] is None:
                return None
            if self.keep_batch_size:
                return self._num_pairs(leaf.shape[0], None) * self.num_interpolations
            return leaf.shape[0] * self.num_interpolations

        def spec_input(leaf):
            shape = (rows(leaf), *leaf.shape[1:])
            return keras.KerasTensor(shape, dtype=self.mixed_dtype(leaf))

        def spec_label(leaf):
            shape = (rows(leaf), *labels.encoded_shape(leaf, self.num_classes)[1:])
            dtype = "float32" if batches.is_integer(leaf) else labels.mixed_dtype(leaf)
            return keras.KerasTensor(shape, dtype=dtype)

        def spec_weight(leaf):
            shape = (rows(leaf), *leaf.shape[1:])
            return keras.KerasTensor(shape, dtype=labels.mixed_dtype(leaf))

        functions = (spec_input, spec_label, spec_label, spec_weight)
        return batch.pack(
            *(
                batches.map_leaves(function, part)
                for function, part in zip(functions, batch.parts, strict=True)
            )
        )

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


def _is_symbolic(leaf):
    return isinstance(leaf, keras.KerasTensor)


def _check_same_shapes(batch, partners):
    shapes, partner_shapes = (
        [tuple(leaf.shape) for leaf in each.leaves] for each in (batch, partners)
    )
    same = len(shapes) == len(partner_shapes) and all(
        len(shape) == len(other)
        and all(a == b for a, b in zip(shape, other, strict=True) if None not in (a, b))
        for shape, other in zip(shapes, partner_shapes, strict=True)
    )
    if not same:
        raise invalid(
            "`partner_data`",
            expected=f"parts shaped like those of `data`, {shapes}",
            received=f"{partner_shapes}",
            fix="batch both datasets alike, for instance with `drop_remainder=True`",
        )

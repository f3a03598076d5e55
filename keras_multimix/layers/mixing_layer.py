"""What all mixing layers are: call forms, random state, what a model needs."""

import dataclasses
import os

import keras
from keras import ops as keras_ops

from keras_multimix import batches, labels, mixing, namespaces
from keras_multimix.errors import invalid
from keras_multimix.keras_fixes.skip_call import can_skip_keras_call
from keras_multimix.layers import applying, drawing, random_state
from keras_multimix.layers.paired_batch import PairedBatch
from keras_multimix.seeds import resolve_seed


class MixingLayer(keras.layers.Layer):
    """Base class of the layers that mix each row of a batch with a partner.

    A subclass sets `num_interpolations`, `num_classes` and `keep_batch_size`, and says
    how to draw and how to mix in the methods at the end.

    Args:
        seed: An integer of 64 bits; None draws one at construction.
        **kwargs: `name` and `dtype` of the layer.
    """

    def __init__(self, *, seed=None, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.seed = resolve_seed(seed)
        self.random_state = self.add_weight(
            shape=(3,),
            dtype="int32",
            initializer=random_state.key_initializer(self.seed),
            trainable=False,
            aggregation="only_first_replica",
            name="random_state",
        )
        self._home = os.getpid()
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
        foreign = self._namespace(batch.leaves, step) is not keras_ops
        if foreign or can_skip_keras_call(self, batch.leaves):
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
        random_state.check_step(self.random_state, step, self._home)
        ops = self._namespace(batch.leaves, step)
        transformation = self._draw(batch, step, ops)
        return self._mix(batch, None, transformation, ops)

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
        random_state.check_step(self.random_state, step, self._home)
        ops = self._namespace(batch.leaves + partners.leaves, step)
        transformation = self._draw(batch, step, ops)
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
        batches.check_batch(batch)
        # Integer labels need `num_classes` only where they are mixed.
        self.check(batch, batch)
        random_state.check_step(self.random_state, step, self._home)
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
        given = {k: namespaces.adopt(v, ops) for k, v in transformation.items()}
        # Rows that a caller may have chosen: `take_partners` knows nothing of them.
        partners = applying.map_batch(
            lambda leaf: mixing.take_rows(leaf, given["partner"], ops), batch
        )
        return self._mix(batch, partners, given, ops)

    def pair_batch(self, data, partner_data=None, features=None):
        """Draws for a batch inside a model, which mixes its rows and has its own loss.

        Counts as a call.

        Args:
            data: `(x, y, sample_weight)`, structures of tensors of the running backend;
                labels of any dtype, and weights that may be None.
            partner_data: The same for the rows' partners; None draws the partners from
                the batch itself.
            features: `keras.KerasTensor`s of what a hidden layer makes of `x`, if that
                is to be mixed; None mixes `x`.

        Returns:
            A `PairedBatch`.

        Raises:
            ValueError: If what is to be mixed cannot be mixed.
        """
        ops, hidden = keras_ops, features is not None
        batch = batches.Batch(data[0], data[1], None, data[2], None)
        batches.check_batch(batch, ids_allowed=hidden)
        mixed = batch
        if hidden:
            mixed = dataclasses.replace(batch, inputs=features)
            batches.check_batch(mixed)
        self.check(batch, mixed)
        if partner_data is not None:
            x, y, sample_weight = partner_data
            partners = batches.Batch(x, y, None, sample_weight, None)
            _check_same_shapes(batch, partners)
        transformation = self._draw(batch, None, ops, mixed)
        return PairedBatch(self, batch, mixed, partner_data, transformation, ops)

    def skip(self):
        """Counts a call that draws nothing."""
        random_state.state_at(self.random_state, None)

    # What a subclass says ----------------------------------------------------

    def check(self, batch, mixed):
        """Refuses a `Batch` that this way of mixing cannot take.

        Args:
            batch: The `Batch`.
            mixed: The same, its inputs being what is mixed: the batch's own inputs, or
                symbolic tensors of hidden features.
        """

    def draw(self, batch, mixed, state, ops):
        """Returns a transformation for a `Batch`.

        Args:
            batch: The `Batch` whose rows are paired.
            mixed: The same, its inputs being what is mixed: the batch's own inputs, or
                symbolic tensors of hidden features.
            state: int32 of shape `(3,)`: two key words and the step.
            ops: The namespace of the batch.
        """
        raise NotImplementedError

    def take_partners(self, leaf, transformation, ops):
        """Returns the partners' rows of a leaf, as `draw` has chosen them."""
        return mixing.take_rows(leaf, transformation["partner"], ops)

    def mix_batch(self, batch, others, transformation, ops):
        """Returns a `Batch` mixed with its partners, as the caller packs it.

        The partners are the rows `transformation["partner"]` of the `Batch` `others`,
        or row i where that is None.
        """
        raise NotImplementedError

    def mix_inputs(self, inputs, others, transformation, ops):
        """Returns a structure of inputs or features mixed with rows of another."""
        raise NotImplementedError

    def pair_labels(self, batch, partners, transformation, ops):
        """Returns the labels and weights of mixed rows as `LabelPairs`."""
        raise NotImplementedError

    def transformation_shapes(self, num_rows):
        """Returns the shapes of a transformation's entries for a batch of B rows."""
        return {
            "partner": (num_rows,),
            "coefficients": (num_rows, self.num_interpolations),
        }

    def output_spec(self, batch):
        """Returns the symbolic batch that mixing a symbolic `Batch` gives."""
        return applying.output_spec(self, batch)

    # Inside -------------------------------------------------------------------

    def _draw(self, batch, step, ops, mixed=None):
        state = random_state.state_at(self.random_state, step)
        try:
            return self.draw(batch, mixed or batch, state, ops)
        except Exception:
            # The caller's own `pairing` may fail: then nothing has been drawn.
            if step is None:
                random_state.take_back(self.random_state, state)
            raise

    def _mix(self, batch, partners, transformation, ops):
        num_rows = ops.shape(batches.leaves_of(batch.inputs)[0])[0]

        def first(structure):
            return applying.first_pairs(self, structure, num_rows, ops)

        transformation = first(transformation)
        if partners is None:
            others, transformation = self.locate_partners(
                applying.map_batch, batch, transformation, ops
            )
        else:
            others = applying.map_batch(first, partners)
            transformation = transformation | {"partner": None}
        batch = applying.map_batch(first, batch)
        return self.mix_batch(batch, others, transformation, ops)

    def locate_partners(self, map_over, structure, transformation, ops):
        """Returns where the partners are, and the transformation that says so.

        Those are the structure itself and the rows that the transformation names; or,
        where a compiler may have laid the batch out over devices, the partners' rows,
        taken as the pairing knows best.
        """
        if not namespaces.may_be_sharded(ops):
            return structure, transformation
        taken = map_over(
            lambda leaf: self.take_partners(leaf, transformation, ops), structure
        )
        return taken, transformation | {"partner": None}

    def _namespace(self, leaves, step=None):
        # A step that is traced leaves no choice: its draws are made where it is.
        traced = namespaces.is_tensor(step) and namespaces.concrete(step) is None
        return namespaces.namespace_of([*leaves, step] if traced else leaves)

    def _validate(self, batch):
        batches.check_batch(batch)
        encoded = (batch.labels, batch.masks)
        labels.check_labels(encoded, self.num_classes, batch.inputs)
        self.check(batch, batch)

    # Keras --------------------------------------------------------------------

    def compute_output_spec(
        self, x, y=None, sample_weight=None, training=True, step=None
    ):
        """Returns the symbolic mixed batch, without drawing anything."""
        batch = batches.split(x, y, sample_weight)
        if training is False:
            return batch.pack(*batch.parts)
        return self.output_spec(batch)

    def compute_mask(self, inputs, previous_mask=None):
        """Returns None: a mask of the rows before mixing says nothing of the mixed."""
        return None

    def __reduce__(self):
        # A copy in a worker process has to know that it is one.
        return _rebuilt, (*super().__reduce__(), self._home)

    def get_config(self):
        """Returns the arguments that make a layer with the same stream."""
        config = super().get_config()
        config.pop("autocast", None)
        return config | {"seed": self.seed}

    def save_own_variables(self, store):
        """Saves the random state: nothing else of a mixing layer is worth keeping."""
        store["0"] = self.random_state.numpy()

    def load_own_variables(self, store):
        """Loads the random state."""
        if set(store.keys()) != {"0"}:
            raise invalid(
                f"saved state of layer {self.name!r}",
                expected="one variable, its random state",
                received=f"{len(store.keys())} variables",
                fix="load the file into the model that it was saved from",
            )
        self.random_state.assign(store["0"])


def _rebuilt(rebuild, arguments, home):
    layer = rebuild(*arguments)
    layer._home = home
    return layer


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
        map(batches.same_shape, shapes, partner_shapes)
    ):
        raise invalid(
            "`partner_data`",
            expected=f"parts shaped like those of `data`, {shapes}",
            received=f"{partner_shapes}",
            fix="batch both datasets alike, for instance with `drop_remainder=True`",
        )

"""What all mixing layers are: call forms, random state, what a model needs."""

import dataclasses
import os
from typing import Any

import keras
from keras import ops as keras_ops

from keras_multimix import batches, label_checks, namespaces, runtime, tracing, unmixed
from keras_multimix.annotations import Ops, State, Structure, Transformation
from keras_multimix.arguments import Fixed, check_dtype, invalid, resolve_seed
from keras_multimix.batches import Batch
from keras_multimix.keras_fixes.skip_call import can_skip_keras_call
from keras_multimix.layers import random_state, shapes
from keras_multimix.layers.mixture import Mixture
from keras_multimix.layers.transformations import check_transformation
from keras_multimix.shown import ShowsArguments


class MixingLayer(ShowsArguments, keras.layers.Layer):
    """Base class of the layers that mix each row of a batch with a partner.

    A subclass sets what `PairMixingLayer` takes, and says how to draw and mix.

    Args:
        seed: An integer of up to 64 bits; None draws one when the layer is made.
        **kwargs: `name` and `dtype` of the layer, a floating-point one.
    """

    seed = Fixed("make a new layer with that seed")

    def __init__(self, *, seed: int | None = None, **kwargs):
        check_dtype(kwargs.get("dtype"))
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

    @runtime.without_autograph
    def __call__(
        self,
        x: Structure,
        y: Structure = None,
        sample_weight: Structure = None,
        *,
        training: bool | None = None,
        step: Any = None,
    ):
        """Mixes a batch.

        Args:
            x: The inputs, or the whole batch: see `call`.
            y: The labels, or None.
            sample_weight: Weights of the rows, or None.
            training: False returns the batch as it is. Default: True, or what the
                model that holds the layer is doing.
            step: The number of the draw; None counts the layer's calls.
        """
        batch = self._split(x, y, sample_weight)
        # Refused here, before Keras turns lists into tensors or traces anything.
        if training is not False:
            self._validate(batch)
        # NumPy batches, and tf.data's under another backend, stay what they are.
        ops = self._namespace(batch.leaves, step)
        if ops is not keras_ops or can_skip_keras_call(self, batch.leaves):
            if training is False:
                return batch.pack(*batch.parts)
            return self._mixture(batch, step, ops).batch()
        # Left out, `training` is what the model around the layer is doing.
        given = {} if training is None else {"training": training}
        return super().__call__(x, y, sample_weight, step=step, **given)

    def call(self, x, y=None, sample_weight=None, training=True, step=None):
        """Mixes a batch that has been checked; `__call__` has the arguments."""
        batch = self._split(x, y, sample_weight)
        if not training:
            return batch.pack(*batch.parts)
        ops = self._namespace(batch.leaves, step)
        return self._mixture(batch, step, ops).batch()

    @runtime.without_autograph
    def mix_pairs(
        self,
        data: Structure,
        partner_data: Structure,
        training: bool | None = True,
        step: Any = None,
    ):
        """Mixes row i of one batch with row i of another.

        Use it for pairs drawn elsewhere, as by two zipped datasets or `NeighborPairs`.

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
        batch, partners = self._split(data), self._split(partner_data)
        if not training:
            return data
        self._validate(batch)
        self._validate(partners)
        shapes.check_same_shapes(batch, partners)
        ops = self._namespace(batch.leaves + partners.leaves, step)
        return self._mixture(batch, step, ops, partners=partners).batch()

    @runtime.without_autograph
    def get_random_transformation(
        self,
        data: Structure,
        training: bool | None = True,
        step: Any = None,
    ):
        """Draws the partners and coefficients for a batch, without mixing it.

        Args:
            data: A batch: `(x, y)`, `(x, y, sample_weight)`, a dict, or `x` alone.
            training: False draws nothing.
            step: The number of the draw; None counts it as a call.

        Returns:
            A dict for `apply`: `"partner"`, integers `(B,)`, and `"coefficients"`,
            float32 `(B, K)`; with `CutMix` also `"boxes"`, int32 `(B, K, 4)`: top,
            left, height, width (n starts and n lengths with n `axes`); with `RandomMix`
            also `"choice"`, int32, the number of a layer or -1 (no mixing): a scalar,
            or `(B,)` with `per="row"`. None if not `training`.

        Raises:
            ValueError: If the batch cannot be mixed.
        """
        if not training:
            return None
        batch = self._split(data)
        batches.check_batch(batch)
        # Integer labels need `num_classes` only where they are mixed.
        self._check(batch, batch)
        ops = self._namespace(batch.leaves, step)
        random_state.check_step(step, self._home)
        drawn = self._draw(batch, batch, step, ops)
        # The caller may write to it; the layer keeps what it has drawn.
        return {key: ops.copy(value) for key, value in drawn.items()}

    @runtime.without_autograph
    def apply(self, data: Structure, transformation: Transformation):
        """Mixes a batch with given partners and coefficients.

        Args:
            data: A batch: `(x, y)`, `(x, y, sample_weight)`, a dict, or `x` alone.
            transformation: What `get_random_transformation` returned, or a dict of
                your own like it, of arrays; None leaves the batch as it is.

        Returns:
            The mixed batch, in the structure of `data`.

        Raises:
            ValueError: If the batch cannot be mixed or the transformation does not
                fit it.
        """
        if transformation is None:
            return data
        batch = self._split(data)
        self._validate(batch)
        check_transformation(transformation, self, batch)
        ops = namespaces.namespace_of(batch.leaves)
        given = {k: tracing.convert_to(v, ops) for k, v in transformation.items()}
        return Mixture(self, batch, given, ops, chosen=True).batch()

    def _mixture_in_model(self, data, partner_data=None, features=None):
        """Draws for a batch inside a model, which mixes its rows and has its own loss.

        Counts as a call.

        Args:
            data: `(x, y, sample_weight)`, structures of tensors of the running backend;
                labels of any dtype, and weights that may be None.
            partner_data: The same for the rows' partners; None draws the partners from
                the batch itself.
            features: Symbolic tensors of hidden features to mix; None mixes `x`.

        Returns:
            A `Mixture`.

        Raises:
            ValueError: If what is to be mixed cannot be mixed.
        """
        batch = unmixed.set_aside(batches.of_model(data), self.unmixed)
        batches.check_batch(batch, inputs_stay=features is not None)
        mixed = batch
        if features is not None:
            mixed = dataclasses.replace(batch, inputs=features)
            batches.check_batch(mixed)
        self._check(batch, mixed)
        if self.mix_labels == "union":
            label_checks.check_union(batch.labels)
        partners = None
        if partner_data is not None:
            partners = unmixed.set_aside(batches.of_model(partner_data), self.unmixed)
            shapes.check_same_shapes(batch, partners)
        drawn = self._draw(batch, mixed, None, keras_ops)
        return Mixture(
            self, batch, drawn, keras_ops, partners=partners, features=features
        )

    def _skip(self):
        """Counts a call that draws nothing."""
        random_state.state_at(self.random_state, None)

    # What a subclass says ----------------------------------------------------

    _reads_layout = False  # whether it matters where images have their channels

    def _check(self, batch: Batch, mixed):
        """Refuses a `Batch` that this way of mixing cannot take.

        Args:
            batch: The `Batch`.
            mixed: The same, its inputs being what is mixed: the batch's own inputs, or
                symbolic tensors of hidden features.
        """

    def _sample_transformation(self, batch: Batch, mixed, state: State, ops: Ops):
        """Returns a transformation for a `Batch`.

        Args:
            batch: The `Batch` whose rows are paired.
            mixed: The same, its inputs being what is mixed: the batch's own inputs, or
                symbolic tensors of hidden features.
            state: int32 of shape `(3,)`: two key words and the step.
            ops: The namespace of the batch.
        """
        raise NotImplementedError

    def _by_choice(self, function, transformation: Transformation, ops: Ops):
        """Returns what a function makes of the layer that a transformation chose.

        Args:
            function: A function of a `PairMixingLayer`.
            transformation: A dict of tensors, as `_sample_transformation` returns it.
            ops: The namespace of the transformation.
        """
        return function(self)

    def _transformation_shapes(self, num_rows):
        """Returns the shapes of a transformation's entries for a batch of B rows."""
        return {
            "partner": (num_rows,),
            "coefficients": (num_rows, self.num_interpolations),
        }

    def _output_spec(self, batch: Batch):
        """Returns the symbolic batch that mixing a symbolic `Batch` gives."""
        return shapes.output_spec(self, batch)

    # Inside -------------------------------------------------------------------

    def _split(self, *args):
        return unmixed.set_aside(batches.split(*args), self.unmixed)

    def _mixture(self, batch: Batch, step, ops: Ops, partners=None):
        random_state.check_step(step, self._home)
        drawn = self._draw(batch, batch, step, ops)
        return Mixture(self, batch, drawn, ops, partners=partners)

    def _draw(self, batch: Batch, mixed, step, ops: Ops):
        state = random_state.state_at(self.random_state, step)
        try:
            return self._sample_transformation(batch, mixed, state, ops)
        except Exception:
            # The caller's own `pairing` may fail: then nothing has been drawn.
            if step is None:
                random_state.take_back(self.random_state, state)
            raise

    def _namespace(self, leaves, step=None):
        # A step that is traced leaves no choice: its draws are made where it is.
        number = namespaces.is_tensor(step) and "int" in str(step.dtype)
        traced = number and tracing.to_numpy_or_none(step) is None
        return namespaces.namespace_of([*leaves, step] if traced else leaves)

    def _validate(self, batch: Batch):
        batches.check_batch(batch)
        label_checks.check(batch, self.num_classes, self.data_format)
        self._check(batch, batch)

    # Keras --------------------------------------------------------------------

    def compute_output_spec(
        self, x, y=None, sample_weight=None, training=True, step=None
    ):
        """Returns the symbolic mixed batch, without drawing anything."""
        batch = self._split(x, y, sample_weight)
        if training is False:
            return batch.pack(*batch.parts)
        return self._output_spec(batch)

    def compute_mask(self, inputs: Structure, previous_mask=None):
        """Returns None: a mask of the unmixed rows does not fit the mixed rows."""
        return None

    def __reduce__(self):
        # A copy in a worker process has to know that it is one.
        return _rebuilt, (*super().__reduce__(), self._home)

    def get_config(self):
        """Returns the arguments that make a layer with the same stream."""
        config = super().get_config() | {"seed": self.seed}
        config.pop("autocast", None)
        return config

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

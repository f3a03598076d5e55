"""A model that trains another on mixed batches."""

import contextlib
import functools

import keras

from keras_multimix import namespaces
from keras_multimix.errors import invalid
from keras_multimix.keras_fixes import jax_state
from keras_multimix.keras_fixes.saving import ResumableModel
from keras_multimix.layers.mixing_layer import MixingLayer
from keras_multimix.models.mixup import (
    cut_points,
    hidden_mixing,
    microbatches,
    pair_loss,
    torch_ddp,
    train_functions,
    zipped_batches,
)
from keras_multimix.models.mixup.microbatches import StepParts
from keras_multimix.models.nested_config import rebuilt
from keras_multimix.paired_labels import PairedLabels


@keras.saving.register_keras_serializable(package="keras_multimix")
class MixupModel(ResumableModel):
    """Trains any Keras model on mixed batches, with its own labels and loss.

    Each training step mixes the batch and takes as the loss of a mixed row
    `λ * loss(ŷ, y) + (1 - λ) * loss(ŷ, y_partner)`. So integer labels, sparse losses,
    regression and several outputs work as they are; for losses that are linear in the
    target, such as cross-entropy, it equals mixing the labels. Train metrics are
    weighted likewise. `evaluate`, `predict` and calling the model never mix.

    Args:
        base_model: The model to train: any `keras.Model` that does not override
            `train_step` or `compute_loss`.
        mixer: A mixing layer: `MixUp`, `MultiMix`, `CutMix` or `RandomMix`. Its
            `num_classes` is not needed.
        mix_at: Where to mix: a list of names of layers of a functional or sequential
            `base_model`, after which everything is mixed, and `"input"`. Each step
            draws one. What lies below it runs once on the rows of the batch, what
            lies above on the mixed rows. None mixes the inputs.
        interpolations_at_once: How many of a pair's K interpolations a step runs
            through the model at a time, a divisor of K. With 1 a step needs little more
            memory than a plain one, and its optimizer has to accumulate the gradients
            of all K parts, `gradient_accumulation_steps=K`. The weights become those
            of a step on all K at once, to rounding, but for dropout, batch
            normalization, and losses that divide by the sum of the weights, which
            look at a part. What lies below a hidden layer runs again for each part,
            and a plain step of a schedule as often. Not under `tf.distribute`, where
            no Keras optimizer accumulates. None runs all K at once.
        **kwargs: `name` and other arguments of `keras.Model`.

    Call arguments:
        x: What `base_model` takes.
        training: As for `base_model`.

    Returns:
        What `base_model` returns.

    Raises:
        ValueError: If `base_model` is no Keras model or has a training step of its
            own, `mixer` is no mixing layer, `mix_at` names a layer that is not there
            or that a connection passes by, or `interpolations_at_once` does not
            divide K. In `fit`: for an optimizer that does not accumulate the
            gradients of a step's parts, without targets, and for batches that the
            mixer refuses; integer token ids among them, unless they are mixed after
            their embedding.

    References:
        The loss: Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR
        2018, in its authors' code. K interpolations: Shen et al., "Mixup Augmentation
        with Multiple Interpolations", 2024. `mix_at`: Verma et al., "Manifold Mixup:
        Better Representations by Interpolating Hidden States", ICML 2019.

    Example:

    >>> import keras, numpy as np
    >>> from keras_multimix import MixupModel, MultiMix
    >>> base_model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    >>> model = MixupModel(base_model, MultiMix(alpha=0.2, num_interpolations=5))
    >>> loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    >>> model.compile("sgd", loss, metrics=["accuracy"])
    >>> x, y = np.ones((6, 4), "float32"), np.array([0, 1, 2, 0, 1, 2])
    >>> history = model.fit(x, y, verbose=0)
    >>> sorted(history.history)
    ['accuracy', 'loss']
    """

    def __init__(
        self, base_model, mixer, mix_at=None, interpolations_at_once=None, **kwargs
    ):
        _check_base_model(base_model)
        if not isinstance(mixer, MixingLayer):
            raise invalid(
                "argument `mixer`",
                expected="a mixing layer of this library",
                received=f"{mixer!r:.80}",
                fix="pass for instance `MixUp(alpha=0.2)` or `MultiMix()`",
            )
        points = _check_points(base_model, mix_at)
        parts = microbatches.check_at_once(
            interpolations_at_once, mixer.num_interpolations
        )
        super().__init__(**kwargs)
        self.base_model = base_model
        self.mixer = mixer
        self.mix_at = points
        self.interpolations_at_once = interpolations_at_once
        self._num_parts = parts
        self.mixing = True
        self.step_kind = None
        self.train_through(None)
        # Looking through a large graph costs more than a small step.
        self._cut_at = functools.cache(functools.partial(cut_points.find, base_model))
        self._before_training = jax_state.Snapshot()
        if base_model.built:
            self.built = True

    def call(self, x, training=None):
        """Returns the base model's predictions, never mixed."""
        x = zipped_batches.own_inputs(x, self._num_inputs)
        forward = self._training_forward if training else None
        with hidden_mixing.forward_pass():
            # Keras drops `training` where the base model's `call` takes none.
            return (forward or self.base_model)(x, training=training)

    def train_through(self, wrapper):
        """Sends the forward passes of training through a wrapper of the base model.

        For `DistributedDataParallel`, which averages the gradients over the ranks of
        `torch.distributed` where the forward pass goes through it. Each rank then
        calls `fit` with its own share of the rows, an equal number of batches each.
        Validation, `predict` and saving use the base model itself.

        Args:
            wrapper: `torch.nn.parallel.DistributedDataParallel(model.base_model)`;
                None goes back to the base model.

        Raises:
            ValueError: If it wraps no or another model, or PyTorch does not run.
        """
        torch_ddp.check_wrapper(wrapper, self.base_model)
        # As a method: PyTorch would take a module for a second part of this model.
        self._training_forward = None if wrapper is None else wrapper.__call__

    @property
    def output_names(self):
        """The names of the base model's outputs, where it names them."""
        return self.base_model.output_names

    def fit(self, x=None, y=None, *args, **kwargs):
        """Trains on mixed batches, with the arguments of `keras.Model.fit`.

        A dataset may give pairs of batches, `((x, y), (partner_x, partner_y))`, as two
        datasets zipped and `NeighborPairs` do: row i of one is mixed with row i of the
        other. (Not for a subclassed `base_model`, which does not say how many inputs
        it has.)
        """
        if y is None and _is_arrays(x):
            raise _no_targets()
        torch_ddp.warn_if_apart(self._training_forward)
        try:
            with self._before_training.guarding(self):
                return super().fit(x, y, *args, **kwargs)
        finally:
            # What a schedule has set does not outlast the training, however it ended.
            self.mixing = True
            if getattr(self.mixer, "alpha_is_variable", False):
                self.mixer.use_alpha(None)

    def make_train_function(self, force=False):
        """Compiles the training step, with the arguments of `keras.Model`'s."""
        microbatches.check_training(self, self._num_parts)
        if self.train_function is not None and not force:
            return

        def build():
            before = self.train_function
            super(MixupModel, self).make_train_function(force=True)
            built, self.train_function = self.train_function, before
            return built

        self.train_function = train_functions.choosing(self, build)
        if keras.backend.backend() == "jax":
            # By now `fit` has built everything and taken nothing apart.
            optimizer = self.optimizer.variables if self.optimizer else []
            self._before_training.take(
                [*self.variables, *self.metrics_variables, *optimizer]
            )

    @property
    def draws_mixing_points(self):
        """Whether every step draws one of several points to mix at."""
        return self.mixing and len(self.mix_at or ()) > 1

    def next_step_kind(self, random_state):
        """Returns the kind of the step that has a random state: where it mixes."""
        if not self.mixing:
            return train_functions.PLAIN
        points = self.mix_at or (cut_points.INPUT,)
        if len(points) == 1:
            return points[0]
        state = namespaces.concrete(random_state)
        return points[train_functions.draw_point(state, len(points))]

    def train_step(self, *args):
        """Mixes one batch and trains on it."""
        keras_step = super().train_step
        if keras.backend.backend() != "jax":
            (data,) = args
            parts = self._prepare(self.step_kind, data)

            def train_on(number):
                data, hidden = parts.of(number)
                with hidden_mixing.step(hidden):
                    return keras_step(data)

            if parts.count == 1:
                return train_on(0)
            microbatches.run(parts.count, train_on)
            return self.get_metrics_result()
        # Under JAX a step is a pure function: the count of the mixer's calls is read
        # from its state and handed on with it.
        state, ((kind, data),) = args[0], args[1].items()
        parts, updated = jax_state.run_in_state(
            lambda: self._prepare(kind, data), self.non_trainable_variables, state[1]
        )

        def train_from(state, number):
            data, hidden = parts.of(number)
            with hidden_mixing.step(hidden):
                return keras_step(state, data)

        state = (state[0], updated, *state[2:])
        return microbatches.run_in_state(parts.count, train_from, state)

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        """Returns the loss: of a mixed row, that of both its labels, weighted by λ."""
        x, y, sample_weight = self._own(x, y, sample_weight)
        self._require_targets(y)
        if isinstance(y, PairedLabels):
            output_names = getattr(self.base_model, "output_names", None)
            stacked = pair_loss.stack_predictions(y_pred)
            sample_weight = pair_loss.loss_weights(y, stacked, self.loss, output_names)
            y, y_pred = pair_loss.stack_labels(y, y_pred), stacked
        return super().compute_loss(
            x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=training
        )

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Updates the metrics; of mixed rows, weighted by λ and 1 − λ."""
        x, y, sample_weight = self._own(x, y, sample_weight)
        self._require_targets(y)
        if not isinstance(y, PairedLabels):
            return super().compute_metrics(x, y, y_pred, sample_weight)
        pairs = y
        y = pair_loss.stack_labels(pairs, y_pred)
        y_pred = pair_loss.stack_predictions(y_pred)
        weights = pair_loss.stack_weights(pairs)
        with self._weighting_metrics(pairs, y, y_pred):
            return super().compute_metrics(x, y, y_pred, weights)

    def _prepare(self, kind, data):
        """Returns the `StepParts` to train on."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        given = zipped_batches.split(x, y, self._num_inputs)
        own, partners = ((x, y, sample_weight), None) if given is None else given
        if own[1] is None:
            raise _no_targets()
        count = self._num_parts
        if kind == train_functions.PLAIN:
            self.mixer.skip()
            # The optimizer waits for as many parts as a mixed step has.
            return StepParts(count, lambda number: (own, None))
        if kind == cut_points.INPUT:
            whole = self.mixer.pair_batch(own, partners)

            def mixed(number):
                pairs = whole.part(number, count)
                x = pairs.mix(own[0], partners and partners[0])
                return (x, pairs.labels), None

            return StepParts(count, mixed)
        cut_points.build(self.base_model, own[0])
        cut = self._cut_at(kind)
        features = cut_points.features(cut.operation)
        whole = self.mixer.pair_batch(own, partners, features=features)
        x = own[0]
        if partners is not None:
            x = zipped_batches.stacked(x, partners[0])

        def mixed_inside(number):
            pairs = whole.part(number, count)
            return (x, pairs.labels), hidden_mixing.HiddenMixing(cut, pairs)

        return StepParts(count, mixed_inside)

    @property
    def _num_inputs(self):
        return zipped_batches.num_inputs(self.base_model)

    def _own(self, x, y, sample_weight):
        """Leaves the partners out where batches of pairs are not mixed."""
        given = zipped_batches.split(x, y, self._num_inputs)
        return (x, y, sample_weight) if given is None else given[0]

    def _require_targets(self, y):
        # Keras asks for the loss of a first batch before any step runs.
        if y is None and self.loss is not None:
            raise _no_targets()

    @contextlib.contextmanager
    def _weighting_metrics(self, pairs, y, y_pred):
        """Weights every metric of `compile` by λ, those without weights too."""
        metrics = []
        for group in self.metrics:
            if hasattr(group, "metrics"):  # what `compile` made of its metrics
                if not group.built:
                    group.build(y, y_pred)
                metrics += group.metrics
        for metric in metrics:
            metric.update_state = _weighted(metric, pairs)
        try:
            yield
        finally:
            for metric in metrics:
                del metric.update_state

    def get_config(self):
        """Returns the base model and the mixer, serialized."""
        config = keras.Layer.get_config(self)
        if self.mix_at is not None:
            config["mix_at"] = list(self.mix_at)
        if self.interpolations_at_once is not None:
            config["interpolations_at_once"] = self.interpolations_at_once
        return config | {
            "base_model": keras.saving.serialize_keras_object(self.base_model),
            "mixer": keras.saving.serialize_keras_object(self.mixer),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Returns a model made from what `get_config` returned."""
        return cls(**rebuilt(config, ("base_model", "mixer"), custom_objects))


def _weighted(metric, pairs):
    update_state = metric.update_state

    def update_weighted(y_true, y_pred, sample_weight=None):
        weights = pair_loss.metric_weights(pairs, y_pred, sample_weight)
        return update_state(y_true, y_pred, sample_weight=weights)

    return update_weighted


def _is_arrays(x):
    leaves = keras.tree.flatten(x) if isinstance(x, (list, tuple, dict)) else [x]
    return all(hasattr(leaf, "shape") for leaf in leaves)


def _check_points(base_model, mix_at):
    if mix_at is None:
        return None
    names = tuple(mix_at) if isinstance(mix_at, (list, tuple)) else ()
    if not (names and all(isinstance(n, str) for n in names)) or (
        len(set(names)) != len(names)
    ):
        raise invalid(
            "argument `mix_at`",
            expected='a list of different names of layers, or "input", or None',
            received=f"mix_at={mix_at!r:.80}",
            fix='pass for instance `["input", "block1_out"]`',
        )
    for name in names:
        if name != cut_points.INPUT:
            cut_points.find(base_model, name)
    return names


def _no_targets():
    return invalid(
        "batch for `MixupModel`",
        expected="inputs and targets",
        received="no targets",
        fix="pass `fit(x, y)`, or a dataset of `(x, y)` batches",
    )


def _check_base_model(base_model):
    if not isinstance(base_model, keras.Model):
        raise invalid(
            "argument `base_model`",
            expected="a keras.Model",
            received=f"{base_model!r:.80}",
            fix="wrap layers in `keras.Sequential([...])`",
        )
    for method in ("train_step", "compute_loss", "compute_metrics"):
        if getattr(type(base_model), method) is not getattr(keras.Model, method):
            raise invalid(
                "argument `base_model`",
                expected="a model that Keras' own training step trains",
                received=f"{type(base_model).__name__}, whose own `{method}` would "
                "be bypassed",
                fix="pass its own `base_model`"
                if isinstance(base_model, MixupModel)
                else "mix in the input pipeline instead, "
                "`dataset.map(MixUp(num_classes=…))`, and call its own `fit`",
            )

"""A model that trains another on mixed batches."""

import functools

import keras

from keras_multimix import tracing
from keras_multimix.annotations import State
from keras_multimix.keras_fixes import compiled
from keras_multimix.keras_fixes.failed_fit import Snapshot
from keras_multimix.keras_fixes.saving import ResumableModel
from keras_multimix.labels import LabelPairs
from keras_multimix.layers.random_state import unmoved_by_errors
from keras_multimix.models.mixup import (
    checks,
    cut_points,
    hidden_mixing,
    microbatches,
    pair_loss,
    summary,
    torch_ddp,
    train_functions,
    weighted_metrics,
    whole_steps,
    zipped_batches,
)
from keras_multimix.models.nested_config import rebuilt
from keras_multimix.models.stateless_call import stateless_call


@keras.saving.register_keras_serializable(package="keras_multimix")
class MixupModel(summary.Summary, ResumableModel):
    """Trains any Keras model on mixed batches, with its own labels and loss.

    Each training step mixes the batch and takes as the loss of a mixed row
    `λ * loss(ŷ, y) + (1 - λ) * loss(ŷ, y_partner)`. So integer labels, sparse losses,
    regression and several outputs work as they are; for losses that are linear in the
    target, such as cross-entropy, it equals mixing the labels. A loss that gives one
    value for the whole batch, such as `Dice`, needs `sampling="shared"` in the mixer.
    `evaluate`, `predict` and calling the model never mix.

    Train metrics see each mixed row with both labels, weighted by λ and 1 − λ: even a
    perfect model's accuracy is the mean of max(λ, 1 − λ), 0.84 at α = 0.4, 0.75 at
    α = 1. `evaluate(x_train, y_train)` gives the accuracy on the rows themselves. A
    metric that cannot weight rows, such as a function that returns one number for the
    batch, sees each mixed row once, with the label that weighs more.

    Args:
        base_model: The model to train: any `keras.Model` that does not override
            `train_step`, `compute_loss` or `compute_metrics`.
        mixer: A mixing layer: `MixUp`, `MultiMix`, `RegMixup`, `CutMix` or `RandomMix`.
            It needs no `num_classes`, because the loss takes both labels.
        mix_at: Where to mix: a list of layers of a functional or sequential
            `base_model`, or of their names, whose output is mixed, and `"input"`. The
            numbers in Keras' own names, `"embedding_1"`, may change: so name a layer,
            or pass the layer. Each step draws one place. The layers below it run once,
            on the rows of the batch; those above it run on the mixed rows. None mixes
            the inputs.
        interpolations_at_once: How many of a pair's K interpolations a step runs
            through the model at a time, a divisor of K; None runs all at once. With 1 a
            step needs little more memory than a plain one, and its optimizer has to
            accumulate the gradients of all K parts, `gradient_accumulation_steps=K`. To
            rounding, training gives the weights of a step on all K at once. Exceptions
            are dropout, batch normalization, and losses that divide by the sum of the
            sample weights: they see one part at a time. Layers below a mixing place and
            plain steps of a schedule run again for each part. The optimizer's schedule
            of learning rates is set to count whole steps. `tf.distribute` is refused:
            there no Keras optimizer accumulates.
        **kwargs: `name` and other arguments of `keras.Model`; `dtype` is by default the
            policy of `base_model`.

    Call arguments:
        x: What `base_model` takes.
        training: As for `base_model`.

    Returns:
        What `base_model` returns.

    Raises:
        ValueError: If `base_model` is no Keras model or has a training step of its
            own, `mixer` is no mixing layer, `mix_at` names a layer that is not there
            or that a connection passes by, or `interpolations_at_once` does not
            divide K. In `fit`: for a loss that gives one value for the whole batch if
            rows have different λ, for an optimizer that does not accumulate the
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
        self,
        base_model: keras.Model,
        mixer,
        mix_at: list | None = None,
        interpolations_at_once: int | None = None,
        **kwargs,
    ):
        checks.check_base_model(base_model, isinstance(base_model, MixupModel))
        checks.check_mixer(mixer)
        checks.check_layout(base_model, mixer)
        mix_at = checks.check_points(base_model, mix_at)
        num_microbatches = microbatches.count_microbatches(
            interpolations_at_once, mixer.num_interpolations
        )
        # Keras looks here whether to scale the loss for float16.
        super().__init__(**{"dtype": base_model.dtype_policy} | kwargs)
        self.base_model = base_model
        self.mixer = mixer
        self.mix_at = mix_at
        self.interpolations_at_once = interpolations_at_once
        self._num_microbatches = num_microbatches
        self.mixing = True
        self.step_kind = None
        self.train_through(None)
        # A search through a large graph costs more than a small step.
        self._cut_at = functools.cache(functools.partial(cut_points.find, base_model))
        self._before_training = Snapshot()
        self.built = base_model.built

    def call(self, x, training=None):
        """Returns the base model's predictions, never mixed."""
        x = zipped_batches.own_inputs(x, self._num_inputs)
        forward = self._training_forward if training else None
        with hidden_mixing.forward_pass():
            # Keras drops `training` where the base model's `call` takes none.
            return (forward or self.base_model)(x, training=training)

    def train_through(self, wrapper):
        """Sends the forward passes of training through a wrapper of the base model.

        `DistributedDataParallel` averages the gradients over the ranks of
        `torch.distributed` if the forward pass goes through it. Each rank then calls
        `fit` with its own share of the rows, all of them with equally many batches.
        Validation, `predict` and saving use the base model itself.

        Args:
            wrapper: `torch.nn.parallel.DistributedDataParallel(model.base_model)`.
                None goes back to the base model.

        Raises:
            ValueError: If it does not wrap `base_model`, or Keras runs without PyTorch.
        """
        torch_ddp.check_wrapper(wrapper, self.base_model)
        # The method: PyTorch would count the module as a second part of this model.
        self._training_forward = None if wrapper is None else wrapper.__call__

    @property
    def output_names(self):
        """The names of the base model's outputs, if the base model has them."""
        return self.base_model.output_names

    def fit(self, x=None, y=None, *args, **kwargs):
        """Trains on mixed batches, with the arguments of `keras.Model.fit`.

        A dataset may give pairs of batches, `((x, y), (partner_x, partner_y))`, as
        `NeighborPairs`, `SimilarLabelPairs` and two zipped datasets do. Then row i of
        one batch is mixed with row i of the other. A subclassed `base_model` cannot
        take such pairs, because it does not say how many inputs it has.
        """
        checks.require_targets_for_arrays(x, y)
        torch_ddp.warn_if_apart(self._training_forward)
        try:
            with self._before_training.guarding(self):
                return super().fit(x, y, *args, **kwargs)
        finally:  # the settings of a schedule end with the training
            self.mixing = True
            if getattr(self.mixer, "_alpha_is_variable", False):
                self.mixer._use_alpha(None)

    def export(self, filepath, *args, **kwargs):
        """Exports the base model, with the arguments of `keras.Model.export`."""
        self.base_model.export(filepath, *args, **kwargs)

    def make_train_function(self, force=False):
        """Compiles the training step, with the arguments of `keras.Model`'s."""
        microbatches.check_optimizer(self, self._num_microbatches)
        whole_steps.count_whole_steps(self.optimizer, self._num_microbatches)
        if self.train_function is not None and not force:
            return
        if weighted_metrics.count_in_floats(self):
            self.test_function = None  # it reads the matrices of before

        def build():
            before = self.train_function
            super(MixupModel, self).make_train_function(force=True)
            built, self.train_function = self.train_function, before
            return built

        self.train_function = train_functions.choose_before_each_step(self, build)
        # Now `fit` has built all variables, and has not moved their values yet.
        optimizer = self.optimizer.variables if self.optimizer else []
        self._before_training.take(
            [*self.variables, *self.metrics_variables, *optimizer]
        )

    def next_step_kind(self, random_state):
        """Returns where the step with a random state mixes, or `PLAIN`."""
        if not self.mixing:
            return train_functions.PLAIN
        points = self.mix_at or (cut_points.INPUT,)
        if len(points) == 1:
            return points[0]
        state = tracing.to_numpy_or_none(random_state)
        return points[train_functions.draw_point(state, len(points))]

    def train_step(self, *args):
        """Mixes one batch and trains on it."""
        keras_step = super().train_step
        if keras.backend.backend() != "jax":
            (data,) = args

            def train_on(number):
                data, hidden = microbatch(number)
                with hidden_mixing.step(hidden):
                    return keras_step(data)

            with unmoved_by_errors(self.mixer.random_state):
                microbatch = self._mixed_microbatches(self.step_kind, data)
                if self._num_microbatches == 1:
                    return train_on(0)
                microbatches.run(self._num_microbatches, train_on)
                return self.get_metrics_result()
        # On JAX a step is pure: the count of the mixer's calls is part of its state.
        state, ((kind, data),) = args[0], args[1].items()
        microbatch, updated = stateless_call(
            lambda: self._mixed_microbatches(kind, data),
            self.non_trainable_variables,
            state[1],
        )

        def train_from(state: State, number):
            data, hidden = microbatch(number)
            with hidden_mixing.step(hidden):
                return keras_step(state, data)

        state = (state[0], updated, *state[2:])
        return microbatches.run_statelessly(self._num_microbatches, train_from, state)

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        """Returns the loss; a mixed row's is that of both labels, weighted by λ."""
        x, y, sample_weight = self._own(x, y, sample_weight)
        checks.require_targets(y, self.loss)
        if not isinstance(y, LabelPairs):
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        pairs, y = y, pair_loss.labels_in_turn(y)
        weights = pair_loss.weights_of_outputs(pairs, y_pred, self.base_model)
        of_pairs = functools.partial(pair_loss.PairLoss, pairs=pairs)
        with compiled.replaced_losses(self, of_pairs, y, y_pred):
            return super().compute_loss(x, y, y_pred, weights, training)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Updates the metrics; mixed rows count with the weights λ and 1 − λ."""
        x, y, sample_weight = self._own(x, y, sample_weight)
        checks.require_targets(y, self.loss)
        if not isinstance(y, LabelPairs):
            return super().compute_metrics(x, y, y_pred, sample_weight)
        pairs, y = y, pair_loss.labels_in_turn(y)
        weights = pair_loss.weights_in_turn(pairs)
        with weighted_metrics.weighted(self.metrics, pairs, y, y_pred):
            return super().compute_metrics(x, y, y_pred, weights)

    def _mixed_microbatches(self, kind, data):
        """Draws for one batch.

        Args:
            kind: Where the step mixes, or `PLAIN`.
            data: The batch, or a batch and its partners' batch.

        Returns:
            A function of a microbatch's number, an integer or a scalar tensor. It
            returns the microbatch and the `HiddenMixing` of its forward pass, or None.
        """
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        zipped = zipped_batches.split(x, y, self._num_inputs)
        own, partners = ((x, y, sample_weight), None) if zipped is None else zipped
        if own[1] is None:
            raise checks.no_targets()
        x, count = own[0], self._num_microbatches
        if kind == train_functions.PLAIN:
            self.mixer._skip()
            # Repeated, because the optimizer waits for as many gradients as before.
            return lambda number: (own, None)
        if kind == cut_points.INPUT:
            whole = self.mixer._mixture_in_model(own, partners)

            def mixed(number):
                mixture = whole.part(number, count)
                mixed_x = mixture.inputs(x, partners and partners[0])
                return (mixed_x, mixture.pairs()), None

            return mixed
        cut_points.build(self.base_model, x)
        cut = self._cut_at(kind)
        features = cut_points.features(cut.operation)
        whole = self.mixer._mixture_in_model(own, partners, features=features)
        if partners is not None:
            x = zipped_batches.concatenate(x, partners[0])

        def mixed_inside(number):
            mixture = whole.part(number, count)
            return (x, mixture.pairs()), hidden_mixing.HiddenMixing(cut, mixture)

        return mixed_inside

    @property
    def _num_inputs(self):
        return zipped_batches.num_inputs(self.base_model)

    def _own(self, x, y, sample_weight):
        """Drops the partners' batch of a pair that is not mixed, as in `evaluate`."""
        zipped = zipped_batches.split(x, y, self._num_inputs)
        return (x, y, sample_weight) if zipped is None else zipped[0]

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

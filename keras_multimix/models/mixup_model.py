"""A model that trains another on mixed batches."""

import contextlib

import keras

from keras_multimix.errors import invalid
from keras_multimix.layers.mixing_layer import MixingLayer
from keras_multimix.models import jax_state, paired_loss
from keras_multimix.paired_labels import PairedLabels


@keras.saving.register_keras_serializable(package="keras_multimix")
class MixupModel(keras.Model):
    """Trains any Keras model on mixed batches, with its own labels and loss.

    Each training step mixes the batch and takes as the loss of a mixed row
    `λ * loss(ŷ, y) + (1 - λ) * loss(ŷ, y_partner)`. So integer labels, sparse losses,
    regression and several outputs work as they are; for losses that are linear in the
    target, such as cross-entropy, it equals mixing the labels. Train metrics are
    weighted likewise. `evaluate`, `predict` and calling the model never mix.

    Args:
        base_model: The model to train: any `keras.Model` that does not override
            `train_step` or `compute_loss`.
        mixer: A mixing layer: `MixUp`, `MultiMix` or `CutMix`. Its `num_classes` is
            not needed.
        **kwargs: `name` and other arguments of `keras.Model`.

    Call arguments:
        x: What `base_model` takes.
        training: As for `base_model`.

    Returns:
        What `base_model` returns.

    Raises:
        ValueError: If `base_model` is no Keras model or has a training step of its
            own, or `mixer` is no mixing layer. In `fit`: without targets, and for
            batches that the mixer refuses, integer token ids among them.

    References:
        The loss: Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR
        2018, in its authors' code. K interpolations: Shen et al., "Mixup Augmentation
        with Multiple Interpolations", 2024.

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

    def __init__(self, base_model, mixer, **kwargs):
        _check_base_model(base_model)
        if not isinstance(mixer, MixingLayer):
            raise invalid(
                "argument `mixer`",
                expected="a mixing layer of this library",
                received=f"{mixer!r:.80}",
                fix="pass for instance `MixUp(alpha=0.2)` or `MultiMix()`",
            )
        super().__init__(**kwargs)
        self.base_model = base_model
        self.mixer = mixer
        self._before_training = jax_state.Snapshot()
        if base_model.built:
            self.built = True

    def call(self, x, training=None):
        """Returns the base model's predictions, never mixed."""
        # Keras hands `training` on to the layers that a layer calls.
        return self.base_model(x)

    @property
    def output_names(self):
        """The names of the base model's outputs, where it names them."""
        return self.base_model.output_names

    def fit(self, x=None, y=None, *args, **kwargs):
        """Trains on mixed batches, with the arguments of `keras.Model.fit`."""
        if y is None and _is_arrays(x):
            raise _no_targets()
        try:
            return super().fit(x, y, *args, **kwargs)
        except BaseException:
            self._before_training.restore_lost()
            # A step whose first trace failed cannot be traced again on TensorFlow.
            self.train_function = None
            raise
        finally:
            self._before_training.clear()

    def make_train_function(self, force=False):
        """Compiles the training step, with the arguments of `keras.Model`'s."""
        super().make_train_function(force)
        if keras.backend.backend() == "jax":
            # By now `fit` has built everything and taken nothing apart.
            optimizer = self.optimizer.variables if self.optimizer else []
            self._before_training.take(
                [*self.variables, *self.metrics_variables, *optimizer]
            )

    def train_step(self, *args):
        """Mixes one batch and trains on it."""
        if keras.backend.backend() != "jax":
            (data,) = args
            return super().train_step(self._mix(data))
        # Under JAX a step is a pure function: the count of the mixer's calls is read
        # from its state and handed on with it.
        state, data = args
        mixed, updated = jax_state.run_in_state(
            lambda: self._mix(data), self.non_trainable_variables, state[1]
        )
        return super().train_step((state[0], updated, *state[2:]), mixed)

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        """Returns the loss: of a mixed row, that of both its labels, weighted by λ."""
        self._require_targets(y)
        if isinstance(y, PairedLabels):
            output_names = getattr(self.base_model, "output_names", None)
            sample_weight = paired_loss.loss_weights(y, y_pred, self.loss, output_names)
            y, y_pred = (
                paired_loss.stack_labels(y, y_pred),
                paired_loss.stack_predictions(y_pred),
            )
        return super().compute_loss(
            x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=training
        )

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Updates the metrics; of mixed rows, weighted by λ and 1 − λ."""
        self._require_targets(y)
        if not isinstance(y, PairedLabels):
            return super().compute_metrics(x, y, y_pred, sample_weight)
        pairs = y
        y = paired_loss.stack_labels(pairs, y_pred)
        y_pred = paired_loss.stack_predictions(y_pred)
        weights = paired_loss.stack_weights(pairs)
        with self._weighting_metrics(pairs, y, y_pred):
            return super().compute_metrics(x, y, y_pred, weights)

    def _mix(self, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        if y is None:
            raise _no_targets()
        return self.mixer.pair_batch(x, y, sample_weight)

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
        return config | {
            "base_model": keras.saving.serialize_keras_object(self.base_model),
            "mixer": keras.saving.serialize_keras_object(self.mixer),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Returns a model made from what `get_config` returned."""
        config = dict(config)
        for key in ("base_model", "mixer"):
            config[key] = keras.saving.deserialize_keras_object(
                config[key], custom_objects=custom_objects
            )
        return cls(**config)


def _weighted(metric, pairs):
    update_state = metric.update_state

    def update_weighted(y_true, y_pred, sample_weight=None):
        weights = paired_loss.metric_weights(pairs, y_pred, sample_weight)
        return update_state(y_true, y_pred, sample_weight=weights)

    return update_weighted


def _is_arrays(x):
    leaves = keras.tree.flatten(x) if isinstance(x, (list, tuple, dict)) else [x]
    return all(hasattr(leaf, "shape") for leaf in leaves)


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
                fix="mix in the input pipeline instead, "
                "`dataset.map(MixUp(num_classes=…))`, and call its own `fit`",
            )

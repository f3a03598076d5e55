"""A generative adversarial network whose discriminator sees mixtures."""

import keras
import numpy as np
from keras import ops

from keras_multimix import namespaces, randomness
from keras_multimix.arguments import (
    Fixed,
    check_alpha,
    check_choice,
    check_count,
    check_flag,
    resolve_seed,
)
from keras_multimix.keras_fixes.failed_fit import Snapshot
from keras_multimix.keras_fixes.saving import ResumableModel
from keras_multimix.layers import random_state
from keras_multimix.models.gan import checks, draws, keras_callbacks, losses
from keras_multimix.models.gan.gradient_step import gradient_step, without_gradient
from keras_multimix.models.gan.optimizer import GANOptimizer
from keras_multimix.models.loss_scale import (
    needs_loss_scale,
    unscaled,
    with_loss_scale,
)
from keras_multimix.models.nested_config import rebuilt
from keras_multimix.models.stateless_call import grouped, stateless_call
from keras_multimix.shown import ShowsArguments

GENERATOR_LOSSES = ("non_saturating", "min_max")
LOSSES = ("discriminator_loss", "generator_loss")
_ANEW = "make a `MixupGAN` of the same two networks with that value"


@keras.saving.register_keras_serializable(package="keras_multimix")
class MixupGAN(ShowsArguments, ResumableModel):
    """Trains a generator against a discriminator that tells how real a mixture is.

    The discriminator sees `λ·x + (1 − λ)·g(z)`, a mixture of a real row x and a
    generated row, with λ ~ Beta(α, α), and has to predict λ:

        max_g min_d E l(d(λ·x + (1 − λ)·g(z)), λ)

    where l is the binary cross-entropy. This keeps the discriminator's gradients smooth
    between the real rows and the generated rows. One training step makes
    `discriminator_steps` steps of the discriminator, all on the rows of the batch but
    each with new λ and z, and then one step of the generator.

    To each network's loss come its own regularizers and what its layers add with
    `add_loss`, as in every Keras model.

    Replicas of `tf.distribute` and ranks of `torch.distributed` draw their own z and λ,
    and make each step with the mean of their gradients.

    Args:
        generator: A `keras.Model` of one input, the standard normal latent vectors z.
            It returns rows like the data.
        discriminator: A `keras.Model` that returns one logit for each row, `(B, 1)`.
        alpha: α; 0 is the ordinary GAN, whose discriminator sees the real and the
            generated rows unmixed.
        discriminator_steps: How many steps of the discriminator a training step
            makes, 1 or more.
        generator_loss: "non_saturating" is l(d(g(z)), 1), whose gradient does not
            vanish if the discriminator wins. "min_max" is the negative of the
            discriminator's loss, as in the formula.
        from_logits: False if the discriminator ends in a sigmoid.
        seed: An integer of up to 64 bits. It gives the same z and λ on every backend.
            None draws a seed.
        **kwargs: `name` and other arguments of `keras.Model`.

    Call arguments:
        latent: z, of shape `(B, ...)`.
        training: As for the generator.

    Returns:
        The generator's output.

    Raises:
        ValueError: If an argument is out of range or the networks do not fit each
            other, before anything is trained. In `fit`, if the data have no rows or
            another shape than the generator's output, or if a loss is not finite.

    References:
        The formula, α = 0.2 and five discriminator steps: section 3.8 of Zhang et al.,
        "mixup: Beyond Empirical Risk Minimization", ICLR 2018. The non-saturating
        loss: Goodfellow et al., "Generative Adversarial Nets", NeurIPS 2014.

    Example:

    >>> import keras, numpy as np
    >>> from keras_multimix import MixupGAN
    >>> generator = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    >>> discriminator = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    >>> gan = MixupGAN(generator, discriminator, alpha=0.2)
    >>> gan.compile(keras.optimizers.Adam(1e-3), keras.optimizers.Adam(1e-3))
    >>> real = np.ones((32, 3), "float32")
    >>> history = gan.fit(real, batch_size=16, verbose=0)
    >>> sorted(history.history)
    ['discriminator_loss', 'generator_loss']
    >>> gan.generate(5, seed=0).shape
    (5, 3)
    """

    alpha = Fixed(_ANEW)
    discriminator_steps = Fixed(_ANEW)
    generator_loss = Fixed(_ANEW)
    from_logits = Fixed(_ANEW)
    seed = Fixed(_ANEW)

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        alpha: float = 0.2,
        discriminator_steps: int = 5,
        *,
        generator_loss="non_saturating",
        from_logits: bool = True,
        seed: int | None = None,
        **kwargs,
    ):
        alpha = check_alpha(alpha)
        discriminator_steps = check_count("discriminator_steps", discriminator_steps)
        check_choice("generator_loss", generator_loss, GENERATOR_LOSSES)
        check_flag("from_logits", from_logits)
        checks.check_networks(generator, discriminator, from_logits)
        seed = resolve_seed(seed)
        super().__init__(**kwargs)
        self.generator = generator
        self.discriminator = discriminator
        self.alpha = alpha
        self.discriminator_steps = discriminator_steps
        self.generator_loss = generator_loss
        self.from_logits = from_logits
        self.seed = seed
        self.random_state = self.add_weight(
            shape=(3,),
            dtype="int32",
            initializer=random_state.key_initializer(seed),
            trainable=False,
            aggregation="only_first_replica",
            name="random_state",
        )
        self._losses_of_epoch = {name: keras.metrics.Mean(name=name) for name in LOSSES}
        self._before_training = Snapshot()
        self.built = True

    def call(self, latent, training=None):
        """Returns the rows that the generator makes of latent vectors."""
        return self.generator(latent, training=training)

    def compile(self, generator_optimizer="adam", discriminator_optimizer="adam", **kw):
        """Sets both optimizers, by default Adam with Keras' own settings.

        Args:
            generator_optimizer: A Keras optimizer, or its name, with any of Keras'
                options. A learning rate's schedule counts that optimizer's own steps.
            discriminator_optimizer: Another one.
            **kw: `jit_compile`, `run_eagerly`, `steps_per_execution` and
                `auto_scale_loss` of `keras.Model.compile`. In `"mixed_float16"` both
                losses are scaled, unless `auto_scale_loss=False`.

        Raises:
            ValueError: If both are the same object, or for losses and metrics.
        """
        checks.check_compile_options(kw)
        given = (generator_optimizer, discriminator_optimizer)
        both = [keras.optimizers.get(each) for each in given]
        checks.check_optimizers(*map(unscaled, both))
        models = self, self.generator, self.discriminator
        if kw.pop("auto_scale_loss", True) and needs_loss_scale(*models):
            both = map(with_loss_scale, both)
        optimizer = GANOptimizer(*both)
        optimizer.build_both(
            self.generator.trainable_variables, self.discriminator.trainable_variables
        )
        super().compile(optimizer=optimizer, auto_scale_loss=False, **kw)

    def fit(self, x=None, *args, callbacks=None, **kwargs):
        """Trains on real rows, with the arguments of `keras.Model.fit`.

        Args:
            x: An array `(N, ...)` of real rows, or a dataset, `PyDataset` or loader
                that gives batches of them. If it gives tuples, the first entry counts.
            *args: As for `keras.Model.fit`.
            callbacks: Likewise. `LearningRateScheduler` and `ReduceLROnPlateau` change
                each optimizer's rate separately, and log `learning_rate_generator` and
                `learning_rate_discriminator`. A callback that watches a loss, such
                as `EarlyStopping`, needs `monitor="generator_loss"` (or
                `"discriminator_loss"`) and `mode="min"`.
            **kwargs: Likewise.

        Raises:
            ValueError: Before the first step, if the data, an argument or a callback
                does not fit a GAN. After an epoch, if a loss is not finite.
        """
        checks.check_fit_options(kwargs)
        if hasattr(x, "shape") or isinstance(x, (dict, list, tuple)):
            checks.check_rows(x, self.generator.output_shape)
        if self.compiled:
            callbacks = keras_callbacks.prepared(callbacks, self.optimizer, LOSSES)
        with self._before_training.guarding(self):
            return super().fit(x, *args, callbacks=callbacks, **kwargs)

    def export(self, filepath, *args, **kwargs):
        """Exports the generator, with the arguments of `keras.Model.export`."""
        self.generator.export(filepath, *args, **kwargs)

    def evaluate(self, *args, **kwargs):
        """Raises a ValueError: a GAN has no loss that rates it on other rows."""
        raise checks.no_test_loss("call of `evaluate`")

    def make_train_function(self, force=False):
        """Compiles the training step, with the arguments of `keras.Model`'s."""
        super().make_train_function(force=force)
        self._before_training.take(self._all_variables())

    def train_step(self, *args):
        """Trains on one batch of real rows."""
        if keras.backend.backend() != "jax":
            return self._train(args[0])
        # On JAX a step is a pure function of all variables' values.
        state, data = args
        values = [value for group in state for value in group]
        logs, updated = stateless_call(
            lambda: self._train(data), self._all_variables(), values
        )
        return logs, grouped(updated, state)

    def generate(self, num_rows, seed: int | None = None, batch_size: int = 256):
        """Returns rows that the generator makes.

        Args:
            num_rows: How many rows, 1 or more.
            seed: An integer that gives the same latent vectors on every backend. None
                draws a seed. The seed of training does not change.
            batch_size: How many rows the generator makes at a time.

        Returns:
            A NumPy array of shape `(num_rows, ...)`.
        """
        num_rows = check_count("num_rows", num_rows)
        batch_size = check_count("batch_size", batch_size)
        state = (*randomness.key_words(resolve_seed(seed)), np.zeros(1, "int32"))
        shape = self.generator.input_shape[1:]
        (latent,) = draws.draw_latents(state, num_rows, shape, namespaces.numpy_ops)
        starts = range(0, num_rows, batch_size)
        parts = [latent[start : start + batch_size] for start in starts]
        # Under `MirroredStrategy` Keras gives a batch's rows once for each replica.
        return np.concatenate(
            [self.generator.predict_on_batch(part)[: len(part)] for part in parts]
        )

    def _train(self, data):
        real, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        checks.check_rows(real, self.generator.output_shape)
        real = ops.cast(real, self.compute_dtype)
        variables = self.variables
        latents, coefficients = draws.draw_calls(
            self.random_state,
            self.discriminator_steps + 1,
            ops.shape(real)[0],
            self.generator.input_shape[1:],
            self.alpha,
        )
        for step in range(self.discriminator_steps):
            fake = without_gradient(
                lambda step=step: self.generator(latents[step], training=True)
            )
            of_discriminator = gradient_step(
                lambda fake=fake, step=step: losses.discriminator_loss(
                    self._penalized_loss_of, real, fake, coefficients[step]
                ),
                self.discriminator.trainable_variables,
                self.optimizer.discriminator,
                variables,
            )
        of_generator = gradient_step(
            lambda: self._loss_of_generator(real, latents[-1], coefficients[-1]),
            self.generator.trainable_variables,
            self.optimizer.generator,
            variables,
        )
        self.optimizer.iterations.assign_add(1)
        for name, value in zip(
            self._losses_of_epoch, (of_discriminator, of_generator), strict=True
        ):
            self._losses_of_epoch[name].update_state(value)
        return {name: m.result() for name, m in self._losses_of_epoch.items()}

    def _loss_of_generator(self, real, latents, coefficients):
        fake = self.generator(latents, training=True)
        kind, penalties = self.generator_loss, losses.penalties(self.generator)
        rest = (self._loss_of, real, fake, coefficients)
        return losses.generator_loss(kind, *rest) + penalties

    def _penalized_loss_of(self, rows, targets):
        return self._loss_of(rows, targets) + losses.penalties(self.discriminator)

    def _loss_of(self, rows, targets):
        outputs = self.discriminator(rows, training=True)
        return losses.cross_entropy(
            losses.logits_of(outputs, self.from_logits), targets
        )

    def _all_variables(self):
        return [
            *self.trainable_variables,
            *self.non_trainable_variables,
            *self.optimizer.variables,
            *self.metrics_variables,
        ]

    def get_config(self):
        """Returns the networks, serialized, and the other arguments."""
        serialize = keras.saving.serialize_keras_object
        return keras.Layer.get_config(self) | {
            "generator": serialize(self.generator),
            "discriminator": serialize(self.discriminator),
            "alpha": self.alpha,
            "discriminator_steps": self.discriminator_steps,
            "generator_loss": self.generator_loss,
            "from_logits": self.from_logits,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Returns a model made from what `get_config` returned."""
        return cls(**rebuilt(config, ("generator", "discriminator"), custom_objects))

    def get_compile_config(self):
        """Returns both optimizers, serialized."""
        if not self.compiled:
            return None
        serialize = keras.saving.serialize_keras_object
        return {
            "generator_optimizer": serialize(self.optimizer.generator),
            "discriminator_optimizer": serialize(self.optimizer.discriminator),
        }

    def compile_from_config(self, config):
        """Compiles the model as `get_compile_config` says."""
        # Where the loss is scaled, the optimizers that were saved do it.
        self.compile(**rebuilt(config, config), auto_scale_loss=False)

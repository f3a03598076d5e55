"""Two optimizers that Keras compiles, trains with and saves as one."""

import keras

from keras_multimix.arguments import invalid
from keras_multimix.models.gan.gradient_step import is_loss_scale
from keras_multimix.models.nested_config import rebuilt


@keras.saving.register_keras_serializable(package="keras_multimix")
class GANOptimizer(keras.optimizers.Optimizer):
    """The optimizers of a generator and of a discriminator.

    A Keras model has one optimizer: Keras passes its variables into the compiled step
    and writes them to files. This optimizer holds the two others and changes no weight
    itself. Callbacks of Keras that change learning rates or swap averages look for
    `optimizers`.

    Args:
        generator: The generator's optimizer.
        discriminator: The discriminator's optimizer.
        **kwargs: `name`.
    """

    def __init__(self, generator, discriminator, **kwargs):
        kwargs.pop("learning_rate", None)
        super().__init__(learning_rate=0.0, **kwargs)
        self.generator = generator
        self.discriminator = discriminator
        self.optimizers = []

    @property
    def variables(self):
        """This optimizer's own variables and those of both others."""
        own = super().variables
        return [*own, *self.generator.variables, *self.discriminator.variables]

    def build(self, variables):
        """Does nothing: `build_both` builds both for their own network's weights."""
        self.built = True

    def build_both(self, generator_weights, discriminator_weights):
        """Makes the variables of both optimizers for the weights that they change."""
        self.optimizers = [
            NetworkOptimizer("generator", self.generator, generator_weights),
            NetworkOptimizer(
                "discriminator", self.discriminator, discriminator_weights
            ),
        ]
        for each in self.optimizers:
            each.build()
        self.built = True

    def finalize_variable_values(self, var_list):
        """Gives the weights their averages at the end of `fit`, for `use_ema=True`."""
        for each in self.optimizers:
            each.finalize()

    @property
    def learning_rate(self):
        """The generator's learning rate. To set it sets that of both networks.

        Raises:
            ValueError: If it is set while the two networks' rates differ.
        """
        return self.generator.learning_rate

    @learning_rate.setter
    def learning_rate(self, value):
        if self.rates_differ():
            raise invalid(
                "assignment to the `learning_rate` of a GAN's optimizer",
                expected="optimizers of one learning rate",
                received="one of its own for each network",
                fix="assign to `gan.optimizer.generator.learning_rate` and to "
                "`gan.optimizer.discriminator.learning_rate`",
            )
        for each in self.optimizers:
            each.learning_rate = value

    def rates_differ(self):
        """Whether the two networks have different learning rates now."""
        rates = [each.learning_rate for each in self.optimizers]
        return len({float(keras.ops.convert_to_numpy(rate)) for rate in rates}) > 1

    def save_own_variables(self, store):
        """Saves the number of steps; Keras saves both optimizers as parts of this."""
        store["0"] = self.iterations

    def load_own_variables(self, store):
        """Loads what `save_own_variables` saved."""
        self.iterations.assign(store["0"])

    def get_config(self):
        """Returns both optimizers, serialized."""
        serialize = keras.saving.serialize_keras_object
        return {
            "name": self.name,
            "generator": serialize(self.generator),
            "discriminator": serialize(self.discriminator),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Returns an optimizer made from what `get_config` returned."""
        return cls(**rebuilt(config, ("generator", "discriminator"), custom_objects))


class NetworkOptimizer:
    """An optimizer as Keras' callbacks see it, under the name of its network.

    Callbacks log the learning rate under that name. All other attributes are those of
    the optimizer, or of the one inside of a `LossScaleOptimizer`.

    Args:
        name: The name of the network.
        optimizer: Its Keras optimizer.
        weights: The weights that the optimizer changes.
    """

    def __init__(self, name, optimizer, weights):
        self.name = name
        self._whole = optimizer
        self._optimizer = unscaled(optimizer)
        self._weights = weights

    def __getattr__(self, name):
        """Returns an attribute of the optimizer."""
        return getattr(self._optimizer, name)

    def build(self):
        """Makes the optimizer's variables, unless it has them already."""
        if not self._whole.built:
            self._whole.build(self._weights)

    def finalize(self):
        """Gives the weights their averages, if the optimizer keeps any."""
        self._whole.finalize_variable_values(self._weights)

    @property
    def learning_rate(self):
        """The optimizer's learning rate."""
        return self._optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value):
        self._optimizer.learning_rate = value


def unscaled(optimizer):
    """Returns the optimizer inside of a `LossScaleOptimizer`, or any other as it is."""
    return optimizer.inner_optimizer if is_loss_scale(optimizer) else optimizer


def with_loss_scale(optimizer):
    """Returns an optimizer that keeps gradients from vanishing in float16."""
    if is_loss_scale(optimizer):
        return optimizer
    return keras.optimizers.LossScaleOptimizer(optimizer)

"""Two optimizers that Keras compiles, trains with and saves as one."""

import keras

from keras_multimix.arguments import invalid
from keras_multimix.models.loss_scale import unscaled
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
        self._of_networks = []

    @property
    def optimizers(self):
        """All optimizers, as Keras' callbacks look for them."""
        return [each for network in self._of_networks for each in network.optimizers()]

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
        self._of_networks = [
            _OfNetwork("generator", self.generator, generator_weights),
            _OfNetwork("discriminator", self.discriminator, discriminator_weights),
        ]
        for each in self._of_networks:
            each.build()
        self.built = True

    def finalize_variable_values(self, var_list):
        """Gives the weights their averages at the end of `fit`, for `use_ema=True`."""
        for each in self._of_networks:
            each.finalize()

    @property
    def learning_rate(self):
        """The generator's learning rate. An assignment sets that of both networks.

        Raises:
            ValueError: If it is set while the two networks' rates differ.
        """
        return self.generator.learning_rate

    @learning_rate.setter
    def learning_rate(self, value):
        if self.rates_differ():
            raise invalid(
                "assignment to the `learning_rate` of a GAN's optimizer",
                expected="the same learning rate for both networks",
                received="a different learning rate for each network",
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


class _OfNetwork:
    """A network's optimizer and the weights that it changes.

    It hides the weights from the `GANOptimizer`, which would count them as its own
    variables.
    """

    def __init__(self, name, optimizer, weights):
        self._name = name
        self._optimizer = optimizer
        self._weights = weights

    def build(self):
        """Makes the optimizer's variables, unless it has them already."""
        if not self._optimizer.built:
            self._optimizer.build(self._weights)

    def finalize(self):
        """Gives the weights their averages, if the optimizer keeps any."""
        self._optimizer.finalize_variable_values(self._weights)

    def optimizers(self):
        """Returns the optimizer, or those inside of a `MultiOptimizer`, renamed."""
        inner = unscaled(self._optimizer)
        if not hasattr(inner, "optimizers"):
            return [RenamedOptimizer(self._name, inner)]
        return [
            RenamedOptimizer(f"{self._name}_{each.name}", each)
            for each in inner.optimizers
        ]


class RenamedOptimizer:
    """An optimizer under another name, for Keras' callbacks, which log that name.

    Args:
        name: The name.
        optimizer: The Keras optimizer that has all other attributes.
    """

    def __init__(self, name, optimizer):
        self.name = name
        self._optimizer = optimizer

    def __getattr__(self, name):
        """Returns an attribute of the optimizer."""
        return getattr(self._optimizer, name)

    @property
    def learning_rate(self):
        """The optimizer's learning rate."""
        return self._optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value):
        self._optimizer.learning_rate = value

"""Two optimizers that Keras compiles, trains with and saves as one."""

import keras

from keras_multimix.models.nested_config import rebuilt


@keras.saving.register_keras_serializable(package="keras_multimix")
class GANOptimizer(keras.optimizers.Optimizer):
    """The optimizers of a generator and of a discriminator.

    A Keras model has one optimizer: Keras passes its variables into the compiled step
    and writes them to files. This optimizer holds the two others and changes no weight
    itself.

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
        self.generator.build(generator_weights)
        self.discriminator.build(discriminator_weights)
        self.built = True

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

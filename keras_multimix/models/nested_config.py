"""Configs that hold other Keras objects."""

import keras


def rebuilt(config, keys, custom_objects=None):
    """Returns a config whose serialized entries are objects again.

    Args:
        config: A dict from `get_config`; it is not modified.
        keys: The names of the entries that `serialize_keras_object` made.
        custom_objects: As for `keras.saving.deserialize_keras_object`.
    """
    return config | {
        key: keras.saving.deserialize_keras_object(
            config[key], custom_objects=custom_objects
        )
        for key in keys
    }

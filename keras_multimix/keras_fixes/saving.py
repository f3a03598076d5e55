"""A model whose training can stop anywhere and go on as if it had not."""

import contextlib
import os

import keras
import numpy as np

from keras_multimix.errors import invalid

_SEED_STATE = "seed_state_"


class UnreadableFile(ValueError, OSError):
    """A file of weights that cannot be read.

    An `OSError` too, as Keras raises: `keras.callbacks.BackupAndRestore` then looks
    for the file before it, which it keeps with `double_checkpoint=True`.
    """


class ResumableModel(keras.Model):
    """Base class of models whose files are whole and hold every random state.

    Keras leaves the random states of layers such as `Dropout` out of its files, and
    opens the file that it replaces before it has anything to write: whoever is stopped
    there has lost both.
    """

    def save(self, filepath, overwrite=True, zipped=None, **kwargs):
        """Saves the model, whole or not at all, with the arguments of Keras' method.

        A directory, for `zipped=False`, is written as Keras does.
        """
        with _written_whole(filepath, overwrite and zipped is not False) as path:
            super().save(path, overwrite=overwrite, zipped=zipped, **kwargs)

    def save_weights(self, filepath, overwrite=True, max_shard_size=None):
        """Saves all weights, whole or not at all, with the arguments of Keras' method.

        Several files, for `max_shard_size`, are written as Keras does.
        """
        with _written_whole(filepath, overwrite and max_shard_size is None) as path:
            super().save_weights(path, overwrite, max_shard_size)

    def load_weights(self, filepath, *args, **kwargs):
        """Loads all weights and random states, with the arguments of Keras' method.

        Raises:
            UnreadableFile: A ValueError, if the file is damaged. Nothing is changed.
            ValueError: If it belongs to another model.
        """
        optimizer = getattr(self, "optimizer", None)  # `compile` sets it
        if optimizer is not None and self.built and not optimizer.built:
            # Keras would skip what the file holds for it.
            optimizer.build(self.trainable_variables)
        try:
            super().load_weights(filepath, *args, **kwargs)
        except FileNotFoundError:
            raise
        except (OSError, RuntimeError, KeyError) as error:
            raise UnreadableFile(
                invalid(
                    f"file of weights {str(filepath)!r}",
                    expected="a whole file, as `save_weights` writes it",
                    received=f"{error}",
                    fix="put an older one in its place, or move it away to begin anew; "
                    "it was left as it is",
                )
            ) from error

    def save_own_variables(self, store):
        """Saves the model's own variables, and the random states of all its layers."""
        super().save_own_variables(store)
        for number, state in enumerate(self._seed_states()):
            store[f"{_SEED_STATE}{number}"] = state

    def load_own_variables(self, store):
        """Loads them; a file of plain weights leaves the random states alone."""
        keys = list(store.keys())
        saved = [key for key in keys if key.startswith(_SEED_STATE)]
        states = self._seed_states()
        if saved and len(saved) != len(states):
            raise invalid(
                f"saved state of model {self.name!r}",
                expected=f"{len(states)} random states of layers",
                received=f"{len(saved)}",
                fix="load the file into a model like the one that it was saved from",
            )
        super().load_own_variables({k: store[k] for k in keys if k not in saved})
        for number, state in enumerate(states if saved else []):
            # Each backend has its own integers for seeds.
            value = np.asarray(store[f"{_SEED_STATE}{number}"])
            state.assign(value.astype(keras.backend.standardize_dtype(state.dtype)))

    def _seed_states(self):
        """Returns what Keras holds as variables, but does not count as weights."""
        weights = {id(weight) for weight in self.weights}
        return [
            variable
            for variable in self.variables
            # Layers for pipelines may hold TensorFlow's states under every backend.
            if id(variable) not in weights and isinstance(variable, keras.Variable)
        ]


@contextlib.contextmanager
def _written_whole(filepath, possible):
    """Gives a path to write to; what is there at the end takes the place of the file.

    Args:
        filepath: What the caller passed.
        possible: False gives that, since more than one file will be written or asked
            about.
    """
    is_path = isinstance(filepath, (str, os.PathLike)) and "://" not in str(filepath)
    if not (possible and is_path):
        yield filepath
        return
    folder, name = os.path.split(os.path.realpath(filepath))
    # In front of the name, whose end says the format; several processes may save.
    temporary = os.path.join(folder, f"unfinished_{os.getpid()}_{name}")
    try:
        yield temporary
        os.replace(temporary, os.path.join(folder, name))
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(temporary)

"""A model whose training can stop at any moment and continue as if it had not.

Keras' own files have three faults that stand in the way:

- Keras opens the file that it replaces before it has anything to write. A process that
  is killed at that moment loses both the old file and the new one. `BackupAndRestore`
  keeps a second file for that reason (keras#20463).
- Keras leaves the random states of layers such as `Dropout` out of its files
  (keras#19796).
- Keras skips the optimizer's state when it loads weights into a model whose optimizer
  was never used (keras#19389).
"""

import contextlib
import os

import keras
import numpy as np

from keras_multimix.arguments import invalid

_SEED_STATE = "seed_state_"


class UnreadableFile(ValueError, OSError):
    """The error for a file of weights that cannot be read.

    It is an `OSError`, as Keras' own is, so that `BackupAndRestore` tries the second
    file, which it keeps with `double_checkpoint=True`.
    """


class ResumableModel(keras.Model):
    """Base class of models that write whole files with all random states in them."""

    def save(self, filepath, overwrite=True, zipped=None, **kwargs):
        """Saves the model as a whole or not at all, with Keras' arguments.

        With `zipped=False` Keras writes a directory, and this method leaves it to
        Keras.
        """
        with _written_whole(filepath, overwrite and zipped is not False) as path:
            super().save(path, overwrite=overwrite, zipped=zipped, **kwargs)

    def save_weights(self, filepath, overwrite=True, max_shard_size=None):
        """Saves all weights as a whole or not at all, with Keras' arguments.

        With `max_shard_size` Keras writes several files, and this method leaves them to
        Keras.
        """
        with _written_whole(filepath, overwrite and max_shard_size is None) as path:
            super().save_weights(path, overwrite, max_shard_size)

    def load_weights(self, filepath, *args, **kwargs):
        """Loads all weights and random states, with Keras' arguments.

        Raises:
            UnreadableFile: A ValueError, if the file is damaged. Nothing is changed.
            ValueError: If the file belongs to another model.
        """
        optimizer = getattr(self, "optimizer", None)  # `compile` sets it
        if optimizer is not None and self.built and not optimizer.built:
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
                    fix="put an older file in its place, or move it away to begin "
                    "anew; this file was not changed",
                )
            ) from error

    def save_own_variables(self, store):
        """Saves the model's own variables, and the random states of all its layers."""
        super().save_own_variables(store)
        for number, state in enumerate(self._seed_states()):
            store[f"{_SEED_STATE}{number}"] = state

    def load_own_variables(self, store):
        """Loads what `save_own_variables` saved.

        A file that Keras wrote has no random states. Then the states do not change.
        """
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
            # Backends differ in the integer dtype of their random states.
            value = np.asarray(store[f"{_SEED_STATE}{number}"])
            state.assign(value.astype(keras.backend.standardize_dtype(state.dtype)))

    def _seed_states(self):
        """Returns the variables that Keras does not count as weights."""
        weights = {id(weight) for weight in self.weights}
        return [
            variable
            for variable in self.variables
            # Layers for pipelines may hold TensorFlow's states under every backend.
            if id(variable) not in weights and isinstance(variable, keras.Variable)
        ]


@contextlib.contextmanager
def _written_whole(filepath, possible):
    """Yields a path to write to, then puts that file in the place of the old one.

    Args:
        filepath: The path that the caller passed.
        possible: False yields that path itself, because Keras will write several files
            there or ask the user before it writes.
    """
    is_path = isinstance(filepath, (str, os.PathLike)) and "://" not in str(filepath)
    if not (possible and is_path):
        yield filepath
        return
    folder, name = os.path.split(os.path.realpath(filepath))
    # The end of a name tells Keras the format, so the prefix goes to the front. Several
    # processes may save at once, so each has a prefix of its own.
    temporary = os.path.join(folder, f"unfinished_{os.getpid()}_{name}")
    try:
        yield temporary
        os.replace(temporary, os.path.join(folder, name))
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(temporary)

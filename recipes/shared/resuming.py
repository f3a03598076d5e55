"""A callback that keeps all of a run at the end of epochs, and continues from there."""

import io
import shutil
import time

import keras
from tqdm import tqdm

from recipes.shared import processes
from recipes.shared.checkpoint_times import Due
from recipes.shared.checkpoints import (
    Checkpoints,
    folder_of,
    identity,
    read_state,
    read_values,
)
from recipes.shared.random_states import random_states, set_random_states
from recipes.shared.results import check_same


class Resuming(keras.callbacks.Callback):
    """Writes checkpoints, and gives `fit` the state of the newest whole one.

    On a device that computes the same thing in the same way each time, a run that
    continues is equal to a run that was never stopped. It continues with the same
    number of processes and devices as before. The first process writes and reads, and
    tells the others what it has read: each gets its own random states, and the
    variables of the first one. The variables of the other processes differ only on
    PyTorch, in the moving averages of batch normalization. These have no effect on the
    training, and only the first process writes measures.

    Args:
        options: with `checkpoint_every`, an `Every` or None, and `output`.
        run: a `recipes.shared.runner.Run`.
        data: what distinguishes this run's data from other data, for JSON.
        parts: dict of name -> object with `set_state(state)` and `state()`, for JSON;
            there may be arrays in it.

    Attributes:
        epoch: how many epochs are done.
        before: a dict with `seconds` and `cpu_seconds`, what earlier processes of this
            run have taken for these epochs.

    Raises:
        ValueError: If the checkpoint is of other options or data.
    """

    def __init__(self, options, run, data, parts):
        super().__init__()
        self.checkpoints = Checkpoints(folder_of(options.output, run))
        self.same = identity(options)
        self.data = data
        self.parts = parts
        self.begin = _seconds()
        every = getattr(options, "checkpoint_every", None)
        self.due = Due(every) if every else None
        self.is_stream = False
        self.path = self.content = self.state = None
        self.epoch, self.before = 0, dict.fromkeys(self.begin, 0.0)
        self._read()
        if self.state:
            check_same(self.state, self.same | {"data": data}, self.path)
            self.epoch, self.before = self.state["epoch"], self.state["seconds"]

    def fit(self, model, data, epochs, callbacks):
        """Fits a model from the newest checkpoint on.

        Args:
            model: a compiled model.
            data: function () -> dict of what its `fit` takes for the epochs that are
                left; it is not called where none are.
            epochs: of the whole run.
            callbacks: list of others, which are called before this one.
        """
        if self.epoch < epochs:
            arguments = data()
            self.is_stream = "steps_per_epoch" in arguments
            model.fit(
                **arguments,
                epochs=epochs,
                initial_epoch=self.epoch,
                verbose=0,
                callbacks=[*callbacks, self],
            )
            return
        # Stopped after the last epoch, before the record was written.
        self.set_model(model)
        self._take_over()

    def on_train_begin(self, logs=None):
        """Takes the state over, or writes the first checkpoint.

        So a lack of room is seen before the training.
        """
        if self.state:
            self._take_over()
        elif self.due:
            self._write_the_first()

    def on_train_batch_begin(self, batch, logs=None):
        """Sets the random states again, where opening a stream has drawn from them.

        PyTorch's loader draws when it opens one, which a run does once in each process.
        """
        if self.state and self.is_stream:
            set_random_states(self.state["random"][processes.index()])
        self.state = None

    def on_epoch_end(self, epoch, logs=None):
        """Writes a checkpoint if one is due, and at the end of the run."""
        done = epoch + 1
        is_last = done == self.params["epochs"]
        # The clocks of processes differ, and all of them have to take part.
        if self.due and processes.agreed(self.due(done) or is_last):
            try:
                self._write(done)
            except OSError as error:
                # Training is costly, and the checkpoint before is still there.
                tqdm.write(
                    f"Expected room for a checkpoint in {self.checkpoints.folder}. "
                    f"Received: {type(error).__name__}: {error}. The run continues, "
                    f"and the checkpoint before, of epoch {self.due.epoch}, is kept."
                )

    def _read(self):
        """Reads the newest checkpoint, if there is one, into all processes."""
        if processes.is_first():
            self.checkpoints.clean()
            self.path = self.checkpoints.newest(tell=tqdm.write)
        content = processes.of_first(self.path.read_bytes() if self.path else b"")
        if content:
            self.path = processes.agreed(str(self.path))
            self.content = io.BytesIO(content)
            self.state = read_state(self.content)
            if processes.is_first():
                tqdm.write(f"Continuing after epoch {self.state['epoch']}: {self.path}")

    def _write(self, epoch):
        random = processes.of_each(random_states())
        if not processes.is_first():
            return
        # Keras' callbacks give the model with its values in it, also on JAX.
        # Not `v.value`: NumPy refuses the mirrored integers of TensorFlow.
        values = [keras.ops.convert_to_numpy(v) for v in variables_of(self.model)]
        state = {
            **self.same,
            "data": self.data,
            "seconds": {
                name: self.before[name] + now - self.begin[name]
                for name, now in _seconds().items()
            },
            "random": random,
            "parts": {name: part.state() for name, part in self.parts.items()},
        }
        self.checkpoints.write(epoch, values, state)
        self.due.written(epoch)

    def _write_the_first(self):
        folder = self.checkpoints.folder
        try:
            self._write(0)
            if not processes.is_first():
                return
            size = sum(path.stat().st_size for path in folder.iterdir())
            free = shutil.disk_usage(folder).free
            if free < 2 * size:
                raise OSError(f"{free} bytes are free, {2 * size} are needed")
        except OSError as error:
            raise ValueError(
                f"Expected room for checkpoints in {folder}, three of which are there "
                f"at times. Received: {type(error).__name__}: {error}. Make room, "
                "choose another --output, or pass --checkpoint-every never."
            ) from error

    def _take_over(self):
        self.content.seek(0)
        set_values(variables_of(self.model), read_values(self.content), self.path)
        self.content = None
        for name, part in self.parts.items():
            part.set_state(self.state["parts"][name])
        if self.due:
            self.due.written(self.epoch)
        # Last: what comes before may draw.
        set_random_states(self.state["random"][processes.index()])


def _seconds():
    return {"seconds": time.perf_counter(), "cpu_seconds": time.process_time()}


def variables_of(model):
    """Weights, optimizer, and the random states of the mixing layer and all others.

    The files of a `MixupModel` have the same.
    """
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    return [*model.variables, *model.optimizer.variables]


def set_values(variables, values, path):
    """Assigns the values of a checkpoint, all or none.

    Args:
        variables: list of `keras.Variable`.
        values: list of arrays.
        path: of the checkpoint, for the error.

    Raises:
        ValueError: If the values are those of another model.
    """
    shapes = [tuple(variable.shape) for variable in variables]
    found = [value.shape for value in values]
    if shapes != found:
        raise ValueError(
            f"Expected in {path} the {len(shapes)} variables of this model. Received: "
            f"{len(found)} of other shapes, as another version of the recipe has "
            "them. Continue with that version, or choose another --output."
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)

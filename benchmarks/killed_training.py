"""Small trainings that are killed at a step and continued.

    python -m benchmarks.killed_training FOLDER --model mixup --save epochs --kill 7

Trains until the step, where the process kills itself with SIGKILL, which nothing can
catch; without `--kill` it continues from what is in FOLDER to the end. The tests and
`benchmarks.reliability` compare its weights with those of an undisturbed training.
"""

import argparse
import os
import signal
from pathlib import Path

from recipes.shared.options import BACKENDS, integer_from, one_of
from recipes.shared.runner import select_backend

STEPS_PER_EPOCH, EPOCHS, BATCH_SIZE = 5, 4, 4
STEPS = STEPS_PER_EPOCH * EPOCHS
SAVE_EVERY = 3  # steps, for `--save steps`


def _mixup(seed=7):
    import keras

    from keras_multimix import MixupModel, MultiMix

    keras.utils.set_random_seed(3)
    base = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(8, "relu", name="hidden"),
            keras.layers.Dropout(0.5, seed=5),
            keras.layers.Dense(3),
        ]
    )
    mixer = MultiMix(0.4, 3, seed=seed)
    model = MixupModel(base, mixer, mix_at=["input", "hidden"])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.05), loss)
    return model


def _gan(seed=7):
    import keras

    from keras_multimix import MixupGAN

    keras.utils.set_random_seed(3)
    generator = keras.Sequential([keras.Input((2,)), keras.layers.Dense(4)])
    discriminator = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(8, "relu"),
            keras.layers.Dropout(0.5, seed=5),
            keras.layers.Dense(1),
        ]
    )
    gan = MixupGAN(generator, discriminator, 0.2, 2, seed=seed)
    gan.compile(keras.optimizers.Adam(0.01), keras.optimizers.Adam(0.01))
    return gan


MODELS = {"mixup": _mixup, "gan": _gan}


def model_for(name, folder):
    """Returns a new model: of another seed where the files of a folder bring theirs."""
    saved = any(path.is_file() for path in folder.rglob("*"))
    return MODELS[name](seed=99) if saved else MODELS[name]()


def batches(start=0):
    """A dataset of the training's batches from a step on: a step fixes its batch."""
    import keras
    import numpy as np

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return STEPS - start

        def __getitem__(self, index):
            rng = np.random.default_rng(start + index)
            rows = rng.normal(size=(BATCH_SIZE, 4)).astype("float32")
            return rows, rng.integers(0, 3, BATCH_SIZE)

    return Batches()


def arrays():
    """The rows of one epoch, the same in each."""
    import numpy as np

    rng = np.random.default_rng(0)
    rows = STEPS_PER_EPOCH * BATCH_SIZE
    return rng.normal(size=(rows, 4)).astype("float32"), rng.integers(0, 3, rows)


def train(model, save, folder=None, callbacks=()):
    """Trains to the end, from what a folder holds.

    Args:
        model: What one of `MODELS` made.
        save: "epochs" saves with `BackupAndRestore` after each; "steps" saves weights
            with `ModelCheckpoint` after every third.
        folder: Where; None saves nothing.
        callbacks: More of them.
    """
    import keras

    callbacks = list(callbacks)
    if save == "epochs":
        if folder is not None:
            backup = keras.callbacks.BackupAndRestore(folder / "backup")
            callbacks.insert(0, backup)
        model.fit(
            *arrays(),
            batch_size=BATCH_SIZE,
            epochs=EPOCHS,
            shuffle=False,
            verbose=0,
            callbacks=callbacks,
        )
        return
    start = 0
    if folder is not None:
        path = folder / "latest.weights.h5"
        if path.exists():
            model.load_weights(path)
            start = int(model.optimizer.iterations)
        saving = keras.callbacks.ModelCheckpoint(
            path, save_weights_only=True, save_freq=SAVE_EVERY
        )
        callbacks.insert(0, saving)
    if start < STEPS:
        model.fit(batches(start), shuffle=False, verbose=0, callbacks=callbacks)


def killer(step):
    """A callback that kills this process after a number of steps."""
    import keras

    class Kill(keras.callbacks.Callback):
        done = 0

        def on_train_batch_end(self, batch, logs=None):
            self.done += 1
            if self.done == step:
                os.kill(os.getpid(), signal.SIGKILL)

    return Kill()


def parse_options(arguments=None):
    """Parses the command line; `None` takes the process's own."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.killed_training", description=__doc__.splitlines()[0]
    )
    add = parser.add_argument
    add("folder", type=Path, metavar="FOLDER", help="where it saves")
    add(
        "--backend",
        type=one_of(BACKENDS),
        default=os.environ.get("KERAS_BACKEND", "jax"),
        metavar="BACKEND",
        help=f"what Keras runs on: {', '.join(BACKENDS)}",
    )
    add("--model", type=one_of(tuple(MODELS)), default="mixup", metavar="MODEL")
    add("--save", type=one_of(("epochs", "steps")), default="epochs", metavar="WHEN")
    add("--kill", type=integer_from(1), help="after how many steps of this process")
    return parser.parse_args(arguments)


def main(arguments=None):
    """The command."""
    options = parse_options(arguments)
    select_backend(options.backend)
    model = model_for(options.model, options.folder)
    callbacks = [] if options.kill is None else [killer(options.kill)]
    train(model, options.save, options.folder, callbacks)


if __name__ == "__main__":
    main()

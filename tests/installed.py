"""Checks an installed wheel from outside of the source tree: `make package` runs it.

python -I tests/installed.py dist/keras_multimix-VERSION-py3-none-any.whl
"""

import pathlib
import sys
import tempfile
import zipfile

import keras
import numpy as np

import keras_multimix

PACKAGE = "keras_multimix"


def problems_of_wheel(path):
    """What a wheel lacks of the source tree's package, and what else it holds."""
    source = pathlib.Path(__file__).parent.parent
    expected = {
        file.relative_to(source).as_posix()
        for pattern in ("*.py", "py.typed")
        for file in (source / PACKAGE).rglob(pattern)
    }
    with zipfile.ZipFile(path) as wheel:
        names = {name for name in wheel.namelist() if not name.endswith("/")}
    held = {name for name in names if ".dist-info/" not in name}
    licences = [name for name in names if name.endswith("LICENSE")]
    missing = [f"missing: {name}" for name in sorted(expected - held)]
    missing += [] if licences else ["missing: LICENSE"]
    return missing + [f"not of the package: {name}" for name in sorted(held - expected)]


def problems_of_use():
    """What goes wrong when the installed package mixes, trains, saves and loads."""
    home = pathlib.Path(keras_multimix.__file__).resolve()
    if "site-packages" not in home.parts:
        return [f"imported from {home}, which is not where pip installs"]
    base = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    mixer = keras_multimix.MultiMix(0.2, num_interpolations=5, seed=1)
    model = keras_multimix.MixupModel(base, mixer)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    x, y = np.ones((6, 4), "float32"), np.arange(6) % 3
    model.fit(x, y, verbose=0)
    keras_multimix.evaluation.fgsm(base, x, y, epsilon=0.1, verbose=False)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "model.keras")
        model.save(path)
        loaded = keras.saving.load_model(path)
    same = np.allclose(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    return [] if same else ["a model that was saved and loaded predicts otherwise"]


if __name__ == "__main__":
    problems = problems_of_wheel(sys.argv[1]) + problems_of_use()
    print("\n".join(problems) or f"{PACKAGE} {keras_multimix.__version__}: installed")
    sys.exit(bool(problems))

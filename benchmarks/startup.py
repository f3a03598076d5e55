"""What importing the library and compiling the first step cost."""

import subprocess
import sys
import time

import keras
import numpy as np

from benchmarks.steps import BATCH, SHAPE, compile_for_labels, network
from benchmarks.timing import ratio
from keras_multimix import MixUp, MixupModel

_IMPORT = """
import time
import keras
start = time.perf_counter()
import keras_multimix
print(time.perf_counter() - start)
"""


def startup(rounds):
    """Seconds that `import keras_multimix` adds, and the first step against plain."""
    rows = []
    seconds = sorted(_import_seconds() for _ in range(min(rounds, 5)))
    middle = seconds[len(seconds) // 2]
    rows.append(
        _row("`import keras_multimix`, seconds after keras", middle, seconds, 0.05)
    )
    firsts = {"plain": [], "MixUp": []}
    for number in range(min(rounds, 3)):
        for name in sorted(firsts, reverse=number % 2 == 1):
            firsts[name].append(_first_step(name))
    found = ratio(firsts, "MixUp", "plain")
    own = {"section": "startup", "mode": "fit", "case": "first step"}
    rows.append(
        own | {"what": "K = 1, against plain"} | found._asdict() | {"goal": 1.1}
    )
    if keras.backend.backend() == "tensorflow":
        plain, mixed = _num_operations("plain"), _num_operations("MixUp")
        counts = {"median": mixed / plain, "low": plain, "high": mixed}
        what = "operations of the graph, against plain (low: plain's, high: ours)"
        rows.append(own | {"what": what} | counts | {"rounds": 1, "goal": None})
    return rows, []


def _import_seconds():
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def _num_operations(name):
    """How many operations TensorFlow's graph of a training step has."""
    import tensorflow as tf

    model = _model(name)
    model.step_kind = "input"  # which `MixupModel` sets before each step
    batch = (tf.zeros((BATCH, *SHAPE)), tf.zeros(BATCH, "int32"))
    model.train_on_batch(*batch)  # builds the optimizer
    step = tf.function(lambda x, y: model.train_step((x, y)), autograph=False)
    return len(step.get_concrete_function(*batch).graph.get_operations())


def _model(name):
    keras.backend.clear_session()
    model = network()
    if name == "MixUp":
        model = MixupModel(model, MixUp(1.0, seed=0))
    compile_for_labels(model)
    return model


def _first_step(name):
    model = _model(name)
    x = np.zeros((BATCH, *SHAPE), "float32")
    start = time.perf_counter()
    model.fit(x, np.zeros(BATCH, "int32"), batch_size=BATCH, verbose=0)
    return time.perf_counter() - start


def _row(what, middle, seconds, goal):
    own = {"section": "startup", "mode": "python", "case": "a new process"}
    spread = {"median": middle, "low": seconds[0], "high": seconds[-1]}
    return own | {"what": what} | spread | {"rounds": len(seconds), "goal": goal}

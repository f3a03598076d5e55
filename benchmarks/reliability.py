"""Injects faults, and counts what is lost.

    python -m benchmarks.reliability --backend jax

Kills trainings, saves and recipes at random with SIGKILL, cuts files short, and mixes
arguments and batches of all kinds, good and bad. Prints a table of what was injected
and of what was lost: results that differ from those without the fault, files that were
overwritten or read in part, and inputs answered with anything else than the right
mixtures or a ValueError that says what to do. Needs hypothesis.
"""

import argparse
import collections
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from recipes.shared.options import BACKENDS, integer_from, one_of
from recipes.shared.results import Results, write_whole
from recipes.shared.runner import select_backend

RECIPE_RUNS = 12


def parse_options(arguments=None):
    """Parses the command line; `None` takes the process's own."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reliability", description=__doc__.splitlines()[0]
    )
    add, integer = parser.add_argument, integer_from
    add("--backend", type=one_of(BACKENDS), default="jax", metavar="BACKEND")
    add("--trainings", type=integer(0), default=10, help="to kill at a random step")
    add("--saves", type=integer(0), default=10, help="to kill while they write")
    add("--plain-saves", type=integer(0), default=10, help="the same of Keras alone")
    add("--recipes", type=integer(0), default=50, help="kills of a running recipe")
    add("--runs", type=integer(0), default=10, help="kills of a run with checkpoints")
    add("--checkpoints", type=integer(0), default=200, help="to damage")
    add("--files", type=integer(0), default=200, help="to cut short")
    add("--inputs", type=integer(0), default=2000, help="calls of layers to try")
    add("--seed", type=integer(0), default=0, help="of all faults")
    add("--output", type=Path, default=Path("runs", "benchmarks"), help="folder")
    return parser.parse_args(arguments)


def program(name, *arguments):
    """The command line of one of the benchmarks."""
    return [sys.executable, "-m", f"benchmarks.{name}", *map(str, arguments)]


def values(model):
    """Weights, optimizer and random states of a model."""
    import keras

    variables = [*model.variables, *model.optimizer.variables]
    return [keras.ops.convert_to_numpy(v.value) for v in variables]


def kill_trainings(count, rng, folder, backend):
    """Kills trainings, and counts those that do not end, resumed, as undisturbed ones.

    They must have the same weights, optimizer and random states.
    """
    import numpy as np

    from benchmarks import killed_training as training

    straight, lost = {}, 0
    for number in range(count):
        name, save = (
            rng.choice(sorted(training.MODELS)),
            rng.choice(["epochs", "steps"]),
        )
        if (name, save) not in straight:
            model = training.MODELS[name]()
            training.train(model, save)
            straight[name, save] = values(model)
        place = folder / f"training{number}"
        place.mkdir()
        step = rng.randint(1, training.STEPS)
        options = ["--backend", backend, "--model", name, "--save", save]
        done = subprocess.run(
            program("killed_training", place, *options, "--kill", step), check=False
        )
        if done.returncode != -signal.SIGKILL:
            raise RuntimeError(f"It was not killed, but ended with {done.returncode}.")
        model = training.model_for(name, place)
        training.train(model, save, place)
        pairs = zip(values(model), straight[name, save], strict=True)
        lost += not all(np.array_equal(*pair) for pair in pairs)
    return {"injected": count, "lost": lost}


def kill_saves(count, rng, folder, backend, plain=False):
    """Kills saves, and counts files that are not from one whole save."""
    import numpy as np

    from benchmarks import killed_saving

    lost, options = 0, ["--backend", backend] + ["--plain"] * plain
    model = killed_saving.new_model() if count else None
    model = model.base_model if count and plain else model
    for number in range(count):
        path = folder / f"save{number}.weights.h5"
        process = subprocess.Popen(
            program("killed_saving", path, *options), stdout=subprocess.PIPE
        )
        process.stdout.readline()  # the first save is done
        time.sleep(rng.uniform(0, 0.5))
        process.kill()
        process.wait()
        process.stdout.close()
        try:
            model.load_weights(path)
        except (ValueError, OSError, KeyError, RuntimeError):
            lost += 1
            continue
        weights = (model if plain else model.base_model).get_weights()
        found = {float(v) for w in weights for v in np.unique(w)}
        lost += len(found) != 1
    return {"injected": count, "lost": lost}


def kill_recipes(count, rng, folder, backend):
    """Kills a recipe, and counts finished runs that are lost or made again."""
    kills = lost = recipes = 0
    while kills < count:
        place = folder / f"recipe{recipes}"
        place.mkdir()
        recipes += 1
        kept, finished = [], False
        while not finished and kills < count:
            before = _lines(place / "runs.txt")
            process = subprocess.Popen(
                program("killed_recipe", place, "--runs", RECIPE_RUNS),
                stderr=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
            time.sleep(rng.uniform(0.1, 0.8))
            finished = process.poll() is not None
            process.kill()
            process.wait()
            kills += not finished
            path = place / "results.json"
            records = json.loads(path.read_text()) if path.exists() else []
            now = [record["seed"] for record in records]
            again = _lines(place / "runs.txt")[len(before) :]
            lost += now[: len(kept)] != kept
            lost += any(int(seed) in kept for seed in again)
            kept = now
    return {"injected": kills, "lost": lost}


def _lines(path):
    return path.read_text().split() if path.exists() else []


def kill_runs(count, rng, folder, backend):
    """Kills runs, and counts those whose numbers differ from an undisturbed run's."""
    from benchmarks import killed_run

    kills = lost = number = 0
    expected = {}
    while kills < count:
        kind = sorted(killed_run.COMMANDS)[number % len(killed_run.COMMANDS)]
        if kind not in expected:
            expected[kind] = killed_run.left_alone(kind, folder / kind, backend)
        place = folder / f"run{number}"
        number += 1
        more = min(rng.randint(1, 4), count - kills)
        done, record = killed_run.killed(kind, place, backend, more, rng)
        kills += done
        lost += record != expected[kind]
    return {"injected": kills, "lost": lost}


def damage_checkpoints(count, rng, folder, backend):
    """Damages checkpoints, and counts those that are used all the same."""
    from benchmarks import killed_training as training
    from recipes.shared.checkpoints import Checkpoints, read_state

    held, checkpoints = values(training.MODELS["mixup"]()), Checkpoints(folder)
    for epoch in (1, 2):
        checkpoints.write(epoch, held, {})
    path = checkpoints.newest()
    whole, lost = path.read_bytes(), 0
    for _ in range(count):
        damaged = bytearray(whole)
        damaged[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged[: rng.choice([len(whole), rng.randrange(len(whole))])])
        lines = []
        found = checkpoints.newest(tell=lines.append)
        lost += read_state(found)["epoch"] != 1 or str(path) not in lines[0]
    return {"injected": count, "lost": lost}


def cut_files(count, rng, folder, backend):
    """Cuts files short, and counts those that are not refused, or that change."""
    import keras

    from benchmarks import killed_training as training

    model = training.MODELS["mixup"]()
    weights, whole_model = folder / "cut.weights.h5", folder / "cut.keras"
    model.save_weights(weights)
    model.save(whole_model)
    results = Results(folder / "cut", "none", backend, {})
    for seed in range(3):
        results.add("none", "erm", seed, 1, {"metrics": {"test_error": 0.5}})
    readers = {
        weights: model.load_weights,
        whole_model: keras.saving.load_model,
        results.path: lambda path: Results(path.parent, "none", backend, {}),
    }
    lost = 0
    for _ in range(count):
        path = rng.choice(sorted(readers))
        whole = path.read_bytes()
        # Of results.json the last byte is the end of the line: it may be missing.
        cut = whole[: rng.randrange(len(whole) - 1)]
        path.write_bytes(cut)
        try:
            readers[path](path)
            lost += 1
        except Exception:  # Keras has several for its own files
            lost += path.read_bytes() != cut
        path.write_bytes(whole)
    return {"injected": count, "lost": lost}


def try_inputs(count, rng, folder, backend):
    """Tries inputs, and counts those neither mixed as the oracle does nor refused."""
    import keras
    from hypothesis import HealthCheck, Phase, given, seed, settings

    from tests.layers import hostile

    outcomes, first = collections.Counter(), []

    def run(**case):
        try:
            outcomes[hostile.check(**case)] += 1
        except Exception as error:  # whatever it is, it is counted and shown
            outcomes["lost"] += 1
            first.append(f"{type(error).__name__}: {error} for {case}")

    if count:
        keras.utils.set_random_seed(0)
        budget = settings(
            max_examples=count,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        budget(seed(rng.randrange(2**32))(given(**hostile.CASES)(run)))()
    if first:
        print(first[0])
    refused = outcomes["arguments refused"] + outcomes["batch refused"]
    return {
        "injected": sum(outcomes.values()),
        "lost": outcomes["lost"],
        "refused": refused,
        "mixed": outcomes["mixed"],
    }


def kill_plain_saves(*arguments):
    """The same for a model that Keras saves alone, to compare."""
    return kill_saves(*arguments, plain=True)


FAULTS = {
    "trainings": ("trainings killed at a random step, then resumed", kill_trainings),
    "saves": ("saves killed while they write", kill_saves),
    "plain_saves": ("the same for a plain Keras model, to compare", kill_plain_saves),
    "recipes": ("kills of a recipe at a random time", kill_recipes),
    "runs": ("runs of a recipe killed at a random time, then continued", kill_runs),
    "checkpoints": ("checkpoints with a bit changed or cut short", damage_checkpoints),
    "files": ("files cut short", cut_files),
    "inputs": ("hostile and good inputs", try_inputs),
}


def main(arguments=None):
    """The command; returns what it writes as JSON."""
    options = parse_options(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    select_backend(options.backend)
    found = {}
    for key, (line, inject) in FAULTS.items():
        with tempfile.TemporaryDirectory() as folder:
            count, rng = getattr(options, key), random.Random(f"{options.seed} {key}")
            found[key] = inject(count, rng, Path(folder), options.backend)
        counts = ", ".join(f"{name} {n}" for name, n in found[key].items())
        print(f"{line}: {counts}", flush=True)
    print(f"\n| {options.backend} | injected | lost |\n| --- | --- | --- |")
    for key, (line, _) in FAULTS.items():
        print(f"| {line} | {found[key]['injected']} | {found[key]['lost']} |")
    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / f"reliability_{options.backend}.json"
    write_whole(path, json.dumps(found, indent=1) + "\n")
    return found


if __name__ == "__main__":
    main()

"""The choice of the backend, and the loop over runs, which can be resumed."""

import importlib
import importlib.util
import os
import time
from typing import NamedTuple

from tqdm import tqdm

from recipes.shared import checkpoints, processes
from recipes.shared.locks import locked
from recipes.shared.results import Results, settings_of
from recipes.shared.time_limit import TimeLimit


class Run(NamedTuple):
    """One training: the seed fixes the split, the first weights and every draw."""

    dataset: str
    method: str
    seed: int


def select_backend(name):
    """Imports Keras on the backend `name`; call it before anything imports keras."""
    if importlib.util.find_spec(name) is None:
        raise ValueError(
            f"Expected an installed backend. Received: {name}, which is not "
            f"installed. Run: pip install 'keras-multimix[{name}]'"
        )
    os.environ["KERAS_BACKEND"] = name
    # TensorFlow, when installed, is loaded beside any backend and logs at import.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if name != "tensorflow":
        # Its note on oneDNN comes whatever the level; there it also makes it fast.
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    keras = importlib.import_module("keras")
    if keras.config.backend() != name:
        raise ValueError(
            f"Expected keras not to be imported yet, or to run on {name}. Received: "
            f"keras on {keras.config.backend()}. Choose the backend in a new process."
        )


def check_tensorboard():
    """Refuses logs for TensorBoard where what writes them is missing."""
    for name in ("tensorboard", "tensorflow"):
        if importlib.util.find_spec(name) is None:
            raise ValueError(
                f"Expected {name} to be installed, for --tensorboard. Received: an "
                f"environment without it. Run: pip install {name}"
            )


def run_all(recipe, options, datasets, train, epochs_of, report):
    """Trains every method with every seed, keeps the results, and reports them.

    A run that is in OUTPUT/results.json is not made again, so the same command
    continues after an interruption; a run with a checkpoint continues from there.
    Several processes may share a folder if their runs differ; the same run at the same
    time is refused. Ctrl-C ends the loop, reports the results so far, and ends the
    process with status 130, as a shell expects it. With `--minutes` a run that is not
    expected to end in time does not begin, which is no interruption.

    If several processes train together, all of them train; the first one writes,
    reports and decides what is left to run.

    Args:
        recipe: name of the recipe.
        options: what `options.parse` gave, with `methods`, `seeds`, `minutes`,
            `backend` and `output`.
        datasets: names of the data sets.
        train: function (run, on_epoch_end) -> dict with `metrics`, a dict of numbers,
            and whatever else is to be kept. It calls `on_epoch_end(logs)` after every
            epoch, with the dict of losses that Keras gives to callbacks, or None.
        epochs_of: function method -> number of epochs of its runs.
        report: function (records) that prints tables and draws figures.

    Returns:
        The list in results.json.
    """
    start = time.perf_counter()
    if options.tensorboard:
        check_tensorboard()
    results = Results(options.output, recipe, options.backend, settings_of(options))
    methods = dict.fromkeys(options.methods)
    seeds = range(options.seeds)
    runs = [
        Run(d, m, s) for d in dict.fromkeys(datasets) for s in seeds for m in methods
    ]
    same = {"backend": options.backend, "runs": runs, **results.same["settings"]}
    # All of them take part in these.
    for name in ("checkpoint_every", "save_models"):
        same[name] = str(getattr(options, name, None))
    processes.check_same(same)
    missing = processes.agreed([run for run in runs if not results.has(*run)])
    left = [Run(*run) for run in missing]
    checkpoints.check_all(options.output, left, checkpoints.identity(options))
    first = processes.is_first()
    if first and len(left) < len(runs):
        print(f"{len(runs) - len(left)} of {len(runs)} runs are in {results.path}.")
    minutes = getattr(options, "minutes", None)
    limit = TimeLimit(minutes)
    interrupted = not _run_each(left, results, train, epochs_of, limit)
    # Only the first process knows the runs of earlier commands and of other ones.
    if first:
        done = sum(results.has(*run) for run in runs)
        _tell_what_is_left(done, len(runs), interrupted, minutes)
        if results.records:
            report(results.records)
            print(f"Done in {time.perf_counter() - start:.0f} s.")
    if interrupted:
        processes.leave(130)
    return results.records


def _tell_what_is_left(done, total, interrupted, minutes):
    if interrupted:
        print(
            f"\nInterrupted with {done} of {total} runs done. "
            "The same command continues from there."
        )
    elif done < total:
        print(
            f"{done} of {total} runs done; none of the others would have ended "
            f"within {minutes:g} minutes. The same command continues from there."
        )


def _run_each(runs, results, train, epochs_of, limit):
    """Returns False if Ctrl-C ended it."""
    total = sum(epochs_of(run.method) for run in runs)
    # Only the first process shows a bar, unless the variable TQDM_DISABLE hides it.
    hidden = {} if processes.is_first() else {"disable": True}

    def epoch_ended(logs):
        losses = {name: value for name, value in (logs or {}).items() if "loss" in name}
        progress.set_postfix(losses, refresh=False)
        progress.update()

    try:
        with tqdm(total=total, unit="epoch", mininterval=0.5, **hidden) as progress:
            for number, run in enumerate(runs, start=1):
                epochs = epochs_of(run.method)
                if not processes.agreed(limit.allows(run, epochs)):
                    continue
                name = " ".join(map(str, (run.dataset, run.method, "seed", run.seed)))
                progress.set_description(f"run {number}/{len(runs)} {name}")
                with _alone(run, results):
                    results.read_again()
                    # By now another command may have done it.
                    if processes.agreed(results.has(*run)):
                        continue
                    seconds = _run_one(run, results, train, epochs, epoch_ended)
                limit.note(run, epochs, seconds)
    except KeyboardInterrupt:
        return False
    return True


def _alone(run, results):
    """A block in which no other process does the same run into the same folder."""
    folder = results.path.parent
    return locked(
        folder / f"{checkpoints.name_of(run)}.lock",
        lambda holder: (
            f"Expected no other process to do the run {' '.join(map(str, run))} in "
            f"{folder}. Received: process {holder}, which does it now. Wait for its "
            "end, or choose another --output, or other --methods."
        ),
    )


def _run_one(run, results, train, epochs, on_epoch_end):
    """Trains, keeps the record, and returns how many seconds the run has taken."""
    start = time.perf_counter()
    measured = train(run, on_epoch_end)
    # A run that continued from a checkpoint has also the seconds before it.
    before = measured.pop("before", {}).get("seconds", 0)
    seconds = before + time.perf_counter() - start
    seconds = measured["metrics"]["seconds"] = round(seconds, 2)
    results.add(*run, epochs, measured)
    # Not earlier: after a kill in between, the run continues from the checkpoint.
    checkpoints.remove(results.path.parent, run)
    return seconds

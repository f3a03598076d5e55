"""Processes side by side, some of which decide how others are called."""

import os
import signal
import subprocess
import time
from dataclasses import dataclass

import numpy as np

from recipes.parts.evidence_records import keep, write_choices
from recipes.parts.evidence_tables import CHOICES
from recipes.shared.results import read_measured

_METRIC = "last_error"
_GRACE = 20  # seconds between Ctrl-C's signal and the end
# One thread each, and no process takes all of a GPU's memory for itself.
_ENVIRONMENT = {
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
}


@dataclass(frozen=True)
class Job:
    """One method of one table.

    Attributes:
        name: of the table, or of a choice and its value.
        recipe: name of the recipe.
        arguments: of the command, without what choices add; the last one is the method.
        runs: how many runs it has.
        needs: names of the choices that add an option.
        decides: name of the choice that it measures for; None for a table.
    """

    name: str
    recipe: str
    arguments: list
    runs: int
    needs: tuple = ()
    decides: str | None = None

    @property
    def method(self):
        """The method, a recipe's last argument."""
        return self.arguments[-1]


class Pool:
    """Runs jobs in their order, as many at a time as it may.

    Args:
        jobs: a list of `Job`.
        choices: a dict of choice name -> names of the records that decide it, the
            values in the order of `Choice.values`.
        made: choices made before, a dict of name -> value.
        options: of `recipes.evidence`.
        end: when to stop, of `time.monotonic()`; None for never.
    """

    def __init__(self, jobs, choices, made, options, end):
        self.waiting, self.running, self.failed = list(jobs), {}, []
        self.cut = []  # by the time limit
        self.jobs = tuple(jobs)
        self.choices, self.options, self.end = choices, options, end
        self.made = dict(made)

    def run(self, python):
        """Runs all of them; returns the choices made, a dict of name -> value.

        Args:
            python: path of the interpreter.
        """
        self.options.output.mkdir(parents=True, exist_ok=True)
        try:
            while self.running or self.waiting:
                self._collect()
                self._decide()
                late = self.end is not None and time.monotonic() >= self.end
                if late or not self._start(python):
                    break
                time.sleep(0.2)
        except KeyboardInterrupt:
            print("Interrupted. The same command continues from there.")
        finally:
            self._stop()
        for name in dict.fromkeys(job.name for job in [*self.cut, *self.waiting]):
            print(f"{name}: not finished")
        for job in self.failed:
            print(f"{job.name} {job.method}: failed, see {self._log(job)}")
        return self.made

    def _start(self, python):
        """Starts what there is room for; returns False if nothing can ever run."""
        ready = [job for job in self.waiting if self.made.keys() >= set(job.needs)]
        for job in ready[: self.options.jobs - len(self.running)]:
            command = [python, "-m", f"recipes.{job.recipe}", *job.arguments]
            for name in job.needs:
                command += [CHOICES[name].option, self.made[name]]
            if self.end is not None:
                left = max(0, self.end - time.monotonic()) / 60
                command += ["--minutes", f"{left:.2f}"]
            log = self._log(job)
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("a", encoding="utf-8") as file:
                process = subprocess.Popen(
                    command,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    stdin=subprocess.DEVNULL,
                    env={**_ENVIRONMENT, **os.environ},
                    start_new_session=True,  # Ctrl-C reaches it through us only
                )
            self.waiting.remove(job)
            self.running[process] = job
        return bool(self.running)

    def _collect(self):
        for process in [p for p in self.running if p.poll() is not None]:
            job = self.running.pop(process)
            done = self._runs_of(job)
            said = f"{done} of {job.runs} runs"
            if process.returncode:
                self.failed.append(job)
                said += f", status {process.returncode}"
            elif done < job.runs:
                self.cut.append(job)
            print(f"{time.strftime('%H:%M:%S')} {job.name} {job.method}: {said}")
            self._keep(job.name)

    def _runs_of(self, job):
        path = self.options.output / job.name / "results.json"
        records = read_measured(path) if path.exists() else []
        return sum(record["method"] == job.method for record in records)

    def _keep(self, name):
        """Copies the records of a table to where they stay."""
        own = [job for job in self.jobs if job.name == name]
        whole = all(self._runs_of(job) >= job.runs for job in own)
        keep(self.options.measured, self.options.output, name, whole)

    def _decide(self):
        unfinished = [*self.waiting, *self.running.values(), *self.cut, *self.failed]
        open_choices = {job.decides for job in unfinished}
        for name, records in self.choices.items():
            if name in self.made or name in open_choices:
                continue
            errors = [errors_of(self.options.output / each) for each in records]
            values = CHOICES[name].values
            self.made[name] = values[best(errors)]
            means = {
                value: float(np.mean(list(own.values())))
                for value, own in zip(values, errors, strict=True)
            }
            print(f"{CHOICES[name].option} {self.made[name]}, of {means}")
            write_choices(self.made, self.options.output, self.options.measured)

    def _stop(self):
        for process in self.running:
            process.send_signal(signal.SIGINT)
        end = time.monotonic() + _GRACE
        for process, job in list(self.running.items()):
            try:
                process.wait(max(0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            self._keep(job.name)
            self.waiting.append(job)

    def _log(self, job):
        return self.options.output / job.name / f"{job.method}.log"


def errors_of(folder):
    """The validation errors in a folder's records: (method, seed) -> error."""
    records = read_measured(folder / "results.json")
    return {(r["method"], r["seed"]): r["metrics"][_METRIC] for r in records}


def best(errors):
    """The position of the setting to take, by the rule of recipes/plan.md.

    The lowest mean error counts; of those within one standard error of it, the first.

    Args:
        errors: a list of dicts (method, seed) -> error, the cheapest setting first.
    """
    runs = sorted(errors[0])
    table = np.array([[own[run] for run in runs] for own in errors])
    lowest = table[np.argmin(table.mean(1))]
    differences = table - lowest
    spread = differences.std(1, ddof=1) / np.sqrt(len(runs))
    return int(np.argmax(differences.mean(1) <= spread))

"""Recipes as processes: on virtual devices, and in several processes that train as one.

Virtual devices have to be made before a backend starts.
"""

import json
import os
import subprocess
import sys

from tests import helpers
from tests.distribution.processes import ROOT, free_ports

BACKEND = helpers.backend()
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
NUM_VIRTUAL = {"jax": 8, "tensorflow": 2}


def records(output):
    """What results.json holds."""
    return json.loads((output / "results.json").read_text())


def worker(commands, number=None):
    """The command line that runs recipes on so many virtual devices."""
    program = [sys.executable, "-m", "tests.recipes.devices_worker"]
    return [*program, json.dumps(commands), *([str(number)] if number else [])]


def run_worker(commands, number=None):
    """Runs recipes to their end."""
    subprocess.run(worker(commands, number), check=True, cwd=ROOT, env=ENVIRONMENT)


def started_worker(commands, number):
    """Starts recipes; a list of one process."""
    return [_started(worker(commands, number), ENVIRONMENT)]


def started(number, arguments, last=()):
    """Starts a recipe in several processes, as recipes/README.md has it.

    On JAX the last one may get other arguments.
    """
    environment = ENVIRONMENT | {"KERAS_BACKEND": BACKEND}
    recipe, *arguments = arguments
    ways = [["-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]]
    ways[0] += [str(number), "-m", f"recipes.{recipe}"]
    if BACKEND == "jax":
        (port,) = free_ports(1)
        host = ["--coordinator", f"127.0.0.1:{port}", "--num-processes", str(number)]
        ways = [
            ["-m", f"recipes.{recipe}", *host, "--process-index", str(index)]
            for index in range(number)
        ]
    more = [[]] * (len(ways) - 1) + [list(last)]
    return [
        _started([sys.executable, *way, *arguments, *own], environment)
        for way, own in zip(ways, more, strict=True)
    ]


def _started(program, environment):
    return subprocess.Popen(
        program, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environment
    )


def last_of(running):
    """The number of the last process; torchrun's is a child of it."""
    if len(running) > 1 or BACKEND != "torch":
        return running[-1].pid
    children = ["ps", "-o", "pid=", "--ppid", str(running[0].pid)]
    return int(subprocess.check_output(children, text=True).split()[-1])


def ended(running):
    """The statuses of processes that end, and what they wrote to stderr."""
    try:
        texts = [process.communicate(timeout=600)[1] for process in running]
    finally:
        for process in running:
            process.kill()
    return [process.returncode for process in running], texts

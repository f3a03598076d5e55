"""Runs a worker of this folder in processes of its own, and reads what it found.

Virtual devices have to be made before a backend starts, and ranks are processes.
"""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def start(worker, *arguments, **environment):
    """Starts `python -m tests.distribution.<worker>`."""
    inherited = {
        # What it would leave out of a program is among what the tests look at.
        name: value
        for name, value in os.environ.items()
        if name != "JAX_DISABLE_MOST_OPTIMIZATIONS"
    }
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", f"tests.distribution.{worker}"]
        + [str(argument) for argument in arguments],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=inherited | environment | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )


def found_by(*processes):
    """Waits for workers; returns what each has printed last, from JSON.

    They have as long as a busy machine may need.
    """
    try:
        outputs = [process.communicate(timeout=900)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()  # where one has failed, the others would wait for it
            process.communicate()
    assert [process.returncode for process in processes] == [0] * len(processes)
    return [json.loads(output.splitlines()[-1]) for output in outputs]


def free_ports(count):
    """Numbers of ports that nothing listens on."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()

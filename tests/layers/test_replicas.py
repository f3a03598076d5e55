"""Replicas of one layer draw different coefficients."""

import os
import socket
import subprocess
import sys

import numpy as np
import pytest

from tests import helpers

# Logical devices must be made before TensorFlow starts: a process of its own.
SCRIPT = """
import numpy as np
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(
    cpu, [tf.config.LogicalDeviceConfiguration()] * 2
)
from keras_multimix import MixUp

strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    layer = MixUp(1.0, seed=0)

@tf.function
def draw():
    def replica():
        drawn = layer.get_random_transformation(tf.zeros((4, 2)))
        return drawn["coefficients"]
    return strategy.run(replica)

for _ in range(2):
    for part in strategy.experimental_local_results(draw()):
        print("DRAWN", *np.array(part).ravel())
"""


RANK = """
import os, sys
import torch.distributed
from keras_multimix import MixUp
import numpy as np

os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=sys.argv[2])
torch.distributed.init_process_group("gloo", rank=int(sys.argv[1]), world_size=2)
layer = MixUp(1.0, seed=0)
for step in (None, None, 1):
    drawn = layer.get_random_transformation(np.zeros((4, 2)), step=step)
    print("DRAWN", *drawn["coefficients"].ravel())
torch.distributed.destroy_process_group()
"""


def start(script, *arguments):
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", script, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )


def drawn_by(process):
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    lines = [line.split() for line in output.splitlines()]
    return [line[1:] for line in lines if line[:1] == ["DRAWN"]]


@pytest.mark.skipif(helpers.backend() != "torch", reason="torch.distributed")
def test_ranks_draw_nothing_twice():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    first, second = map(drawn_by, [start(RANK, rank, port) for rank in (0, 1)])
    assert first[1] == first[2] and second[1] == second[2]  # by count, by step
    drawn = np.array(first[:2] + second[:2], "float32")
    assert len(np.unique(drawn)) == drawn.size


@pytest.mark.skipif(helpers.backend() != "tensorflow", reason="MirroredStrategy")
def test_mirrored_replicas_draw_nothing_twice():
    rows = drawn_by(start(SCRIPT))
    assert len(rows) == 4
    drawn = np.array(rows, "float32")
    assert len(np.unique(drawn)) == drawn.size

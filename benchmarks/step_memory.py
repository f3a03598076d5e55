"""The memory of a compiled training step, as XLA reports it.

    python -m benchmarks.step_memory ROWS K AT_ONCE SIZE

Prints the bytes that a step of the ImageNet recipe needs on one device: weights, their
optimizer's state, the batch, and everything between. On JAX, in float32.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path


def step_bytes(rows, count, at_once, size):
    """Returns the bytes of a step, measured in a process of its own.

    Args:
        rows: of the batch, before they are mixed.
        count: K.
        at_once: how many of the K interpolations a step runs at a time.
        size: height and width of the images.
    """
    numbers = [str(number) for number in (rows, count, at_once, size)]
    command = [sys.executable, "-m", "benchmarks.step_memory", *numbers]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def _measure(rows, count, at_once, size):
    folder = Path(tempfile.mkdtemp())
    os.environ |= {
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": f"--xla_dump_to={folder} --xla_dump_hlo_as_text "
        "--xla_dump_hlo_module_re=.*train_step.*",
    }
    os.environ.pop("JAX_DISABLE_MOST_OPTIMIZATIONS", None)
    import keras
    import numpy as np

    from keras_multimix import MixupModel, MultiMix
    from recipes.networks import resnet

    shape = (size, size, 3)
    model = MixupModel(
        resnet.build("resnet50", shape, 1000),
        MultiMix(0.2, count, seed=0),
        interpolations_at_once=at_once,
    )
    parts = count // at_once
    model.compile(
        keras.optimizers.SGD(
            momentum=0.9, gradient_accumulation_steps=parts if parts > 1 else None
        ),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    x, y = np.zeros((rows, *shape), "float32"), np.zeros(rows, int)
    model.fit(x, y, batch_size=rows, verbose=0)
    (path,) = folder.rglob("*memory-usage-report.txt")
    return int(re.search(r"Total bytes: (\d+)", path.read_text())[1])


if __name__ == "__main__":
    print(json.dumps(_measure(*map(int, sys.argv[1:]))))

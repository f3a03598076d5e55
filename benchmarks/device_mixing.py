"""The bytes per second at which a batch is mixed on a device."""

import functools
import itertools
import statistics

import keras
import numpy as np

from benchmarks.device_timing import summary, take_turns
from keras_multimix import CutMix, MixUp, MultiMix

SHAPES = ((64, 224, 224, 3), (128, 32, 32, 3))
SMALL_SHAPES = ((8, 32, 32, 3), (8, 16, 16, 3))  # without a GPU
DTYPES = ("float32", "bfloat16")
# Together the inputs have more bytes than the cache of a GPU.
_ALL_BYTES = 200e6
_MOST_INPUTS = 64
_COPY = "copy"


def layers():
    """A dict name -> (layer, rows that it makes of each)."""
    return {
        **{
            f"MixUp, {pairing}": (MixUp(1.0, pairing=pairing, seed=0), 1)
            for pairing in ("shuffle", "roll", "mirror")
        },
        "CutMix": (CutMix(1.0, seed=0), 1),
        "MultiMix, K = 2": (MultiMix(1.0, 2, seed=0), 2),
        "MultiMix, K = 5": (MultiMix(1.0, 5, seed=0), 5),
    }


def mixing(device, rounds):
    """Yields one table for each shape and dtype: a list of dicts."""
    for shape, dtype in _cases(device):
        yield _table(device, rounds, shape, dtype, layers())


def compiled(device, rounds):
    """The same for one layer through PyTorch's compiler; nothing on JAX."""
    if keras.backend.backend() != "torch":
        return
    import torch

    for shape, dtype in itertools.islice(_cases(device), 2):
        torch.compiler.reset()
        layer = MixUp(1.0, seed=0)
        mix = torch.compile(lambda x, y, layer=layer: layer(x, y))
        yield _table(
            device, rounds, shape, dtype, {"MixUp, shuffle, compiled": (mix, 1)}
        )


def _cases(device):
    return itertools.product(SHAPES if device.is_gpu else SMALL_SHAPES, DTYPES)


def _table(device, rounds, shape, dtype, mixers):
    size = np.prod(shape) * (4 if dtype == "float32" else 2)
    count = int(min(_MOST_INPUTS, max(2, np.ceil(_ALL_BYTES / size))))
    if not device.is_gpu:
        count = 2
    batches = [_batch(shape, dtype, seed) for seed in range(count)]
    runs, num_bytes = {_COPY: _calls(_copy, batches)}, {_COPY: 2 * size}
    for name, (layer, made) in mixers.items():
        runs[name] = _calls(layer, batches)
        num_bytes[name] = (1 + made) * size
    seconds = take_turns(device, runs, rounds)
    case = f"{'×'.join(map(str, shape))} {dtype}"
    table = []
    for name, own in seconds.items():
        # By the byte: a layer that makes more rows has more to write.
        rates = [
            (one / num_bytes[name]) / (copied / num_bytes[_COPY])
            for one, copied in zip(own, seconds[_COPY], strict=True)
        ]
        row = {"case": case, "what": name, **summary(own)}
        row |= {"bytes": int(num_bytes[name]), "ratio": statistics.median(rates)}
        table.append(row | {"reference": "the copy's time per byte"})
    return table


def _batch(shape, dtype, seed):
    generator = np.random.default_rng(seed)
    x = generator.random(shape, dtype="float32")
    y = np.eye(10, dtype="float32")[generator.integers(0, 10, shape[0])]
    return keras.ops.convert_to_tensor(x, dtype), keras.ops.convert_to_tensor(y)


def _copy(x, y):
    if keras.backend.backend() == "torch":
        return x.clone()
    return keras.ops.copy(x)


def _calls(function, batches):
    """Functions () -> result, one for each batch."""
    if keras.backend.backend() == "torch":
        return [functools.partial(function, *batch) for batch in batches]
    import jax

    if function is _copy:
        step = jax.jit(lambda step, x, y: _copy(x, y))
    else:
        step = jax.jit(lambda step, x, y: function(x, y, step=step))
    numbers = [jax.numpy.int32(number) for number in range(len(batches))]
    return [
        functools.partial(step, number, *batch)
        for number, batch in zip(numbers, batches, strict=True)
    ]

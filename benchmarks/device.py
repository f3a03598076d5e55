"""What mixing costs on an accelerator.

    python -m benchmarks.device --backend jax

`mixing`: the bytes per second at which a batch is mixed, next to a copy of it on the
device. Bytes are the fewest possible: each row read once, each result written once.
`steps`: what a training step of the preset `gpu` of `recipes.cifar` takes with mixing,
next to a plain step of as many rows, feeding included. Prints tables and writes
device_BACKEND.json after each of them. Without a GPU everything is small, and measures
only that the code runs.
"""

import argparse
import json
from pathlib import Path

from recipes.shared import compile_cache
from recipes.shared.options import integer_from, one_of
from recipes.shared.results import write_whole
from recipes.shared.runner import select_backend

SECTIONS = ("steps", "mixing", "steps_of_5", "compiled")


def parse_options(arguments=None):
    """Parses the command line; `None` takes the process's own."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.device",
        description="Measures what mixing costs on an accelerator.",
    )
    add = parser.add_argument
    add("--backend", type=one_of(("jax", "torch")), default="jax", metavar="BACKEND")
    add(
        "--only",
        nargs="+",
        type=one_of(SECTIONS),
        default=list(SECTIONS),
        metavar="SECTION",
        help="steps, mixing, steps_of_5 (K = 5), compiled (by PyTorch's compiler)",
    )
    add("--rounds", type=integer_from(2), default=5, help="turns of each")
    add("--output", type=Path, default=Path("runs", "benchmarks"), help="folder")
    add("--compilation-cache", type=Path, help="where JAX keeps compiled programs")
    return parser.parse_args(arguments)


def main(arguments=None):
    """The command; returns what it writes as JSON."""
    options = parse_options(arguments)
    select_backend(options.backend)
    compile_cache.keep(options)
    import keras

    from benchmarks.device_mixing import compiled, mixing
    from benchmarks.device_steps import steps, steps_of_5
    from benchmarks.device_timing import Device

    device = Device()
    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / f"device_{options.backend}.json"
    found = {"backend": options.backend, "keras": keras.__version__}
    found |= {"device": device.name, "is_gpu": device.is_gpu, "rows": []}
    measuring = (steps, mixing, steps_of_5, compiled)
    sections = dict(zip(SECTIONS, measuring, strict=True))
    print(f"{options.backend} on {device.name}", flush=True)
    for section in options.only:
        for table in sections[section](device, options.rounds):
            found["rows"] += [{"section": section, **row} for row in table]
            write_whole(path, json.dumps(found, indent=1, ensure_ascii=False) + "\n")
            for row in table:
                print(_line(section, row), flush=True)
    print("File:", path)
    return found


def _line(section, row):
    cells = [f"{section:<10}", f"{row['case']:<24}", f"{row['what']:<26}"]
    cells.append(f"{1e6 * row['seconds']:>10.1f} µs")
    cells.append(f"({1e6 * row['low']:.1f} to {1e6 * row['high']:.1f})")
    if "bytes" in row:
        cells.append(f"{row['bytes'] / row['seconds'] / 1e9:>7.0f} GB/s")
    if "images" in row:
        cells.append(f"{row['images'] / row['seconds']:>7.0f} images/s")
    cells.append(f"{row['ratio']:.3f} × {row['reference']}")
    return "  ".join(cells)


if __name__ == "__main__":
    main()

"""What mixing sends between devices at 8, 64 and 1 024 of them, by pairing.

    python -m benchmarks.scale --rows 32 --row-bytes 602112
    python -m benchmarks.scale --imagenet              # some ten minutes more

Measured: the collective operations in the compiled training step of a `MixupModel`
under JAX's `DataParallel`, at 2, 4 and 8 virtual devices of this CPU. Computed: rules
of how they grow with the devices, which have to give every measured figure exactly, and
what the rules say of larger numbers. `--imagenet` plans the recipe's preset too, see
`benchmarks.imagenet_plan`; for that it measures a loader and compiled steps. Nothing
else is timed.
"""

import argparse
import json
import math
import os
import tempfile
from pathlib import Path

from benchmarks.collectives import collectives
from recipes.shared.options import integer_from
from recipes.shared.results import write_whole

MEASURED_DEVICES = (2, 4, 8)
PLANNED_DEVICES = (8, 64, 1024)
PAIRINGS = ("shuffle", "mirror", "roll")
WITHIN = "WithinShards"
LABEL_BYTES = 4  # a class index, which moves with its row
MEASURED_ROWS, MEASURED_SHAPE = 4, (8, 8, 3)


def parse_options(arguments=None):
    """Parses the command line; `None` takes the process's own."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale", description=__doc__.splitlines()[0]
    )
    add, integer = parser.add_argument, integer_from
    add("--rows", type=integer(1), default=32, help="of each device, in a step")
    add("--row-bytes", type=integer(1), default=602_112, help="224x224x3 in float32")
    add("--weights", type=integer(1), default=25_557_032, help="a ResNet-50's")
    add("--imagenet", action="store_true", help="plan recipes.imagenet's preset too")
    add(
        "--device-images",
        type=integer(1),
        default=2000,
        help="mixed images a second of one device, which you have measured or assume",
    )
    add("--output", type=Path, default=Path("runs", "benchmarks"), help="folder")
    return parser.parse_args(arguments)


def plan(pairing, devices, rows, row_bytes):
    """Returns what one step's mixing moves, in bytes, by rule.

    Args:
        pairing: One of `PAIRINGS`, or `WITHIN`.
        devices: D, a power of 2.
        rows: b, the rows of each device.
        row_bytes: The bytes of a row and its label.

    Returns:
        A dict: `"received"` by each device; `"ring_link"`, what crosses the busiest
        link, in its busier direction, where the devices form a ring; `"held"`, the
        rows from elsewhere that each device holds at once.
    """
    shard = rows * row_bytes
    if pairing == WITHIN:
        received = link = 0
    elif pairing == "roll":  # the first row of the next device
        received = link = row_bytes
    elif pairing == "mirror":  # the whole shard of device D - 1 - i
        received = shard
        link = shard * _mirror_crossings(devices)
    else:  # an all-gather: the whole batch, passed on round the ring
        received = link = shard * (devices - 1)
    return {"received": received, "ring_link": link, "held": received}


def _mirror_crossings(devices):
    """Returns how many shards cross the busiest link of a ring, in one direction."""
    crossings = {}
    for sender in range(devices):
        receiver = devices - 1 - sender
        forward = (receiver - sender) % devices
        way = 1 if forward <= devices - forward else -1
        place = sender
        while place != receiver:
            crossings[place, way] = crossings.get((place, way), 0) + 1
            place = (place + way) % devices
    return max(crossings.values(), default=0)


def gradient_bytes(devices, weights):
    """Returns what the all-reduce of float32 gradients sends over each ring link."""
    return round(2 * (devices - 1) / devices * weights * 4)


def measure(devices, pairing, folder):
    """Returns the `Collective`s of a compiled training step that are no sums."""
    import keras
    import numpy as np

    from keras_multimix import MixUp, MixupModel
    from keras_multimix.pairing import WithinShards

    for path in folder.rglob("*.txt"):
        path.unlink()
    chosen = keras.distribution.list_devices()[:devices]
    keras.distribution.set_distribution(
        keras.distribution.DataParallel(devices=chosen, auto_shard_dataset=False)
    )
    base = keras.Sequential(
        [keras.Input(MEASURED_SHAPE), keras.layers.Flatten(), keras.layers.Dense(2)]
    )
    if pairing == WITHIN:
        pairing = WithinShards("shuffle", devices)
    model = MixupModel(base, MixUp(pairing=pairing, seed=0))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss)
    count = devices * MEASURED_ROWS
    x = np.zeros((count, *MEASURED_SHAPE), "float32")
    model.fit(x, np.zeros(count, int), batch_size=count, verbose=0)
    (path,) = folder.rglob("*after_optimizations.txt")
    found = collectives(path.read_text())
    return [each for each in found if each.kind != "all-reduce"]


def received(moved, devices):
    """Returns the bytes that each device receives in a step's `Collective`s."""
    kinds = {"all-gather": (devices - 1, devices), "collective-permute": (1, 1)}
    shares = [(each.bytes, *kinds[each.kind]) for each in moved]
    return sum(size * share // whole for size, share, whole in shares)


def main(arguments=None):
    """The command; returns what it writes as JSON."""
    options = parse_options(arguments)
    folder = Path(tempfile.mkdtemp())
    os.environ |= {
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={MEASURED_DEVICES[-1]} "
        f"--xla_dump_to={folder} --xla_dump_hlo_as_text "
        "--xla_dump_hlo_module_re=.*train_step.*",
    }
    row_bytes = 4 * math.prod(MEASURED_SHAPE) + LABEL_BYTES
    measured = []
    for devices in MEASURED_DEVICES:
        for pairing in (*PAIRINGS, WITHIN):
            moved = measure(devices, pairing, folder)
            rule = plan(pairing, devices, MEASURED_ROWS, row_bytes)["received"]
            record = {
                "devices": devices,
                "pairing": pairing,
                "collectives": [each._asdict() for each in moved],
                "received": received(moved, devices),
                "received_by_rule": rule,
            }
            measured.append(record)
    return report(measured, options)


def report(measured, options):
    """Prints the table and writes it as JSON, the measured figures beside it.

    Raises:
        SystemExit: If a rule does not give what was measured.
    """
    print("Measured in compiled steps, bytes that each device receives (by rule):")
    for record in measured:
        kinds = [each["kind"] for each in record["collectives"]]
        print(
            f"  {record['devices']} devices, {record['pairing']:12} "
            f"{record['received']:6} ({record['received_by_rule']}) "
            + ", ".join(f"{kinds.count(kind)} {kind}" for kind in sorted(set(kinds)))
        )
    wrong = [each for each in measured if each["received"] != each["received_by_rule"]]
    if wrong:
        raise SystemExit("The rules do not give what was measured; no plan is made.")
    planned = [
        {"devices": devices, "pairing": pairing}
        | plan(pairing, devices, options.rows, options.row_bytes + LABEL_BYTES)
        | {"gradient_ring_link": gradient_bytes(devices, options.weights)}
        for devices in PLANNED_DEVICES
        for pairing in (*PAIRINGS, WITHIN)
    ]
    print(
        f"\nComputed for {options.rows} rows of {options.row_bytes} bytes on each "
        f"device, {options.weights} weights; MB in a step:"
    )
    print(f"{'devices':>7} {'pairing':12} {'received':>11} {'ring link':>11} gradients")
    for record in planned:
        sizes = (record["received"], record["ring_link"], record["gradient_ring_link"])
        received_mb, link_mb, gradient_mb = (f"{size / 1e6:,.1f}" for size in sizes)
        print(
            f"{record['devices']:7} {record['pairing']:12} {received_mb:>11} "
            f"{link_mb:>11} {gradient_mb:>9}"
        )
    found = {
        "benchmark": "scale",
        "rows": options.rows,
        "row_bytes": options.row_bytes,
        "weights": options.weights,
        "measured": measured,
        "computed": planned,
    }
    if options.imagenet:
        found["imagenet"] = imagenet(options)
    options.output.mkdir(parents=True, exist_ok=True)
    write_whole(options.output / "scale.json", json.dumps(found, indent=1) + "\n")
    return found


def imagenet(options):
    """Measures what the plan of the preset needs, prints it and returns it."""
    from benchmarks import imagenet_plan, step_memory

    core_images = imagenet_plan.images_per_core()
    steps = imagenet_plan.MEASURED_STEPS
    size = imagenet_plan.SIZE
    measured = {step: step_memory.step_bytes(*step, size) for step in steps}
    rule = imagenet_plan.memory_rule(measured, options.weights)
    error = imagenet_plan.largest_error(rule, measured)
    print(f"\nMeasured: {core_images:.0f} images a second and core; bytes of a step:")
    for (rows, count, at_once), used in measured.items():
        by_rule = rule(rows, count, at_once)
        print(f"  {rows} rows, K = {count}, {at_once} at once: {used} ({by_rule})")
    if error > imagenet_plan.TOLERANCE:
        raise SystemExit(f"The rule for memory is {100 * error:.0f} % off; no plan.")
    records = [
        record
        for devices in PLANNED_DEVICES
        for record in imagenet_plan.plan(
            devices,
            options.device_images,
            core_images,
            rule,
            plan,
            lambda count: gradient_bytes(count, options.weights),
        )
    ]
    print(
        f"\nComputed for the preset's batch of {imagenet_plan.BATCH} images, at "
        f"{options.device_images} mixed images a second and device (not measured):"
    )
    print("\n".join(imagenet_plan.table(records)))
    return {
        "core_images": core_images,
        "device_images": options.device_images,
        "steps": [[*step, used] for step, used in measured.items()],
        "memory_error": error,
        "computed": records,
    }


if __name__ == "__main__":
    main()

"""The ImageNet recipe's preset `paper` on many devices: what each of them needs.

The images that one core reads, crops and resizes in a second, and the memory of some
compiled training steps are measured. The plan is computed from these, by rules that
further measurements check. The speed of a device is not measured; it is an argument.
"""

import tempfile
import time
from pathlib import Path

import numpy as np

BATCH = 1024  # the preset's, of all devices together
SIZE = 224
COUNTS = ((1, 1), (5, 5), (5, 1))  # (K, interpolations at once)
# (rows, K, at once) of the steps that are measured: two give the rule, the others
# check it.
MEASURED_STEPS = ((1, 1, 1), (3, 1, 1), (1, 2, 2), (1, 2, 1), (2, 3, 1))
TOLERANCE = 0.1  # of a rule: XLA shares buffers as it likes
_PHOTO = (375, 500)  # about the mean of ImageNet's
_NUM_PHOTOS = 64


def images_per_core(size=SIZE, count=512):
    """Returns how many images one core prepares in a second of its time.

    Photos of ImageNet's usual size, from scikit-learn's two: read, cropped at random,
    resized and mirrored as the recipe does. The time is that of all threads.

    Args:
        size: height and width of the crops.
        count: how many images to prepare.
    """
    from recipes.datasets import image_folders, image_streams

    root = Path(tempfile.mkdtemp())
    _write_photos(root)
    part = image_folders.from_folders(root).train
    batches = iter(image_streams.train_batches(part, size, 32, 0, range(count)))
    next(batches)  # the graph is built, threads run
    start = time.process_time()
    for _ in range(count // 32):
        next(batches)
    return count / (time.process_time() - start)


def _write_photos(root):
    from PIL import Image
    from sklearn.datasets import load_sample_images

    rng = np.random.default_rng(0)
    height, width = _PHOTO
    for number in range(_NUM_PHOTOS):
        photo = load_sample_images().images[number % 2]
        top, left = (
            rng.integers(whole - part)
            for whole, part in zip(photo.shape[:2], _PHOTO, strict=True)
        )
        image = Image.fromarray(photo[top : top + height, left : left + width])
        for name in ("train", "val"):
            folder = root / name / f"class_{number % 2}"
            folder.mkdir(parents=True, exist_ok=True)
            image.save(folder / f"{number}.jpg", quality=90)


def memory_rule(measured, weights):
    """Returns a function (rows, K, at once) -> bytes of a step.

    The memory is linear in the rows that run at once. Two measured steps give the
    constant and the memory of a row. Steps in parts keep a sum of the gradients beside
    those of the part: 8 bytes a weight more.

    Args:
        measured: a dict (rows, K, at once) -> bytes, `MEASURED_STEPS` among its keys.
        weights: of the network.
    """
    few, many = MEASURED_STEPS[:2]
    per_row = (measured[many] - measured[few]) / (many[0] - few[0])
    fixed = measured[few] - few[0] * per_row

    def bytes_of(rows, count, at_once):
        gradients = 8 * weights if at_once < count else 0
        return round(fixed + per_row * rows * at_once + gradients)

    return bytes_of


def largest_error(rule, measured):
    """Returns the largest relative error of a rule, over what was measured."""
    return max(abs(rule(*step) / size - 1) for step, size in measured.items())


def plan(devices, device_images, core_images, memory, mixing, gradients):
    """Returns what the preset needs on a number of devices.

    Args:
        devices: how many; the batch stays `BATCH`.
        device_images: mixed images a second that one device trains on.
        core_images: images a second that a core prepares.
        memory: what `memory_rule` gave.
        mixing: function (pairing, devices, rows, row bytes) -> a dict with `received`.
        gradients: function (devices) -> bytes over each link of a ring.

    Returns:
        A list of dicts, one for each pair of K and interpolations at once.
    """
    rows, row_bytes = BATCH // devices, 4 * SIZE * SIZE * 3
    moved = {
        f"{name}_received": mixing(name, devices, rows, row_bytes)["received"]
        for name in ("shuffle", "roll")
    }
    return [
        {
            "devices": devices,
            "rows": rows,
            "num_interpolations": count,
            "at_once": at_once,
            **moved,
            "gradient_ring_link": gradients(devices),
            # K rows of each image are trained on: a step takes K times as long.
            "reads": devices * device_images / count,
            "cores_per_device": device_images / count / core_images,
            "memory": memory(rows, count, at_once),
        }
        for count, at_once in COUNTS
    ]


def table(records):
    """Returns the plan as lines of text."""
    lines = [
        f"{'devices':>7} {'rows':>5} {'K':>2} {'at once':>7} {'shuffle MB':>11} "
        f"{'roll MB':>8} {'gradients MB':>12} {'reads/s':>10} {'cores/device':>12} "
        f"{'GB/device':>9}"
    ]
    for each in records:
        lines.append(
            f"{each['devices']:7} {each['rows']:5} {each['num_interpolations']:2} "
            f"{each['at_once']:7} {each['shuffle_received'] / 1e6:11,.1f} "
            f"{each['roll_received'] / 1e6:8,.1f} "
            f"{each['gradient_ring_link'] / 1e6:12,.1f} {each['reads']:10,.0f} "
            f"{each['cores_per_device']:12,.1f} {each['memory'] / 1e9:9,.1f}"
        )
    return lines

"""The benchmark of feeding, small."""

import json

import keras
import pytest

from benchmarks import feeding


@pytest.mark.slow
def test_the_command_times_data_step_and_both(tmp_path, capsys):
    backend = keras.backend.backend()
    sizes = ["--width", "2", "--batch-size", "8", "--steps", "2", "--rounds", "2"]
    found = feeding.main(["--backend", backend, *sizes, "--output", str(tmp_path)])
    assert set(found["images_per_second"]) == {
        "step alone",
        "host: data alone",
        "host: both",
        "host, 2 workers: both",
        "device: data alone",
        "device: both",
    }
    assert all(rate > 0 for rate in found["images_per_second"].values())
    assert found["time_to_step"]["step alone"]["median"] == 1
    written = (tmp_path / f"feeding_{backend}.json").read_text(encoding="utf-8")
    assert json.loads(written) == found
    assert "images per second" in capsys.readouterr().out


def test_the_ways_feed_the_same_images():
    import numpy as np

    options = feeding.parse_options(["--batch-size", "4", "--steps", "2"])
    images = np.random.default_rng(0).random((8, 8, 8, 3), dtype="float32")
    labels = np.arange(8, dtype="int32")
    every = feeding.feeders(images, labels, options)
    first = every["host"][1]
    for name, feeder in every.items():
        x, y = feeder[1]
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(x), first[0], name)
        np.testing.assert_array_equal(y, first[1], name)

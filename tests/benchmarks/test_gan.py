"""The comparison of MixupGAN with loops by hand, small."""

import json

import keras
import pytest

from benchmarks import gan


@pytest.mark.slow
def test_the_command_compares_and_writes(tmp_path, capsys):
    backend = keras.backend.backend()
    sizes = ["--width", "8", "--batch-size", "4", "--iterations", "2", "--rounds", "2"]
    found = gan.main(["--backend", backend, *sizes, "--output", str(tmp_path)])
    assert "by hand" in found["time_ratio"]
    assert all(each["median"] > 0 for each in found["time_ratio"].values())
    written = (tmp_path / f"gan_{backend}.json").read_text(encoding="utf-8")
    assert json.loads(written) == found
    assert "MixupGAN" in capsys.readouterr().out

"""The speech recipe, small: spectrograms and waveforms, with and without warm-up."""

import keras
import numpy as np
import pytest

from recipes import speech
from recipes.datasets.split import Split


@pytest.fixture
def clips(monkeypatch):
    """Two words that a net can tell apart by their pitch."""
    generator = np.random.default_rng(0)
    times = np.arange(3200) / 16000

    def waveforms(rows):
        labels = np.arange(rows) % 2
        pitch = np.array([300, 2000])[labels][:, None]
        noise = 0.1 * generator.standard_normal((rows, len(times)))
        return np.sin(2 * np.pi * pitch * times) + noise, labels

    def load_split(name, data_dir, seed, **sizes):
        parts = [*waveforms(16), *waveforms(8)]
        types = ("float32", "int32") * 2
        return Split(*(part.astype(t) for part, t in zip(parts, types, strict=True)), 2)

    monkeypatch.setattr("recipes.datasets.speech.load_split", load_split)


def test_presets():
    paper = speech.parse_options(["--preset", "paper"])
    assert (paper.epochs, paper.batch_size, paper.warm_up) == (30, 100, 5)
    assert (paper.learning_rate, paper.narrower) == (3e-3, 1)
    assert paper.dataset == "speech_commands"
    quick = speech.parse_options([])
    assert (quick.dataset, quick.seeds) == ("speech_commands_subset", 5)


@pytest.mark.spread
@pytest.mark.parametrize("mix_at", ["spectrogram", "waveform"])
def test_a_small_run(clips, mix_at, tmp_path):
    records = speech.main(
        ["--backend", keras.config.backend(), "--methods", "multimix", "--seeds", "1"]
        + ["--epochs", "2", "--warm-up", "1", "--narrower", "20", "--batch-size", "8"]
        + ["--mix-at", mix_at, "--output", str(tmp_path)]
    )
    assert records[0]["settings"]["mix_at"] == mix_at
    assert 0 <= records[0]["metrics"]["test_error"] <= 1


def test_networks_take_what_is_mixed(clips):
    for mix_at, shape in (("spectrogram", (160, 21, 1)), ("waveform", (3200,))):
        options = speech.parse_options(["--mix-at", mix_at])
        split = speech.load_data("speech_commands_subset", options, 0)
        assert split.input_shape == shape
        network = speech.build_network(split, options)
        assert network.input_shape == (None, *shape)
        assert network.output_shape == (None, 2)

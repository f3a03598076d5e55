"""The front end of the speech recipe against an explicit Fourier transform."""

import keras
import numpy as np
import pytest
import scipy.signal

from keras_multimix import MixUp, MixupModel
from keras_multimix.evaluation import fgsm
from recipes.networks.spectrogram import LogSpectrogram, spectrograms


@pytest.fixture
def waveforms(rng):
    waves = rng.uniform(-0.5, 0.5, (4, 16000)).astype("float32")
    waves[1] = 0.3 * np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000)
    waves[2, 9000:] = 0
    waves[3] = 0
    return waves


def oracle(waves, window=320, hop=160):
    """The same numbers by NumPy in float64."""
    waves = np.pad(waves.astype("float64"), ((0, 0), (window // 2,) * 2), "reflect")
    frames = np.lib.stride_tricks.sliding_window_view(waves, window, axis=1)[:, ::hop]
    hamming = scipy.signal.get_window("hamming", window)
    values = np.log1p(np.abs(np.fft.rfft(frames * hamming)))
    values = np.swapaxes(values[..., 1:], 1, 2)
    values -= values.mean(axis=(1, 2), keepdims=True)
    std = values.std(axis=(1, 2), keepdims=True)
    return (values / np.where(std > 1e-6, std, 1))[..., None]


def classifier(**arguments):
    return keras.Sequential(
        [
            keras.Input((16000,)),
            LogSpectrogram(**arguments),
            keras.layers.AveragePooling2D(20),
            keras.layers.Flatten(),
            keras.layers.Dense(3),
        ]
    )


@pytest.mark.parametrize(("window", "hop"), [(320, 160), (256, 100)])
def test_it_equals_the_explicit_transform(waveforms, window, hop):
    result = spectrograms(waveforms, batch_size=3, window=window, hop=hop)
    assert result.shape == (4, window // 2, 1 + 16000 // hop, 1)
    assert result.dtype == "float32"
    np.testing.assert_allclose(result, oracle(waveforms, window, hop), atol=1e-4)
    np.testing.assert_allclose(result[3], 0, atol=1e-6)


def test_frequencies_begin_at_50_hertz(waveforms):
    tone = spectrograms(waveforms)[1, ..., 0].mean(axis=1)
    assert tone.argmax() == 1000 // 50 - 1


@pytest.mark.parametrize("jit_compile", [False, True])
def test_compiled_in_a_model(waveforms, jit_compile):
    if jit_compile and keras.backend.backend() == "torch":
        pytest.skip("torch compiles through a C++ compiler")
    model = keras.Sequential([keras.Input((16000,)), LogSpectrogram()])
    model.compile(jit_compile=jit_compile)
    assert model.output_shape == (None, 160, 101, 1)
    result = model.predict(waveforms, batch_size=2, verbose=0)
    np.testing.assert_allclose(result, oracle(waveforms), atol=1e-4)


@pytest.mark.parametrize("mix_at", ["input", "spectrogram"])
def test_mixing_before_or_after_it(waveforms, mix_at):
    model = MixupModel(classifier(), MixUp(), mix_at=[mix_at])
    model.compile("sgd", keras.losses.CategoricalCrossentropy(from_logits=True))
    labels = np.eye(3, dtype="float32")[[0, 1, 2, 0]]
    history = model.fit(waveforms, labels, batch_size=2, epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    assert np.isfinite(model.predict(waveforms, verbose=0)).all()


def test_its_gradient_is_finite_and_leads_astray(waveforms):
    model, labels = classifier(), np.array([0, 1, 2, 0])
    moved = fgsm(model, waveforms, labels, 0.01, clip_range=(-1, 1), verbose=False)
    assert np.isfinite(moved).all()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    before, after = (
        float(loss(labels[:3], model.predict(rows[:3], verbose=0)))
        for rows in (waveforms, moved)
    )
    assert after > before


def test_it_can_be_saved(waveforms, tmp_path):
    model = classifier(window=400, hop=200)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.get_layer("spectrogram").window == 400
    np.testing.assert_allclose(
        loaded.predict(waveforms, verbose=0),
        model.predict(waveforms, verbose=0),
        atol=1e-5,
    )


def test_half_precision_rounds_the_result_only(waveforms, dtype_policy):
    dtype_policy("mixed_float16")
    model = keras.Sequential([keras.Input((16000,), dtype="float32"), LogSpectrogram()])
    result = model.predict(waveforms, verbose=0)
    assert result.dtype == "float16"
    np.testing.assert_allclose(result, oracle(waveforms), atol=5e-3)


def test_other_shapes_and_arguments_are_refused():
    with pytest.raises(ValueError, match="without a channel axis"):
        LogSpectrogram()(np.zeros((2, 16000, 1), "float32"))
    with pytest.raises(ValueError, match="more than 160"):
        LogSpectrogram()(np.zeros((2, 160), "float32"))
    with pytest.raises(ValueError, match="window=321"):
        LogSpectrogram(window=321)
    with pytest.raises(ValueError, match="hop=0"):
        LogSpectrogram(hop=0)

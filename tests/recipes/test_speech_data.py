"""Spoken words: what is read from folders and archives, and what is refused."""

import dataclasses
import hashlib
import io
import pathlib
import tarfile

import numpy as np
import pytest
import scipy.io.wavfile

from recipes.datasets import clips, speech
from recipes.datasets.files import File

SHARED = pathlib.Path(__file__).parents[2].parent / "shared" / "data"


def write(path, samples, rate=16000):
    path.parent.mkdir(parents=True, exist_ok=True)
    scipy.io.wavfile.write(path, rate, np.asarray(samples))


@pytest.fixture
def commands(tmp_path, rng, monkeypatch):
    """Two words, four clips each: two to train on, one to validate, one to test."""
    root = tmp_path / "speech_commands"
    for word in ("yes", "bed"):
        for speaker in "abcd":
            samples = rng.integers(-(2**15), 2**15, 12000 if speaker == "a" else 16000)
            write(root / word / f"{speaker}_nohash_0.wav", samples.astype("int16"))
    write(root / "_background_noise_" / "pink.wav", np.zeros(50_000, "int16"))
    for listing, speaker in (("validation", "c"), ("testing", "d")):
        lines = "".join(f"{word}/{speaker}_nohash_0.wav\n" for word in ("yes", "bed"))
        (root / f"{listing}_list.txt").write_text(lines)
    monkeypatch.setitem(speech._COUNTS, ("speech_commands", 2), (4, 2, 2))
    return tmp_path


def pack(folder, archive, prefix):
    with tarfile.open(archive, "w:gz") as file:
        file.add(folder, prefix)
    return hashlib.sha256(archive.read_bytes()).hexdigest()


def test_speech_commands_has_its_official_parts(commands):
    split = speech.load_split("speech_commands", commands)
    assert split.num_classes == 2
    assert split.train_inputs.shape == (4, 16000)
    assert split.train_inputs.dtype == "float32"
    # Sorted words: bed, yes.
    assert split.train_labels.tolist() == [0, 0, 1, 1]
    assert split.test_labels.dtype == "int32"
    wavs = commands / "speech_commands" / "bed"
    _, short = scipy.io.wavfile.read(wavs / "a_nohash_0.wav")
    np.testing.assert_array_equal(split.train_inputs[0, :12000], short / 2**15)
    np.testing.assert_array_equal(split.train_inputs[0, 12000:], 0)
    for part, speaker in (("test", "d"), ("val", "c")):
        split = speech.load_split("speech_commands", commands, part=part)
        _, clip = scipy.io.wavfile.read(wavs / f"{speaker}_nohash_0.wav")
        np.testing.assert_array_equal(split.test_inputs[0], clip / 2**15)


def test_some_clips_of_each_class(commands):
    split = speech.load_split("speech_commands", commands, seed=1, train_size=2)
    assert sorted(split.train_labels) == [0, 1]
    again = speech.load_split("speech_commands", commands, seed=1, train_size=2)
    np.testing.assert_array_equal(again.train_inputs, split.train_inputs)


@pytest.mark.parametrize("prefix", [".", "speech_commands"])
def test_an_archive_is_read_as_it_is(commands, tmp_path, monkeypatch, prefix):
    expected = speech.load_split("speech_commands", commands)
    other = tmp_path / "other"
    other.mkdir()
    name = "speech_commands_v0.02.tar.gz"
    sha256 = pack(commands / "speech_commands", other / name, prefix)
    files = (speech.ARCHIVES["speech_commands"][0], File(name, sha256))
    monkeypatch.setitem(speech.ARCHIVES, "speech_commands", files)
    split = speech.load_split("speech_commands", other)
    for field in dataclasses.fields(split):
        np.testing.assert_array_equal(
            getattr(split, field.name), getattr(expected, field.name)
        )
    assert [path.name for path in other.iterdir()] == [name]
    (other / name).write_bytes((other / name).read_bytes()[:-9])
    with pytest.raises(ValueError, match="SHA-256"):
        speech.load_split("speech_commands", other)


def test_folders_that_are_not_whole_are_refused(commands):
    root = commands / "speech_commands"
    (root / "bed" / "a_nohash_0.wav").unlink()
    with pytest.raises(ValueError, match=r"\(3, 2, 2\).*download.tensorflow.org"):
        speech.load_split("speech_commands", commands)
    (root / "bed" / "d_nohash_0.wav").unlink()
    with pytest.raises(ValueError, match="1 of 4 missing, bed/d_nohash_0.wav"):
        speech.load_split("speech_commands", commands)
    (root / "testing_list.txt").unlink()
    with pytest.raises(ValueError, match=r"testing_list\.txt beside"):
        speech.load_split("speech_commands", commands)


def test_a_folder_of_other_words_is_refused(commands, monkeypatch):
    monkeypatch.delitem(speech._COUNTS, ("speech_commands", 2))
    with pytest.raises(ValueError, match="30 classes.*35 classes.*Received: 2 classes"):
        speech.load_split("speech_commands", commands)


def test_a_download_that_fails_says_what_to_do(tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setattr("keras.utils.get_file", fail)
    with pytest.raises(ValueError, match="speech_commands_v0.01.*no network"):
        speech.load_split("speech_commands", tmp_path)
    assert not any(tmp_path.iterdir())


def test_what_has_no_archive_to_download_is_asked_for(tmp_path):
    with pytest.raises(ValueError, match="github.com/Jakobovski"):
        speech.load_split("spoken_digit", tmp_path)
    with pytest.raises(ValueError, match="speech_commands_subset.tar.xz"):
        speech.load_split("speech_commands_subset", tmp_path)


def test_other_names_and_parts_are_refused(tmp_path):
    with pytest.raises(ValueError, match="'speech'"):
        speech.load_split("speech", tmp_path)
    with pytest.raises(ValueError, match="'train'"):
        speech.load_split("spoken_digit", tmp_path, part="train")


def test_the_takes_of_digits_are_the_parts(tmp_path, monkeypatch):
    root = tmp_path / "free-spoken-digit-dataset"
    for digit in range(2):
        for take in range(12):
            # A constant that names the clip: the take, negative for the digit 0.
            level = 1000 * (take + 1) * (1 if digit else -1)
            path = root / "recordings" / f"{digit}_theo_{take}.wav"
            write(path, np.full(9000, level, "int16"), 8000)
    (root / "README.md").write_text("digits")
    monkeypatch.setitem(speech._COUNTS, ("spoken_digit", 2), (4, 10, 10))

    def takes(inputs):
        middle = np.abs(inputs[:, 8000]) * 2**15 / 1000 - 1
        return sorted({round(float(take)) for take in middle})

    split = speech.load_split("spoken_digit", tmp_path)
    assert split.train_inputs.shape == (14, 16000)
    assert takes(split.train_inputs) == list(range(5, 12))
    assert takes(split.test_inputs) == list(range(5))
    assert (split.test_labels == (split.test_inputs[:, 8000] > 0)).all()
    split = speech.load_split("spoken_digit", tmp_path, part="val", sample_rate=8000)
    assert split.train_inputs.shape == (4, 8000)
    assert takes(np.repeat(split.test_inputs, 2, axis=1)) == list(range(5, 10))


def test_resampling_keeps_tones_and_the_range():
    time = np.arange(8000) / 8000
    loud = np.where(np.sin(2 * np.pi * 440 * time) > 0, 2**15 - 1, -(2**15))
    tone = 16384 * np.sin(2 * np.pi * 440 * time)
    files = {}
    for name, samples in (("loud", loud), ("tone", tone)):
        file = io.BytesIO()
        scipy.io.wavfile.write(file, 8000, samples.astype("int16"))
        files[name] = file.getvalue()
    assert np.abs(clips.waveform(files, "loud", 16000)).max() == 1
    result = clips.waveform(files, "tone", 16000)
    assert result.dtype == "float32"
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    np.testing.assert_allclose(result[100:-100], expected[100:-100], atol=2e-3)


def test_samples_of_other_kinds_are_refused(tmp_path):
    write(tmp_path / "stereo.wav", np.zeros((9, 2), "int16"))
    write(tmp_path / "float.wav", np.zeros(9, "float32"))
    files = clips.folder_files(tmp_path)
    for name, received in (("stereo", r"int16 \(9, 2\)"), ("float", "float32")):
        with pytest.raises(ValueError, match=f"one channel.*{received}"):
            clips.waveform(files, f"{name}.wav", 16000)


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason="no copies of the data sets there")
@pytest.mark.parametrize(
    ("name", "part", "num_train", "num_test", "num_classes"),
    [
        ("speech_commands_subset", "test", 1229, 255, 12),
        ("speech_commands_subset", "val", 1229, 316, 12),
        ("spoken_digit", "test", 2700, 300, 10),
    ],
)
def test_real_clips(name, part, num_train, num_test, num_classes):
    split = speech.load_split(name, SHARED, part=part)
    assert split.train_inputs.shape == (num_train, 16000)
    assert split.test_inputs.shape == (num_test, 16000)
    assert split.num_classes == num_classes
    assert np.unique(split.test_labels).tolist() == list(range(num_classes))
    for inputs in (split.train_inputs, split.test_inputs):
        assert 0.5 < np.abs(inputs).max() <= 1

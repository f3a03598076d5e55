"""Recordings from a folder or straight from an archive, as waveforms."""

import io
import math
import tarfile
import warnings
from pathlib import PurePosixPath

import numpy as np
import scipy.io.wavfile
import scipy.signal


def folder_files(root):
    """A dict: path below the folder, with slashes -> where the file lies."""
    found = [path for path in root.rglob("*") if path.is_file()]
    return _below_common_folder(
        {path.relative_to(root).as_posix(): path for path in found}
    )


def archive_files(archive):
    """A dict: path in a tar archive, with slashes -> content.

    Nothing is unpacked to disk, so no folder can be left half full.
    """
    with tarfile.open(archive, "r|*") as stream:  # As a stream it is read only once.
        return _below_common_folder(
            {
                PurePosixPath(member.name).as_posix(): stream.extractfile(member).read()
                for member in stream
                if member.isfile()
            }
        )


def _below_common_folder(files):
    if len({path.partition("/")[0] for path in files}) != 1:
        return files
    return {path.partition("/")[2]: content for path, content in files.items()}


def text(files, path):
    """The text of one of these files."""
    if path not in files:
        raise ValueError(
            f"Expected a file {path} beside the folders of clips. Received: "
            f"{len(files)} files, none of that name. Unpack the whole archive again, "
            "or delete the folder and leave the archive."
        )
    content = files[path]
    content = content if isinstance(content, bytes) else content.read_bytes()
    return content.decode()


def waveform(files, path, sample_rate):
    """The samples of one of these files, a wav, in [-1, 1] at `sample_rate`."""
    content = files[path]
    with warnings.catch_warnings():
        # Some clips have text beside the samples; SciPy leaves it out and warns.
        warnings.simplefilter("ignore", scipy.io.wavfile.WavFileWarning)
        rate, samples = scipy.io.wavfile.read(
            io.BytesIO(content) if isinstance(content, bytes) else content
        )
    if samples.dtype != np.int16 or samples.ndim != 1:
        raise ValueError(
            f"Expected 16-bit samples of one channel in {path}. Received: "
            f"{samples.dtype} {samples.shape}. Convert the file or get it again."
        )
    return resampled(samples.astype("float32") / 2**15, rate, sample_rate)


def resampled(samples, rate, sample_rate):
    """Samples in [-1, 1] at another rate."""
    if rate == sample_rate:
        return samples
    common = math.gcd(rate, sample_rate)
    samples = scipy.signal.resample_poly(samples, sample_rate // common, rate // common)
    # The filter overshoots a little at loud edges.
    return np.clip(samples, -1, 1)


def stack(waveforms, length):
    """Waveforms as (N, length) float32, padded with zeros or cut."""
    waveforms = list(waveforms)
    result = np.zeros((len(waveforms), length), "float32")
    for row, samples in zip(result, waveforms, strict=True):
        row[: len(samples)] = samples[:length]
    return result

"""The front end of the speech recipe: waveforms to normalised log-spectrograms."""

import keras
import numpy as np
from keras import ops

# Below it a clip is silence: one step of 16-bit noise gives a thousand times more.
_SMALLEST_STD = 1e-6
# Its root is far below any magnitude that counts; the gradient of the root is finite.
_SMALLEST_POWER = 1e-16


@keras.saving.register_keras_serializable(package="keras_multimix_recipes")
class LogSpectrogram(keras.layers.Layer):
    """Turns waveforms into normalised log-spectrograms.

    Hamming windows of `window` samples, one every `hop` samples and centred on it (the
    ends are reflected), magnitude of their Fourier transform, log(1 + m); then each
    clip's mean is subtracted and it is divided by its standard deviation. A silent
    clip gives zeros. One second at 16 kHz gives the 160 × 101 of the mixup paper: of
    the 161 frequencies (0 to 8 kHz in steps of 50 Hz) the first, 0 Hz, is left out: it
    holds the microphone's offset and no speech.

    The layer has no weights. As the first layer of a model it lets `MixupModel` mix
    waveforms (`mix_at=["input"]`) or, by its name, spectrograms
    (`mix_at=["spectrogram"]`).

    Args:
        window: samples of a window, even; 320 are 20 ms at 16 kHz.
        hop: samples from a window to the next; 160 are 10 ms at 16 kHz.
        name: name of the layer.
        **kwargs: of `keras.layers.Layer`.

    Call arguments:
        inputs: (B, samples) waveforms, more than half a window long.

    Returns:
        (B, window / 2, 1 + samples // hop, 1): frequency, time, channel.
    """

    def __init__(self, window=320, hop=160, name="spectrogram", **kwargs):
        if window < 2 or window % 2 or not 1 <= hop <= window:
            raise ValueError(
                "Expected an even `window` and a `hop` from 1 to `window`. Received: "
                f"window={window}, hop={hop}. Use, for example, 320 and 160."
            )
        # Half precision would round the waveform before the transform.
        super().__init__(name=name, **{"autocast": False, **kwargs})
        self.window = window
        self.hop = hop

    def build(self, input_shape):
        """Checks the shape of the waveforms."""
        self.compute_output_shape(input_shape)
        self.built = True

    def call(self, inputs):
        """Returns the spectrograms of `inputs`."""
        real, imaginary = ops.stft(
            ops.cast(inputs, "float32"),
            sequence_length=self.window,
            sequence_stride=self.hop,
            fft_length=self.window,
            window="hamming",
        )
        power = ops.square(real) + ops.square(imaginary)
        values = ops.log1p(ops.sqrt(ops.maximum(power, _SMALLEST_POWER)))
        values = ops.swapaxes(values[..., 1:], -1, -2)
        # Not in place (`-=`): PyTorch's gradient needs the values as they were.
        values = values - ops.mean(values, axis=(-1, -2), keepdims=True)
        variance = ops.mean(ops.square(values), axis=(-1, -2), keepdims=True)
        values = values / ops.sqrt(ops.maximum(variance, _SMALLEST_STD**2))
        return ops.cast(values[..., None], self.compute_dtype)

    def compute_output_shape(self, input_shape):
        """Shape of the spectrograms of waveforms (B, samples)."""
        if len(input_shape) != 2 or (input_shape[1] or 0) <= self.window // 2:
            raise ValueError(
                f"Expected waveforms (batch, samples) of more than {self.window // 2} "
                f"samples. Received: shape {tuple(input_shape)}. Give mono clips of "
                "one length without a channel axis."
            )
        batch, samples = input_shape
        return (batch, self.window // 2, 1 + samples // self.hop, 1)

    def get_config(self):
        """Arguments that build the layer again."""
        return {**super().get_config(), "window": self.window, "hop": self.hop}


def spectrograms(waveforms, batch_size=256, **arguments):
    """Log-spectrograms of a whole array, computed once and in batches.

    Args:
        waveforms: (N, samples) array.
        batch_size: rows computed at a time.
        **arguments: of `LogSpectrogram`.

    Returns:
        NumPy array (N, window / 2, 1 + samples // hop, 1) float32; 65 kB a row for one
        second at 16 kHz.
    """
    layer = LogSpectrogram(dtype="float32", **arguments)
    result = np.empty(layer.compute_output_shape(np.shape(waveforms)), "float32")
    for start in range(0, len(result), batch_size):
        rows = slice(start, start + batch_size)
        result[rows] = ops.convert_to_numpy(layer(waveforms[rows]))
    return result

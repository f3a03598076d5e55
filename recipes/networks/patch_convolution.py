"""A convolution that is one matrix product of patches, for small images on a CPU."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_multimix_recipes")
class PatchConv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D` by another way: patches side by side, times the kernel.

    Weights and results are those of `Conv2D`, up to rounding. A patch holds the pixels
    under the kernel, so the images are copied once for each pixel of the kernel. XLA's
    convolutions leave most of a CPU unused where images are small and channels many;
    there the copies cost less than that. Where images are large it is slower.

    Takes the arguments of `Conv2D`, with `data_format="channels_last"`, without
    dilation and groups.

    Call arguments:
        inputs: (B, height, width, channels).

    Returns:
        (B, new height, new width, filters).

    Raises:
        ValueError: channels first, a dilation or groups; a height or width of None.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if (self.data_format, self.dilation_rate, self.groups) != (
            "channels_last",
            (1, 1),
            1,
        ):
            raise ValueError(
                "Expected channels last, no dilation and one group. Received: "
                f"data_format={self.data_format!r}, dilation_rate="
                f"{self.dilation_rate}, groups={self.groups}. Use `Conv2D`."
            )

    def build(self, input_shape):
        """Makes the weights; the images have one known size."""
        if None in input_shape[1:3]:
            raise ValueError(
                "Expected images of known height and width. Received: inputs of shape "
                f"{tuple(input_shape)}. Give keras.Input the sizes, or use `Conv2D`."
            )
        super().build(input_shape)

    def convolution_op(self, inputs, kernel):
        """Returns the images times the kernel, without bias and activation."""
        _, height, width, filters = self.compute_output_shape(inputs.shape)
        if self.padding == "same":
            inputs = ops.pad(inputs, ((0, 0), *self._margins(inputs.shape), (0, 0)))
        rows, columns = self.strides
        shifted = [
            inputs[
                :,
                i : i + (height - 1) * rows + 1 : rows,
                j : j + (width - 1) * columns + 1 : columns,
            ]
            for i in range(self.kernel_size[0])
            for j in range(self.kernel_size[1])
        ]
        patches = ops.concatenate(shifted, axis=-1)
        numbers = patches.shape[-1]
        outputs = ops.matmul(
            ops.reshape(patches, (-1, numbers)), ops.reshape(kernel, (numbers, -1))
        )
        return ops.reshape(outputs, (-1, height, width, filters))

    def _margins(self, shape):
        # As Keras has it: the odd row of zeros lies below and to the right.
        margins = []
        for size, kernel, stride in zip(
            shape[1:3], self.kernel_size, self.strides, strict=True
        ):
            missing = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            margins.append((missing // 2, missing - missing // 2))
        return margins

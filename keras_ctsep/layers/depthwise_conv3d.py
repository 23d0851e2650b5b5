"""The depthwise 3-D convolution that Keras lacks."""

import keras

from keras_ctsep import ops
from keras_ctsep.layers.base import BaseConv3D
from keras_ctsep.ops.arguments import positive


@keras.saving.register_keras_serializable(package="keras_ctsep")
class DepthwiseConv3D(BaseConv3D):
    """3-D convolution of each channel separately: Keras's `DepthwiseConv2D` with a time axis.

    Windows that are flat in space or in time, `(kt, 1, 1)` and `(1, kh, kw)`, run as 2-D
    convolutions over folded axes.

    Args:
        kernel_size: int or `(frames, height, width)`.
        strides: int or `(frames, height, width)`.
        padding: `"valid"`, `"same"`, `"causal"` (over time as in Keras's `Conv1D`, over space
            `"same"`), or a tuple of a value for each axis: an int, the zeros on both sides,
            `"same"`, or for the frames `"causal"`.
        depth_multiplier: output channels per input channel.
        depthwise_initializer: initializer of the kernel.
        **kwargs: `dilation_rate`, `activation`, `use_bias`, `use_norm` and the other arguments
            of `BaseConv3D`.

    Input shape:
        `(batch, frames, height, width, channels)`; all but the channels may be unknown.

    Output shape:
        `(batch, new_frames, new_height, new_width, channels * depth_multiplier)`, where channel
        `c * depth_multiplier + m` is made of input channel `c`.

    Raises:
        ValueError: for a window, stride, padding or dilation out of range.

    Example:
    >>> import keras
    >>> clip = keras.Input((16, 112, 112, 3))
    >>> DepthwiseConv3D((3, 5, 5), strides=(1, 2, 2), padding="same")(clip).shape
    (None, 16, 56, 56, 3)
    """

    def __init__(
        self,
        kernel_size,
        strides=1,
        padding="valid",
        depth_multiplier=1,
        depthwise_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(kernel_size, strides, padding, **kwargs)
        self.depth_multiplier = positive(depth_multiplier, "depth_multiplier")
        self.depthwise_initializer = keras.initializers.get(depthwise_initializer)

    def build(self, input_shape):
        channels = self.check_channels(input_shape)
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        self.depthwise_kernel = self.add_kernel(
            "depthwise_kernel", shape, self.depthwise_initializer
        )
        self.build_end(channels * self.depth_multiplier)

    @property
    def last_kernel(self):
        return self.depthwise_kernel

    def apply_last(self, inputs, kernel, window, **end):
        return ops.depthwise_conv3d(inputs, kernel, *window, **end)

    def compute_output_shape(self, input_shape):
        return self.output_shape_with(input_shape, input_shape[-1] * self.depth_multiplier)

    def get_config(self):
        return {
            **super().get_config(),
            "depth_multiplier": self.depth_multiplier,
            "depthwise_initializer": keras.initializers.serialize(self.depthwise_initializer),
        }

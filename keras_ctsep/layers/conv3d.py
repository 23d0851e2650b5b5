"""Keras's dense 3-D convolution, in the form that is fast for its window."""

import keras

from keras_ctsep import ops
from keras_ctsep.layers.base import BaseConv3D
from keras_ctsep.ops.arguments import positive


@keras.saving.register_keras_serializable(package="keras_ctsep")
class Conv3D(BaseConv3D):
    """3-D convolution of all channels into each: `keras.layers.Conv3D` with faster windows.

    Windows that are flat in space or in time, `(kt, 1, 1)` and `(1, kh, kw)`, run as 2-D
    convolutions over folded axes, `(1, 1, 1)` as a matrix product.

    Args:
        filters: channels out.
        kernel_size: int or `(frames, height, width)`.
        strides: int or `(frames, height, width)`.
        padding: `"valid"`, `"same"`, `"causal"` (over time as in Keras's `Conv1D`, over space
            `"same"`), or a tuple of a value for each axis: an int, the zeros on both sides,
            `"same"`, or for the frames `"causal"`.
        kernel_initializer: initializer of the kernel.
        **kwargs: `dilation_rate`, `activation`, `use_bias`, `use_norm` and the other arguments
            of `BaseConv3D`.

    Input shape:
        `(batch, frames, height, width, channels)`; all but the channels may be unknown.

    Output shape:
        `(batch, new_frames, new_height, new_width, filters)`.

    Raises:
        ValueError: for a number, window, stride, padding or dilation out of range.

    Example:
    >>> import keras
    >>> clip = keras.Input((16, 112, 112, 3))
    >>> Conv3D(64, (3, 7, 7), strides=(1, 2, 2), padding=(1, 3, 3), use_norm=True)(clip).shape
    (None, 16, 56, 56, 64)
    """

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        kernel_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(kernel_size, strides, padding, **kwargs)
        self.filters = positive(filters, "filters")
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape):
        shape = (*self.kernel_size, self.check_channels(input_shape), self.filters)
        self.kernel = self.add_kernel("kernel", shape, self.kernel_initializer)
        self.build_end(self.filters)

    @property
    def last_kernel(self):
        return self.kernel

    def apply_last(self, inputs, kernel, window, **end):
        return ops.conv3d(inputs, kernel, *window, **end)

    def compute_output_shape(self, input_shape):
        return self.output_shape_with(input_shape, self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }

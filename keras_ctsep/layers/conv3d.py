"""Keras's dense 3-D convolution, in the form that is fast for its window."""

import keras

from keras_ctsep import ops
from keras_ctsep.layers.base import BaseConv3D
from keras_ctsep.layers.batch_normalization import BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM


@keras.saving.register_keras_serializable(package="keras_ctsep")
class Conv3D(BaseConv3D):
    """3-D convolution of all channels into each: `keras.layers.Conv3D` with faster windows.

    Windows that are flat in space or in time, `(kt, 1, 1)` and `(1, kh, kw)`, run as 2-D
    convolutions over folded axes, `(1, 1, 1)` as a matrix product.

    Args:
        filters: channels out.
        kernel_size: int or `(frames, height, width)`.
        strides: int or `(frames, height, width)`.
        padding: `"valid"`, `"same"` as in Keras, or ints: zeros on both sides of each axis.
        dilation_rate: int or `(frames, height, width)`; not together with strides above 1.
        activation: function or name of it, applied at the end.
        use_bias: whether to add a bias.
        use_norm: whether batch norm comes before the activation. Out of training it is folded
            into the kernel.
        norm_momentum: momentum of the norm's moving mean and variance.
        norm_epsilon: float that the norm adds to the variance.
        kernel_initializer: initializer of the kernel.
        bias_initializer: initializer of the bias.
        kernel_regularizer: regularizer of the kernel.
        bias_regularizer: regularizer of the bias.
        kernel_constraint: constraint of the kernel.
        bias_constraint: constraint of the bias.
        **kwargs: `name`, `dtype` and the other arguments of every Keras layer.

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

    KERNELS = ("kernel",)

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        dilation_rate=1,
        activation=None,
        use_bias=True,
        use_norm=False,
        norm_momentum=BATCH_NORM_MOMENTUM,
        norm_epsilon=BATCH_NORM_EPSILON,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        options = {
            "kernel_initializer": kernel_initializer,
            "bias_initializer": bias_initializer,
            "kernel_regularizer": kernel_regularizer,
            "bias_regularizer": bias_regularizer,
            "kernel_constraint": kernel_constraint,
            "bias_constraint": bias_constraint,
        }
        window = (kernel_size, strides, padding, dilation_rate)
        norm = (use_norm, norm_momentum, norm_epsilon)
        super().__init__(*window, activation, use_bias, *norm, options, **kwargs)
        self.filters = ops.positive(filters, "filters")

    def build(self, input_shape):
        channels = self.check_channels(input_shape)
        self.kernel = self.add_kernel("kernel", (*self.kernel_size, channels, self.filters))
        self.add_end(self.filters)

    def convolve(self, inputs, last_kernel, training, bias, relu):
        window = (self.strides, self.padding, self.dilation_rate)
        return ops.conv3d(inputs, last_kernel, *window, bias=bias, relu=relu)

    def compute_output_shape(self, input_shape):
        return self.output_shape_with(input_shape, self.filters)

    def get_config(self):
        return {**super().get_config(), "filters": self.filters}

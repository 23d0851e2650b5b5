"""The depthwise 3-D convolution that Keras lacks."""

import keras

from keras_ctsep import ops
from keras_ctsep.layers.base import BaseConv3D
from keras_ctsep.layers.batch_normalization import BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM


@keras.saving.register_keras_serializable(package="keras_ctsep")
class DepthwiseConv3D(BaseConv3D):
    """3-D convolution of each channel by itself: Keras's `DepthwiseConv2D` with a time axis.

    Windows that are flat in space or in time, `(kt, 1, 1)` and `(1, kh, kw)`, run as 2-D
    convolutions over folded axes.

    Args:
        kernel_size: int or `(frames, height, width)`.
        strides: int or `(frames, height, width)`.
        padding: `"valid"`, `"same"` as in Keras, or ints: zeros on both sides of each axis.
        depth_multiplier: output channels per input channel.
        dilation_rate: int or `(frames, height, width)`; not together with strides above 1.
        activation: function or name of it, applied at the end.
        use_bias: whether to add a bias.
        use_norm: whether batch norm comes before the activation. Out of training it is folded
            into the kernel.
        norm_momentum: momentum of the norm's moving mean and variance.
        norm_epsilon: float that the norm adds to the variance.
        depthwise_initializer: initializer of the kernel.
        bias_initializer: initializer of the bias.
        depthwise_regularizer: regularizer of the kernel.
        bias_regularizer: regularizer of the bias.
        depthwise_constraint: constraint of the kernel.
        bias_constraint: constraint of the bias.
        **kwargs: `name`, `dtype` and the other arguments of every Keras layer.

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

    KERNELS = ("depthwise",)

    def __init__(
        self,
        kernel_size,
        strides=1,
        padding="valid",
        depth_multiplier=1,
        dilation_rate=1,
        activation=None,
        use_bias=True,
        use_norm=False,
        norm_momentum=BATCH_NORM_MOMENTUM,
        norm_epsilon=BATCH_NORM_EPSILON,
        depthwise_initializer="glorot_uniform",
        bias_initializer="zeros",
        depthwise_regularizer=None,
        bias_regularizer=None,
        depthwise_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        options = {
            "depthwise_initializer": depthwise_initializer,
            "bias_initializer": bias_initializer,
            "depthwise_regularizer": depthwise_regularizer,
            "bias_regularizer": bias_regularizer,
            "depthwise_constraint": depthwise_constraint,
            "bias_constraint": bias_constraint,
        }
        window = (kernel_size, strides, padding, dilation_rate)
        norm = (use_norm, norm_momentum, norm_epsilon)
        super().__init__(*window, activation, use_bias, *norm, options, **kwargs)
        self.depth_multiplier = ops.positive(depth_multiplier, "depth_multiplier")

    def build(self, input_shape):
        channels = self.check_channels(input_shape)
        self.depthwise_kernel = self.add_kernel(
            "depthwise", (*self.kernel_size, channels, self.depth_multiplier)
        )
        self.add_end(channels * self.depth_multiplier)

    def convolve(self, inputs, last_kernel, training, bias, relu):
        window = (self.strides, self.padding, self.dilation_rate)
        return ops.depthwise_conv3d(inputs, last_kernel, *window, bias=bias, relu=relu)

    def compute_output_shape(self, input_shape):
        return self.output_shape_with(input_shape, input_shape[-1] * self.depth_multiplier)

    def get_config(self):
        return {**super().get_config(), "depth_multiplier": self.depth_multiplier}

"""R(2+1)D's convolution: over space, then over time."""

import keras

from keras_ctsep import ops
from keras_ctsep.layers.base import BaseConv3D
from keras_ctsep.layers.batch_normalization import BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM


@keras.saving.register_keras_serializable(package="keras_ctsep")
class Conv2Plus1D(BaseConv3D):
    """(2+1)D convolution: `(1, kh, kw)` over space, batch norm, ReLU, `(kt, 1, 1)` over time.

    Args:
        filters: channels out.
        kernel_size: int or `(frames, height, width)`; the spatial factor takes height and width,
            the temporal one frames. So do `strides`, `padding` and `dilation_rate`.
        strides: int or `(frames, height, width)`.
        padding: `"valid"`, `"same"` as in Keras, or ints: zeros on both sides of each axis, put
            before the factor that moves over it.
        mid_filters: channels between the factors. Default: as many as give the weights of the
            full 3-D convolution, `t * d * d * C * F // (d * d * C + t * F)` for a window
            `(t, d, d)`, C channels in and F out.
        dilation_rate: int or `(frames, height, width)`; not together with strides above 1.
        activation: function or name of it, applied at the end.
        use_bias: whether to add a bias at the end.
        use_norm: whether batch norm comes before the activation. Out of training it is folded
            into the temporal kernel.
        norm_momentum: momentum of both norms' moving mean and variance.
        norm_epsilon: float that both norms add to the variance.
        spatial_initializer: initializer of the spatial kernel.
        temporal_initializer: initializer of the temporal kernel.
        bias_initializer: initializer of the bias.
        spatial_regularizer: regularizer of the spatial kernel.
        temporal_regularizer: regularizer of the temporal kernel.
        bias_regularizer: regularizer of the bias.
        spatial_constraint: constraint of the spatial kernel.
        temporal_constraint: constraint of the temporal kernel.
        bias_constraint: constraint of the bias.
        **kwargs: `name`, `dtype` and the other arguments of every Keras layer.

    Input shape:
        `(batch, frames, height, width, channels)`; all but the channels may be unknown.

    Output shape:
        `(batch, new_frames, new_height, new_width, filters)`.

    Raises:
        ValueError: for a number or window, stride, padding or dilation out of range.

    Example:
    >>> import keras
    >>> clip = keras.Input((16, 112, 112, 3))
    >>> layer = Conv2Plus1D(64, (3, 7, 7), strides=(1, 2, 2), padding="same", use_bias=False)
    >>> layer(clip).shape
    (None, 16, 56, 56, 64)
    >>> layer.mid_filters_for(3)
    83

    Reference:
        Tran et al. 2018, "A Closer Look at Spatiotemporal Convolutions for Action Recognition",
        arXiv 1711.11248, section 3.5.
    """

    KERNELS = ("spatial", "temporal")

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        mid_filters=None,
        dilation_rate=1,
        activation=None,
        use_bias=True,
        use_norm=False,
        norm_momentum=BATCH_NORM_MOMENTUM,
        norm_epsilon=BATCH_NORM_EPSILON,
        spatial_initializer="glorot_uniform",
        temporal_initializer="glorot_uniform",
        bias_initializer="zeros",
        spatial_regularizer=None,
        temporal_regularizer=None,
        bias_regularizer=None,
        spatial_constraint=None,
        temporal_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        options = {
            "spatial_initializer": spatial_initializer,
            "temporal_initializer": temporal_initializer,
            "bias_initializer": bias_initializer,
            "spatial_regularizer": spatial_regularizer,
            "temporal_regularizer": temporal_regularizer,
            "bias_regularizer": bias_regularizer,
            "spatial_constraint": spatial_constraint,
            "temporal_constraint": temporal_constraint,
            "bias_constraint": bias_constraint,
        }
        window = (kernel_size, strides, padding, dilation_rate)
        norm = (use_norm, norm_momentum, norm_epsilon)
        super().__init__(*window, activation, use_bias, *norm, options, **kwargs)
        self.filters = ops.positive(filters, "filters")
        self.mid_filters = mid_filters
        if mid_filters is not None:
            ops.positive(mid_filters, "mid_filters")
        self.mid_norm = self.make_norm("mid_norm", activation="relu")

    def mid_filters_for(self, channels):
        """Returns the channels between the factors for `channels` coming in."""
        if self.mid_filters is not None:
            return self.mid_filters
        time, height, width = self.kernel_size
        return plain_mid_filters(channels, self.filters, time, height * width)

    def build(self, input_shape):
        channels = self.check_channels(input_shape)
        mid_filters = self.mid_filters_for(channels)
        time, height, width = self.kernel_size
        self.spatial_kernel = self.add_kernel("spatial", (1, height, width, channels, mid_filters))
        self.mid_norm.build((*input_shape[:-1], mid_filters))
        self.temporal_kernel = self.add_kernel("temporal", (time, 1, 1, mid_filters, self.filters))
        self.add_end(self.filters)

    def convolve(self, inputs, last_kernel, training, bias, relu):
        window = (self.strides, self.padding, self.dilation_rate)

        def over_space(inputs, kernel, **end):
            return ops.conv3d(inputs, kernel, *ops.over_space(*window), **end)

        def over_time(inputs, kernel):
            return ops.conv3d(inputs, kernel, *ops.over_time(*window), bias=bias, relu=relu)

        spatial_kernel = keras.ops.convert_to_tensor(self.spatial_kernel)
        if not training:
            spatial_kernel, inner_bias = self.mid_norm.folded_into(spatial_kernel)
            outputs = over_space(inputs, spatial_kernel, bias=inner_bias, relu=True)
            return over_time(outputs, last_kernel)
        more = ops.channels_to_add(spatial_kernel.shape[-1])
        if more:
            spatial_kernel = keras.ops.pad(spatial_kernel, (*((0, 0),) * 4, (0, more)))
            last_kernel = keras.ops.pad(last_kernel, (*((0, 0),) * 3, (0, more), (0, 0)))
        outputs = over_space(inputs, spatial_kernel)
        return self.mid_norm.relu_between(lambda outputs: outputs, over_time, outputs, last_kernel)

    def compute_output_shape(self, input_shape):
        return self.output_shape_with(input_shape, self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "mid_filters": self.mid_filters,
        }


def plain_mid_filters(channels, filters, time=3, area=9):
    """Returns the mid filters that give a (2+1)D convolution the weights of the 3-D one.

    Args:
        channels: channels in.
        filters: channels out.
        time: frames of the window.
        area: height times width of the window.

    Returns:
        `time * area * channels * filters // (area * channels + time * filters)`, section 3.5 of
        arXiv 1711.11248; at least 1.

    Example:
    >>> plain_mid_filters(64, 64)
    144
    """
    return max(1, time * area * channels * filters // (area * channels + time * filters))

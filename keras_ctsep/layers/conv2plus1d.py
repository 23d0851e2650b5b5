"""R(2+1)D's convolution: over space, then over time."""

import keras

from keras_ctsep import ops
from keras_ctsep.layers.factorized import FactorizedConv3D
from keras_ctsep.ops.arguments import positive


@keras.saving.register_keras_serializable(package="keras_ctsep")
class Conv2Plus1D(FactorizedConv3D):
    """(2+1)D convolution: `(1, kh, kw)` over space, batch norm, ReLU, `(kt, 1, 1)` over time.

    Args:
        filters: channels out.
        kernel_size: int or `(frames, height, width)`; the spatial factor takes height and width,
            the temporal one frames. So do `strides`, `padding` and `dilation_rate`.
        strides: int or `(frames, height, width)`.
        padding: `"valid"`, `"same"`, `"causal"` (over time as in Keras's `Conv1D`, over space
            `"same"`), or a tuple of a value for each axis: an int, the zeros on both sides,
            `"same"`, or for the frames `"causal"`. They are put before the factor that moves over
            the axis.
        mid_filters: channels between the factors. Default: as many as give the weights of the
            full 3-D convolution, `t * d * d * C * F // (d * d * C + t * F)` for a window
            `(t, d, d)`, C channels in and F out.
        spatial_initializer: initializer of the spatial kernel.
        temporal_initializer: initializer of the temporal kernel.
        **kwargs: `dilation_rate`, `activation`, `use_bias`, `use_norm` and the other arguments
            of `BaseConv3D`.

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

    # They would take longer than what their outputs take in memory is worth.
    rematerializes_first_factors = False

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        mid_filters=None,
        spatial_initializer="glorot_uniform",
        temporal_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(kernel_size, strides, padding, **kwargs)
        self.filters = positive(filters, "filters")
        self.mid_filters = mid_filters
        if mid_filters is not None:
            positive(mid_filters, "mid_filters")
        self.spatial_initializer = keras.initializers.get(spatial_initializer)
        self.temporal_initializer = keras.initializers.get(temporal_initializer)
        self.mid_norm = self.make_norm("mid_norm", activation="relu")

    def mid_filters_for(self, channels):
        """Returns the channels between the factors for `channels` coming in."""
        if self.mid_filters is not None:
            return self.mid_filters
        time, height, width = self.kernel_size
        return default_mid_filters(channels, self.filters, time, height * width)

    def build(self, input_shape):
        channels = self.check_channels(input_shape)
        mid_filters = self.mid_filters_for(channels)
        time, height, width = self.kernel_size
        self.spatial_kernel = self.add_kernel(
            "spatial_kernel", (1, height, width, channels, mid_filters), self.spatial_initializer
        )
        self.mid_norm.build((*input_shape[:-1], mid_filters))
        self.temporal_kernel = self.add_kernel(
            "temporal_kernel", (time, 1, 1, mid_filters, self.filters), self.temporal_initializer
        )
        self.build_end(self.filters)

    def first_kernels(self):
        return [self.spatial_kernel]

    def first_factors(self, inputs, *kernels, **end):
        (spatial_kernel,) = kernels
        return ops.conv3d(inputs, spatial_kernel, *ops.over_space(*self.window), **end)

    def widened(self, inputs, kernels, gamma, beta, temporal_kernel):
        (spatial_kernel,) = kernels
        more = (0, ops.channels_to_add(spatial_kernel.shape[-1], inputs))
        if more == (0, 0):
            return kernels, gamma, beta, temporal_kernel
        none = (0, 0)
        return (
            [keras.ops.pad(spatial_kernel, (none, none, none, none, more))],
            keras.ops.pad(gamma, (more,)),
            keras.ops.pad(beta, (more,)),
            keras.ops.pad(temporal_kernel, (none, none, none, more, none)),
        )

    def compute_output_shape(self, input_shape):
        return self.output_shape_with(input_shape, self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "mid_filters": self.mid_filters,
            "spatial_initializer": keras.initializers.serialize(self.spatial_initializer),
            "temporal_initializer": keras.initializers.serialize(self.temporal_initializer),
        }


def default_mid_filters(channels, filters, time=3, area=9):
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
    >>> default_mid_filters(64, 64)
    144
    """
    return max(1, time * area * channels * filters // (area * channels + time * filters))

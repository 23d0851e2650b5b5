"""The channel- and time-separable convolution."""

import keras

from keras_ctsep import ops
from keras_ctsep.layers.factorized import CONVOLUTIONS, FactorizedConv3D
from keras_ctsep.ops.arguments import positive

# Up to that many channels the backward pass computes the first factors again. With more, computing
# them takes ever longer for the memory that their outputs would take.
MAX_CHANNELS_AGAIN = 64


@keras.saving.register_keras_serializable(package="keras_ctsep")
class CTSeparableConv3D(FactorizedConv3D):
    """Channel- and time-separable convolution: space, then channels, then time.

        (1, kh, kw) depthwise -> (1, 1, 1) pointwise -> batch norm, ReLU -> (kt, 1, 1)

    Nothing stands between the depthwise and the pointwise factor: Xception's comparison found no
    activation best there. The ReLU before the temporal factor is what R(2+1)D credits for its
    richer functions. For C channels in and out and a window of 3 it has `9 C + C² + 3 C²` weights
    (`9 C + C² + 3 C` with a depthwise temporal factor) where a 3-D convolution has `27 C²`.

    Args:
        filters: channels out, and channels between the pointwise and the temporal factor.
        kernel_size: int or `(frames, height, width)`; the spatial factor takes height and width,
            the temporal one frames. So do `strides`, `padding` and `dilation_rate`.
        strides: int or `(frames, height, width)`.
        padding: `"valid"`, `"same"`, `"causal"` (over time as in Keras's `Conv1D`, over space
            `"same"`), or a tuple of a value for each axis: an int, the zeros on both sides,
            `"same"`, or for the frames `"causal"`. They are put before the factor that moves over
            the axis.
        depth_multiplier: channels after the spatial factor per channel in.
        spatial: `"depthwise"`: the spatial factor convolves each channel separately; `"full"`: all
            channels into each.
        temporal: the same for the temporal factor.
        use_mid_norm: whether batch norm and ReLU stand before the temporal factor. Without them the
            layer is linear, and networks learnt motion faster from few clips
            (docs/guides/accuracy.md).
        spatial_initializer: initializer of the spatial kernel.
        pointwise_initializer: initializer of the pointwise kernel.
        temporal_initializer: initializer of the temporal kernel.
        **kwargs: `dilation_rate`, `activation`, `use_bias`, `use_norm` and the other arguments
            of `BaseConv3D`.

    Input shape:
        `(batch, frames, height, width, channels)`; all but the channels may be unknown.

    Output shape:
        `(batch, new_frames, new_height, new_width, filters)`.

    Raises:
        ValueError: for a number, a kind of factor, or a window, stride, padding or dilation out of
            range.

    Example:
    >>> import keras
    >>> clip = keras.Input((16, 56, 56, 64))
    >>> layer = CTSeparableConv3D(64, 3, padding="same", temporal="depthwise", use_bias=False)
    >>> layer(clip).shape
    (None, 16, 56, 56, 64)
    >>> layer.count_params() - layer.mid_norm.count_params()
    4864

    Reference:
        Chollet 2017, "Xception", arXiv 1610.02357, sections 1.2 and 4.7; Tran et al. 2018, "A
        Closer Look at Spatiotemporal Convolutions for Action Recognition", arXiv 1711.11248,
        section 3.5.
    """

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        depth_multiplier=1,
        spatial="depthwise",
        temporal="full",
        use_mid_norm=True,
        spatial_initializer="glorot_uniform",
        pointwise_initializer="glorot_uniform",
        temporal_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(kernel_size, strides, padding, **kwargs)
        for name, kind in (("spatial", spatial), ("temporal", temporal)):
            if kind not in CONVOLUTIONS:
                raise ValueError(f'`{name}` must be "depthwise" or "full". Received: {name}={kind}')
        self.filters = positive(filters, "filters")
        self.depth_multiplier = positive(depth_multiplier, "depth_multiplier")
        self.spatial = spatial
        self.temporal = temporal
        self.spatial_initializer = keras.initializers.get(spatial_initializer)
        self.pointwise_initializer = keras.initializers.get(pointwise_initializer)
        self.temporal_initializer = keras.initializers.get(temporal_initializer)
        self.use_mid_norm = use_mid_norm
        if use_mid_norm:
            self.mid_norm = self.make_norm("mid_norm", activation="relu")

    def build(self, input_shape):
        channels = self.check_channels(input_shape)
        time, height, width = self.kernel_size
        mid_filters = channels * self.depth_multiplier
        outputs = self.depth_multiplier if self.spatial == "depthwise" else mid_filters
        self.spatial_kernel = self.add_kernel(
            "spatial_kernel", (1, height, width, channels, outputs), self.spatial_initializer
        )
        self.pointwise_kernel = self.add_kernel(
            "pointwise_kernel", (1, 1, 1, mid_filters, self.filters), self.pointwise_initializer
        )
        if self.use_mid_norm:
            self.mid_norm.build((*input_shape[:-1], self.filters))
        outputs = 1 if self.temporal == "depthwise" else self.filters
        self.temporal_kernel = self.add_kernel(
            "temporal_kernel", (time, 1, 1, self.filters, outputs), self.temporal_initializer
        )
        self.build_end(self.filters)

    @property
    def rematerializes_first_factors(self):
        return self.pointwise_kernel.shape[-2] <= MAX_CHANNELS_AGAIN

    def first_kernels(self):
        return [self.spatial_kernel, self.pointwise_kernel]

    def first_factors(self, inputs, *kernels, **end):
        spatial_kernel, pointwise_kernel = kernels
        training = end.get("training", True)
        outputs = CONVOLUTIONS[self.spatial](
            inputs, spatial_kernel, *ops.over_space(*self.window), training=training
        )
        return ops.conv3d(outputs, pointwise_kernel, **end)

    def compute_output_shape(self, input_shape):
        return self.output_shape_with(input_shape, self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "depth_multiplier": self.depth_multiplier,
            "spatial": self.spatial,
            "temporal": self.temporal,
            "use_mid_norm": self.use_mid_norm,
            "spatial_initializer": keras.initializers.serialize(self.spatial_initializer),
            "pointwise_initializer": keras.initializers.serialize(self.pointwise_initializer),
            "temporal_initializer": keras.initializers.serialize(self.temporal_initializer),
        }

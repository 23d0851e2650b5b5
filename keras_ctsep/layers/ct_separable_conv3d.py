"""The channel- and time-separable convolution."""

import keras

from keras_ctsep import ops
from keras_ctsep.layers.base import BaseConv3D
from keras_ctsep.layers.batch_normalization import BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM

CONVOLUTIONS = {"depthwise": ops.depthwise_conv3d, "full": ops.conv3d}

# Up to that many channels the backward pass computes the pointwise product again. With more it
# takes ever longer for the room that its outputs would take: 15 MB a clip of CTSepResNet18, which
# depthwise then took 481 ms for a step in place of 503 on TensorFlow, 697 in place of 764 on
# PyTorch (2026-11-27, in turn, step by step, the CPU of `ops/forms.py`); full took the same.
MAX_CHANNELS_AGAIN = 64


@keras.saving.register_keras_serializable(package="keras_ctsep")
class CTSeparableConv3D(BaseConv3D):
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
        padding: `"valid"`, `"same"` as in Keras, or ints: zeros on both sides of each axis, put
            before the factor that moves over it.
        depth_multiplier: channels after the spatial factor per channel in.
        spatial: `"depthwise"`: the spatial factor takes each channel by itself; `"full"`: all
            channels into each.
        temporal: the same for the temporal factor.
        dilation_rate: int or `(frames, height, width)`; not together with strides above 1.
        activation: function or name of it, applied at the end.
        use_bias: whether to add a bias at the end.
        use_norm: whether batch norm comes before the activation. Out of training it is folded
            into the temporal kernel.
        norm_momentum: momentum of both norms' moving mean and variance.
        norm_epsilon: float that both norms add to the variance.
        spatial_initializer: initializer of the spatial kernel.
        pointwise_initializer: initializer of the pointwise kernel.
        temporal_initializer: initializer of the temporal kernel.
        bias_initializer: initializer of the bias.
        spatial_regularizer: regularizer of the spatial kernel.
        pointwise_regularizer: regularizer of the pointwise kernel.
        temporal_regularizer: regularizer of the temporal kernel.
        bias_regularizer: regularizer of the bias.
        spatial_constraint: constraint of the spatial kernel.
        pointwise_constraint: constraint of the pointwise kernel.
        temporal_constraint: constraint of the temporal kernel.
        bias_constraint: constraint of the bias.
        **kwargs: `name`, `dtype` and the other arguments of every Keras layer.

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

    KERNELS = ("spatial", "pointwise", "temporal")

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        depth_multiplier=1,
        spatial="depthwise",
        temporal="full",
        dilation_rate=1,
        activation=None,
        use_bias=True,
        use_norm=False,
        norm_momentum=BATCH_NORM_MOMENTUM,
        norm_epsilon=BATCH_NORM_EPSILON,
        spatial_initializer="glorot_uniform",
        pointwise_initializer="glorot_uniform",
        temporal_initializer="glorot_uniform",
        bias_initializer="zeros",
        spatial_regularizer=None,
        pointwise_regularizer=None,
        temporal_regularizer=None,
        bias_regularizer=None,
        spatial_constraint=None,
        pointwise_constraint=None,
        temporal_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        options = {
            "spatial_initializer": spatial_initializer,
            "pointwise_initializer": pointwise_initializer,
            "temporal_initializer": temporal_initializer,
            "bias_initializer": bias_initializer,
            "spatial_regularizer": spatial_regularizer,
            "pointwise_regularizer": pointwise_regularizer,
            "temporal_regularizer": temporal_regularizer,
            "bias_regularizer": bias_regularizer,
            "spatial_constraint": spatial_constraint,
            "pointwise_constraint": pointwise_constraint,
            "temporal_constraint": temporal_constraint,
            "bias_constraint": bias_constraint,
        }
        window = (kernel_size, strides, padding, dilation_rate)
        norm = (use_norm, norm_momentum, norm_epsilon)
        super().__init__(*window, activation, use_bias, *norm, options, **kwargs)
        for name, kind in (("spatial", spatial), ("temporal", temporal)):
            if kind not in ("depthwise", "full"):
                raise ValueError(f'`{name}` must be "depthwise" or "full". Received: {name}={kind}')
        self.filters = ops.positive(filters, "filters")
        self.depth_multiplier = ops.positive(depth_multiplier, "depth_multiplier")
        self.spatial = spatial
        self.temporal = temporal
        self.mid_norm = self.make_norm("mid_norm", activation="relu")

    def build(self, input_shape):
        channels = self.check_channels(input_shape)
        time, height, width = self.kernel_size
        mid_filters = channels * self.depth_multiplier
        self.spatial_kernel = self.add_kernel(
            "spatial",
            (1, height, width, channels, self._outputs(self.spatial, channels, mid_filters)),
        )
        self.pointwise_kernel = self.add_kernel("pointwise", (1, 1, 1, mid_filters, self.filters))
        self.mid_norm.build((*input_shape[:-1], self.filters))
        self.temporal_kernel = self.add_kernel(
            "temporal",
            (time, 1, 1, self.filters, self._outputs(self.temporal, self.filters, self.filters)),
        )
        self.add_end(self.filters)

    @staticmethod
    def _outputs(kind, channels, filters):
        return filters // channels if kind == "depthwise" else filters

    def convolve(self, inputs, last_kernel, training, bias, relu):
        window = (self.strides, self.padding, self.dilation_rate)

        def over_space(inputs, kernel):
            return CONVOLUTIONS[self.spatial](inputs, kernel, *ops.over_space(*window))

        def over_space_and_channels(inputs, spatial_kernel, pointwise_kernel):
            return ops.conv3d(over_space(inputs, spatial_kernel), pointwise_kernel)

        def over_time(inputs, kernel):
            end = {"bias": bias, "relu": relu}
            return CONVOLUTIONS[self.temporal](inputs, kernel, *ops.over_time(*window), **end)

        if not training:
            outputs = over_space(inputs, self.spatial_kernel)
            pointwise_kernel, inner_bias = self.mid_norm.folded_into(self.pointwise_kernel)
            outputs = ops.conv3d(outputs, pointwise_kernel, bias=inner_bias, relu=True)
            return over_time(outputs, last_kernel)
        kernels = (self.spatial_kernel, self.pointwise_kernel)
        if self.pointwise_kernel.shape[-2] <= MAX_CHANNELS_AGAIN:
            kernels = (*kernels, last_kernel)
            return self.mid_norm.relu_between(over_space_and_channels, over_time, inputs, *kernels)

        def first(*args, known=None):
            del known  # there is nothing to know
            return over_space_and_channels(*args), ()

        outputs, _ = ops.recomputed(first)(inputs, *kernels)
        return self.mid_norm.relu_between(lambda outputs: outputs, over_time, outputs, last_kernel)

    def compute_output_shape(self, input_shape):
        return self.output_shape_with(input_shape, self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "depth_multiplier": self.depth_multiplier,
            "spatial": self.spatial,
            "temporal": self.temporal,
        }

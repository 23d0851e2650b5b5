"""Convolutions and residual blocks: functions from tensor to tensor.

A convolution here is a function `conv(x, filters, kernel_size, ...)` that normalizes too, and takes
`strides`, `activation` and `name` as the layer does. A block takes one whose kernel size is bound,
so that it does not know which convolution it is made of. Every convolution pads by half its window
on both sides, as PyTorch's `padding=1` does: Keras's `"same"` pads another way where it strides,
and weights of other packages would lead to other numbers. With `causal=True` the zeros over time
all come before the first frame. Networks of TensorFlow's name another `padding`.
"""

import math

from keras import layers

from keras_ctsep.layers import (
    CausalMeans,
    Conv2Plus1D,
    Conv3D,
    CTSeparableConv3D,
    DepthwiseConv3D,
    MaxPooling3D,
)
from keras_ctsep.layers.add_relu import AddReLU
from keras_ctsep.layers.base import require_channels_last
from keras_ctsep.layers.initializers import GlorotUniform, HeNormal, RandomNormal
from keras_ctsep.ops.arguments import positive

EXPANSION = 4  # channels a bottleneck block puts out per channel of its middle convolution


def depthwise_initializer(window, gain):
    """Returns an initializer for one depthwise kernel.

    Keras counts the channels of a depthwise kernel as inputs, which makes its start `channels`
    times too small in power; what one output reads is the window alone. As with all initializers,
    the same instance draws the same numbers again: each kernel needs one of its own.
    """
    return RandomNormal(stddev=math.sqrt(gain / window))


def padding_for(kernel_size, causal=False):
    """Returns the padding that keeps the size of an odd window at stride 1.

    It is equal on both sides; over time, for a causal network, it looks back only.
    """
    frames, *space = (size // 2 for size in kernel_size)
    return ("causal" if causal else frames, *space)


def conv3d(x, filters, kernel_size, causal=False, padding=None, **kwargs):
    """Convolution with one kernel over frames, height and width, and all channels into each."""
    return Conv3D(
        filters,
        kernel_size,
        padding=padding or padding_for(kernel_size, causal),
        use_bias=False,
        use_norm=True,
        kernel_initializer=HeNormal(),
        **kwargs,
    )(x)


def conv2plus1d(x, filters, kernel_size, causal=False, **kwargs):
    """R(2+1)D's convolution, over space and then over time; takes `mid_filters` too."""
    return Conv2Plus1D(
        filters,
        kernel_size,
        padding=padding_for(kernel_size, causal),
        use_bias=False,
        use_norm=True,
        spatial_initializer=HeNormal(),
        temporal_initializer=HeNormal(),
        **kwargs,
    )(x)


def ct_separable_conv3d(x, filters, kernel_size, temporal, causal=False, **kwargs):
    """The channel- and time-separable convolution with a temporal factor of that kind."""
    over_time = HeNormal() if temporal == "full" else depthwise_initializer(kernel_size[0], gain=2)
    return CTSeparableConv3D(
        filters,
        kernel_size,
        padding=padding_for(kernel_size, causal),
        temporal=temporal,
        use_bias=False,
        use_norm=True,
        spatial_initializer=depthwise_initializer(math.prod(kernel_size[1:]), gain=1),
        pointwise_initializer=HeNormal(),
        temporal_initializer=over_time,
        **kwargs,
    )(x)


def depthwise_conv3d(x, kernel_size, causal=False, padding=None, **kwargs):
    """Convolution over frames, height and width of each channel by itself."""
    return DepthwiseConv3D(
        kernel_size,
        padding=padding or padding_for(kernel_size, causal),
        use_bias=False,
        use_norm=True,
        depthwise_initializer=depthwise_initializer(math.prod(kernel_size), gain=2),
        **kwargs,
    )(x)


def squeeze_excite(x, filters, name, activation="relu", gate="sigmoid", causal=False):
    """Scales each channel by what the means of all channels say (arXiv 1709.01507, figure 2).

    With `causal=True` they are the means over space of the frames so far and of each frame.
    """
    settings = {"dtype": "float32", "name": f"{name}_mean"}
    if causal:
        scales = CausalMeans(**settings)(x)
    else:
        scales = layers.GlobalAveragePooling3D(keepdims=True, **settings)(x)
    for part, channels, end in (("squeeze", filters, activation), ("excite", x.shape[-1], gate)):
        scales = Conv3D(
            channels,
            (1, 1, 1),
            activation=end,
            kernel_initializer=HeNormal(),
            name=f"{name}_{part}",
        )(scales)
    return layers.Multiply(name=f"{name}_scale")([x, scales])


def max_pool(x, pool_size, strides, name):
    """Max pooling of what is not negative, padded by half its window on both sides."""
    # Zeros change no maximum there.
    x = layers.ZeroPadding3D(padding_for(pool_size), name=f"{name}_padding")(x)
    return MaxPooling3D(pool_size, strides, name=name)(x)


def add_shortcut(x, shortcut, strides, name):
    """Adds what came in, projected where the shape has changed, and applies ReLU."""
    if max(strides) > 1 or shortcut.shape[-1] != x.shape[-1]:
        shortcut = conv3d(
            shortcut, x.shape[-1], (1, 1, 1), strides=strides, name=f"{name}_shortcut_conv"
        )
    return AddReLU(name=f"{name}_add")([x, shortcut])


def basic_block(x, conv, filters, strides, name):
    """Two convolutions and a shortcut (He et al. 2016, arXiv 1512.03385, figure 5 left)."""
    shortcut = x
    x = conv(x, filters, strides=strides, activation="relu", name=f"{name}_conv1")
    x = conv(x, filters, name=f"{name}_conv2")
    return add_shortcut(x, shortcut, strides, name)


def bottleneck_block(x, conv, filters, strides, name):
    """Narrow, convolve, widen, and a shortcut (arXiv 1512.03385, figure 5 right).

    The strides sit in the middle convolution, which sees every position.
    """
    shortcut = x
    x = conv3d(x, filters, (1, 1, 1), activation="relu", name=f"{name}_conv1")
    x = conv(x, filters, strides=strides, activation="relu", name=f"{name}_conv2")
    x = conv3d(x, EXPANSION * filters, (1, 1, 1), name=f"{name}_conv3")
    return add_shortcut(x, shortcut, strides, name)


def scale_filters(filters, width):
    """Returns the number of filters at that width factor."""
    return max(1, round(filters * width))


def round_to_eight(filters):
    """Returns the nearest multiple of 8, which is at least 8 and not more than a tenth smaller.

    Example:
    >>> [round_to_eight(filters) for filters in (3.4, 13.5, 27)]
    [8, 16, 32]
    """
    rounded = max(8, int(filters + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * filters else rounded


def check_arguments(num_classes, input_shape, include_preprocessing, pooling, dropout, width):
    """Returns `num_classes` as an int.

    Raises:
        ValueError: for arguments out of range that all networks share.
    """
    require_channels_last()
    num_classes = positive(num_classes, "num_classes")
    if len(input_shape) != 4:
        raise ValueError(
            "`input_shape` must be (frames, height, width, channels). "
            f"Received: input_shape={input_shape}"
        )
    if include_preprocessing and input_shape[-1] != 3:
        raise ValueError(
            "Preprocessing is that of RGB frames; `include_preprocessing=False` takes any number "
            f"of channels. Received: input_shape={input_shape}"
        )
    if pooling not in (None, "avg", "max"):
        raise ValueError(f'`pooling` must be None, "avg" or "max". Received: pooling={pooling}')
    if not 0 <= dropout < 1:
        raise ValueError(f"`dropout` must be in [0, 1). Received: dropout={dropout}")
    if not width > 0:
        raise ValueError(f"`width` must be above 0. Received: width={width}")
    return num_classes


def normalize(clips, frames):
    """Frames in 0..255 as the network wants them.

    Args:
        clips: tensor `(batch, frames, height, width, 3)`.
        frames: what has `mean` and `deviation` of frames in 0..1, such as a row of
            `keras_ctsep.weights.published`.
    """
    return layers.Rescaling(
        scale=[1 / (255 * deviation) for deviation in frames.deviation],
        offset=[-m / d for m, d in zip(frames.mean, frames.deviation, strict=True)],
        dtype="float32",  # under mixed precision too: 16 bits cannot tell all grey levels apart
        name="normalization",
    )(clips)


def top(x, num_classes, pooling, dropout, classifier_activation, wide_filters=None):
    """Pooling over frames, height and width, and the classifier, unless `num_classes` is None.

    With `wide_filters` one more layer, of so many features and swish, comes before the classifier.
    """
    if num_classes is None and pooling is None:
        return x
    # Means over thousands of places, and scores, lose too much in 16 bits.
    takes_max = pooling == "max" and num_classes is None
    pool = layers.GlobalMaxPooling3D if takes_max else layers.GlobalAveragePooling3D
    x = pool(dtype="float32", name="pool")(x)
    if num_classes is None:
        return x
    if wide_filters is not None:
        x = layers.Dense(
            wide_filters,
            activation="silu",
            kernel_initializer=HeNormal(),
            dtype="float32",
            name="head_dense",
        )(x)
    if dropout:
        x = layers.Dropout(dropout, dtype="float32", name="dropout")(x)
    return layers.Dense(
        num_classes,
        activation=classifier_activation,
        kernel_initializer=GlorotUniform(),
        dtype="float32",
        name="classifier",
    )(x)

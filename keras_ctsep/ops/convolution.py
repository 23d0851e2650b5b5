"""Dense and depthwise 3-D convolution on `(batch, frames, height, width, channels)`.

A network of factorised convolutions only ever needs windows that are flat in space or in time,
and a flat window is a 2-D convolution (or a matrix product) over axes folded together. These are
far better tuned than the 3-D ones of the backends: the grouped 5-D convolution that Keras's
`Conv3D(groups=channels)` runs is 100 to 300 times slower on TensorFlow's and JAX's CPUs.
"""

from keras import ops

from keras_ctsep.ops.shapes import output_sizes
from keras_ctsep.ops.shapes import padding_pairs
from keras_ctsep.ops.shapes import refuse_strided_dilation
from keras_ctsep.ops.shapes import standardize_padding
from keras_ctsep.ops.shapes import triple


def conv3d(inputs, kernel, strides=1, padding="valid", dilation_rate=1):
    """Convolves over frames, height and width, all input channels into each output channel.

    Args:
        inputs: tensor `(batch, frames, height, width, channels)`.
        kernel: tensor `(frames, height, width, channels, filters)`.
        strides: int or `(frames, height, width)`.
        padding: `"valid"`, `"same"` as in Keras, or ints: zeros on both sides of each axis.
        dilation_rate: int or `(frames, height, width)`; not together with strides above 1.

    Returns:
        Tensor `(batch, new_frames, new_height, new_width, filters)`.

    Raises:
        ValueError: for strides, padding or dilation out of range.

    Example:

    >>> from keras import ops
    >>> outputs = conv3d(ops.ones((1, 4, 5, 5, 2)), ops.ones((3, 1, 1, 2, 6)), padding="same")
    >>> tuple(outputs.shape)
    (1, 4, 5, 5, 6)
    """
    return _flat_window_conv(
        inputs, kernel, strides, padding, dilation_rate, _conv2d, _dense_general
    )


def depthwise_conv3d(inputs, kernel, strides=1, padding="valid", dilation_rate=1):
    """Convolves over frames, height and width, each channel by itself.

    Output channel `c * depth_multiplier + m` is made of input channel `c`, as in Keras's
    `DepthwiseConv2D`.

    Args:
        inputs: tensor `(batch, frames, height, width, channels)`.
        kernel: tensor `(frames, height, width, channels, depth_multiplier)`.
        strides: int or `(frames, height, width)`.
        padding: `"valid"`, `"same"` as in Keras, or ints: zeros on both sides of each axis.
        dilation_rate: int or `(frames, height, width)`; not together with strides above 1.

    Returns:
        Tensor `(batch, new_frames, new_height, new_width, channels * depth_multiplier)`.

    Raises:
        ValueError: for strides, padding or dilation out of range.

    Example:

    >>> from keras import ops
    >>> outputs = depthwise_conv3d(ops.ones((1, 4, 5, 5, 2)), ops.ones((3, 3, 3, 2, 1)))
    >>> float(outputs[0, 0, 0, 0, 0])
    27.0
    """
    return _flat_window_conv(
        inputs, kernel, strides, padding, dilation_rate, _depthwise_conv2d, _depthwise_general
    )


def _flat_window_conv(inputs, kernel, strides, padding, dilation_rate, conv2d, general):
    strides = triple(strides, "strides")
    dilation_rate = triple(dilation_rate, "dilation_rate")
    padding = standardize_padding(padding)
    refuse_strided_dilation(strides, dilation_rate)
    window = tuple(kernel.shape[:3])
    pads = padding_pairs(ops.shape(inputs)[1:4], window, strides, padding, dilation_rate)
    if window[0] == 1 and pads[0] == (0, 0):
        return _over_space(inputs[:, :: strides[0]], kernel, strides, pads, dilation_rate, conv2d)
    if window[1:] == (1, 1) and pads[1:] == ((0, 0), (0, 0)):
        inputs = inputs[:, :, :: strides[1], :: strides[2]]
        return _over_time(inputs, kernel, strides, pads, dilation_rate, conv2d)
    return general(inputs, kernel, strides, pads, dilation_rate)


def _over_space(inputs, kernel, strides, pads, dilation_rate, conv2d):
    # Frames fold into the batch.
    batch, frames, height, width, channels = ops.shape(inputs)
    outputs = conv2d(
        ops.reshape(inputs, (-1, height, width, channels)),
        kernel[0],
        strides[1:],
        pads[1:],
        dilation_rate[1:],
    )
    return ops.reshape(outputs, (batch, frames, *ops.shape(outputs)[1:]))


def _over_time(inputs, kernel, strides, pads, dilation_rate, conv2d):
    # Height and width fold into one axis, which the window (kt, 1) leaves alone.
    batch, frames, height, width, channels = ops.shape(inputs)
    outputs = conv2d(
        ops.reshape(inputs, (batch, frames, -1, channels)),
        kernel[:, 0],
        (strides[0], 1),
        (pads[0], (0, 0)),
        (dilation_rate[0], 1),
    )
    return ops.reshape(outputs, (batch, ops.shape(outputs)[1], height, width, outputs.shape[-1]))


def _conv2d(inputs, kernel, strides, pads, dilation_rate):
    if tuple(kernel.shape[:2]) == (1, 1):
        return ops.matmul(inputs[:, :: strides[0], :: strides[1]], kernel[0, 0])
    inputs, padding = _pad2d(inputs, kernel, strides, pads, dilation_rate)
    return ops.conv(
        inputs,
        kernel,
        strides=strides,
        padding=padding,
        data_format="channels_last",
        dilation_rate=dilation_rate,
    )


def _depthwise_conv2d(inputs, kernel, strides, pads, dilation_rate):
    inputs, padding = _pad2d(inputs, kernel, strides, pads, dilation_rate)
    # TensorFlow's 2-D depthwise convolution wants equal strides.
    step = strides if strides[0] == strides[1] else (1, 1)
    outputs = ops.depthwise_conv(
        inputs,
        kernel,
        strides=step,
        padding=padding,
        data_format="channels_last",
        dilation_rate=dilation_rate,
    )
    return outputs if step == strides else outputs[:, :: strides[0], :: strides[1]]


def _pad2d(inputs, kernel, strides, pads, dilation_rate):
    # At stride 1 the backend's own "same" spares the padded copy.
    known = all(isinstance(zeros, int) for pair in pads for zeros in pair)
    if known and not any(map(any, pads)):
        return inputs, "valid"
    same = padding_pairs((1, 1), kernel.shape[:2], (1, 1), "same", dilation_rate)
    if tuple(strides) == (1, 1) and pads == same:
        return inputs, "same"
    return ops.pad(inputs, ((0, 0), *pads, (0, 0))), "valid"


def _dense_general(inputs, kernel, strides, pads, dilation_rate):
    return ops.conv(
        ops.pad(inputs, ((0, 0), *pads, (0, 0))),
        kernel,
        strides=strides,
        padding="valid",
        data_format="channels_last",
        dilation_rate=dilation_rate,
    )


def _depthwise_general(inputs, kernel, strides, pads, dilation_rate):
    # A sum over the frames of the window, each a depthwise convolution over space.
    inputs = ops.pad(inputs, ((0, 0), pads[0], (0, 0), (0, 0), (0, 0)))
    taps = kernel.shape[0]
    (frames,) = output_sizes(
        ops.shape(inputs)[1:2], (taps,), strides[:1], "valid", dilation_rate[:1]
    )
    flat = (pads[0], *pads[1:])
    outputs = 0
    for tap in range(taps):
        start = tap * dilation_rate[0]
        stop = start + (frames - 1) * strides[0] + 1
        outputs = outputs + _over_space(
            inputs[:, start : stop : strides[0]],
            kernel[tap : tap + 1],
            strides,
            flat,
            dilation_rate,
            _depthwise_conv2d,
        )
    return outputs

"""3-D windows on 2-D convolutions: frames fold into the batch, or height and width into an axis."""

from keras import ops

from keras_ctsep.ops.backend import finish
from keras_ctsep.ops.shapes import every, output_sizes, reshape


def window_kind(window, pads):
    """Returns "point" for (1, 1, 1), "space" for (1, height, width), "time" for (frames, 1, 1).

    And "volume" for others, and for those that are padded where they are flat.
    """
    in_time = window[0] > 1 or tuple(pads[0]) != (0, 0)
    in_space = tuple(window[1:]) != (1, 1) or tuple(pads[1:]) != ((0, 0), (0, 0))
    return {
        (False, False): "point",
        (False, True): "space",
        (True, False): "time",
        (True, True): "volume",
    }[in_time, in_space]


def by_planes(conv2d, inputs, kernel, strides, pads, dilation_rate, bias=None, relu=False):
    """Convolves over frames, height and width with the help of a 2-D convolution.

    Args:
        conv2d: function of `(inputs, kernel, strides, pads, dilation_rate, bias, relu)`, all for
            two axes.
        inputs: tensor `(batch, frames, height, width, channels)`.
        kernel: tensor `(frames, height, width, ...)`.
        strides: three ints.
        pads: `(before, after)` zeros for each of the three axes.
        dilation_rate: three ints.
        bias: None, or `(new_channels,)` to add.
        relu: whether ReLU follows.

    Returns:
        Tensor `(batch, new_frames, new_height, new_width, new_channels)`.
    """
    ways = {"point": _over_time, "time": _over_time, "space": _over_space}
    way = ways.get(window_kind(kernel.shape[:3], pads), _sum_over_frames)
    return way(conv2d, inputs, kernel, strides, pads, dilation_rate, bias, relu)


def _over_space(conv2d, inputs, kernel, strides, pads, dilation_rate, bias, relu):
    inputs = every(inputs, (strides[0], 1, 1))
    batch, frames, height, width, channels = ops.shape(inputs)
    outputs = conv2d(
        reshape(inputs, (batch * frames, height, width, channels)),
        kernel[0],
        strides[1:],
        pads[1:],
        dilation_rate[1:],
        bias,
        relu,
    )
    return reshape(outputs, (batch, frames, *ops.shape(outputs)[1:]))


def _over_time(conv2d, inputs, kernel, strides, pads, dilation_rate, bias, relu):
    # The window (frames, 1) leaves the folded axis alone.
    inputs = every(inputs, (1, *strides[1:]))
    batch, frames, height, width, channels = ops.shape(inputs)
    outputs = conv2d(
        reshape(inputs, (batch, frames, height * width, channels)),
        kernel[:, 0],
        (strides[0], 1),
        (pads[0], (0, 0)),
        (dilation_rate[0], 1),
        bias,
        relu,
    )
    return reshape(outputs, (batch, ops.shape(outputs)[1], height, width, outputs.shape[-1]))


def _sum_over_frames(conv2d, inputs, kernel, strides, pads, dilation_rate, bias, relu):
    inputs = ops.pad(inputs, ((0, 0), pads[0], (0, 0), (0, 0), (0, 0)))
    taps = kernel.shape[0]
    (frames,) = output_sizes(
        ops.shape(inputs)[1:2], (taps,), strides[:1], "valid", dilation_rate[:1]
    )
    outputs = 0
    for tap in range(taps):
        start = tap * dilation_rate[0]
        stop = start + (frames - 1) * strides[0] + 1
        outputs = outputs + _over_space(
            conv2d,
            inputs[:, start : stop : strides[0]],
            kernel[tap : tap + 1],
            (1, *strides[1:]),
            pads,
            dilation_rate,
            None,
            False,
        )
    return finish(outputs, bias, relu)


def taps_of(inputs, window, strides, dilation_rate):
    """Yields what each tap of a window sees, in the places of the output.

    Args:
        inputs: tensor `(..., height, width, channels)`, padded already.
        window: `(height, width)`.
        strides: two ints.
        dilation_rate: two ints.

    Yields:
        Tensors `(..., new_height, new_width, channels)`, row by row of the window.
    """
    sizes = output_sizes(ops.shape(inputs)[-3:-1], window, strides, "valid", dilation_rate)
    spans = [(size - 1) * stride + 1 for size, stride in zip(sizes, strides, strict=True)]
    for row in range(window[0]):
        for column in range(window[1]):
            top, left = row * dilation_rate[0], column * dilation_rate[1]
            yield inputs[
                ...,
                top : top + spans[0] : strides[0],
                left : left + spans[1] : strides[1],
                :,
            ]


def spread(inputs, axis, stride):
    """Puts `stride - 1` zeros between the places of an axis."""
    if stride == 1:
        return inputs
    shape = list(ops.shape(inputs))
    zeros = [(0, 0)] * (len(shape) + 1)
    zeros[axis + 1] = (0, stride - 1)
    inputs = ops.pad(ops.expand_dims(inputs, axis + 1), zeros)
    shape[axis] = shape[axis] * stride
    inputs = ops.reshape(inputs, shape)
    return ops.take(inputs, ops.arange(shape[axis] - stride + 1), axis=axis)

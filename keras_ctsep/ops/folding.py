"""3-D windows on 2-D convolutions: frames fold into the batch, or height and width into an axis."""

from keras import ops

from keras_ctsep.ops.backend import bias_add_and_relu
from keras_ctsep.ops.shapes import are_zero, output_sizes, size_of
from keras_ctsep.ops.strided_slice import strided_slice


def kernel_kind(kernel_size, pads):
    """Returns "point" for (1, 1, 1), "space" for (1, height, width), "time" for (frames, 1, 1).

    And "volume" for others, and for those that are padded where they are flat.
    """
    time, height, width = map(int, kernel_size)  # PyTorch's tracing makes tensors of sizes
    in_time = time > 1 or not are_zero(pads[:1])
    in_space = (height, width) != (1, 1) or not are_zero(pads[1:])
    return {
        (False, False): "point",
        (False, True): "space",
        (True, False): "time",
        (True, True): "volume",
    }[in_time, in_space]


def convolve_as_2d(conv2d, inputs, kernel, strides, pads, dilation_rate, bias=None, relu=False):
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
    ways = {"point": _over_space, "time": _over_time, "space": _over_space}
    way = ways.get(kernel_kind(kernel.shape[:3], pads), _sum_over_frames)
    return way(conv2d, inputs, kernel, strides, pads, dilation_rate, bias, relu)


# The batch is the -1 of each shape below: with the other sizes known, the shape is a constant, and
# TensorFlow's convolutions are up to 1.5 times faster on known sizes.


def over_frames_apart(function, inputs):
    """Applies a function of `(batch, height, width, channels)`, with the frames in the batch."""
    height, width = size_of(inputs, 2), size_of(inputs, 3)
    outputs = function(ops.reshape(inputs, (-1, height, width, inputs.shape[-1])))
    new_sizes = size_of(inputs, 1), size_of(outputs, 1), size_of(outputs, 2)
    return ops.reshape(outputs, (-1, *new_sizes, outputs.shape[-1]))


def over_places_in_a_row(function, inputs):
    """Applies a function of `(batch, frames, height * width, channels)`."""
    height, width = size_of(inputs, 2), size_of(inputs, 3)
    folded = (-1, size_of(inputs, 1), height * width, inputs.shape[-1])
    outputs = function(ops.reshape(inputs, folded))
    return ops.reshape(outputs, (-1, size_of(outputs, 1), height, width, outputs.shape[-1]))


def _over_space(conv2d, inputs, kernel, strides, pads, dilation_rate, bias, relu):
    def convolved(frames):
        window = (strides[1:], pads[1:], dilation_rate[1:])
        return conv2d(frames, kernel[0], *window, bias, relu)

    return over_frames_apart(convolved, strided_slice(inputs, (strides[0], 1, 1)))


def _over_time(conv2d, inputs, kernel, strides, pads, dilation_rate, bias, relu):
    # The window (frames, 1) leaves the folded axis alone.
    def convolved(rows):
        window = ((strides[0], 1), (pads[0], (0, 0)), (dilation_rate[0], 1))
        return conv2d(rows, kernel[:, 0], *window, bias, relu)

    return over_places_in_a_row(convolved, strided_slice(inputs, (1, *strides[1:])))


def _sum_over_frames(conv2d, inputs, kernel, strides, pads, dilation_rate, bias, relu):
    inputs = ops.pad(inputs, ((0, 0), pads[0], (0, 0), (0, 0), (0, 0)))
    taps = kernel.shape[0]
    sizes = (size_of(inputs, 1),)
    (frames,) = output_sizes(sizes, (taps,), strides[:1], "valid", dilation_rate[:1])
    outputs = 0
    for tap in range(taps):
        start = tap * dilation_rate[0]
        stop = start + (frames - 1) * strides[0] + 1
        outputs = outputs + _over_space(
            conv2d,
            strided_slice(inputs[:, start:stop], (strides[0], 1, 1)),
            kernel[tap : tap + 1],
            (1, *strides[1:]),
            pads,
            dilation_rate,
            None,
            False,
        )
    return bias_add_and_relu(outputs, bias, relu)

"""3-D windows on 2-D convolutions: frames fold into the batch, or height and width into an axis."""

import itertools

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


def pieces_of(size, window, stride, pads, dilation_rate):
    """Splits the places of an output by which taps of the window lie on the inputs there.

    All but a few places at both ends see all taps. No piece needs zeros around the inputs.

    Args:
        size: places of the inputs.
        window: taps.
        stride: int.
        pads: `(before, after)` zeros.
        dilation_rate: int.

    Returns:
        A list with a list for each piece, in order: `(tap, slice)` for each tap that lies on the
        inputs, with the places of the inputs that it sees.

    Example:
    >>> first, most, last = pieces_of(5, 3, stride=1, pads=(1, 1), dilation_rate=1)
    >>> first
    [(1, slice(0, 1, 1)), (2, slice(1, 2, 1))]
    >>> most
    [(0, slice(0, 3, 1)), (1, slice(1, 4, 1)), (2, slice(2, 5, 1))]
    """
    (places,) = output_sizes((size + sum(pads),), (window,), (stride,), "valid", (dilation_rate,))

    def seen(place, tap):
        return place * stride + tap * dilation_rate - pads[0]

    def taps_on_inputs(place):
        return [tap for tap in range(window) if 0 <= seen(place, tap) < size]

    pieces = []
    for taps, group in itertools.groupby(range(places), taps_on_inputs):
        same = list(group)
        first, last = same[0], same[-1]
        pieces.append([(tap, slice(seen(first, tap), seen(last, tap) + 1, stride)) for tap in taps])
    return pieces


def pad_beyond_reach(inputs, window, pads, dilation_rate):
    """Pads the inputs where some zeros are seen by no window that sees inputs too.

    Args:
        inputs: tensor `(batch, *sizes, channels)`.
        window: ints, one for each of the sizes.
        pads: `(before, after)` zeros for each of the sizes.
        dilation_rate: ints.

    Returns:
        A tuple `(inputs, pads)`: as they came, or the padded inputs and no more zeros; so too for
        a number of zeros that is unknown until a batch is there.
    """
    reach = [(size - 1) * rate for size, rate in zip(window, dilation_rate, strict=True)]
    if all(isinstance(zeros, int) for pair in pads for zeros in pair) and all(
        max(pair) <= most for pair, most in zip(pads, reach, strict=True)
    ):
        return inputs, pads
    return ops.pad(inputs, ((0, 0), *pads, (0, 0))), ((0, 0),) * len(pads)


def for_input_gradient(upstream, sizes, window, strides, pads, dilation_rate):
    """Prepares the convolution, by the turned kernel, that is the gradient of the inputs.

    Args:
        upstream: gradient of the outputs `(batch, *new_sizes, new_channels)`.
        sizes: those of the inputs.
        window: ints, one for each of the sizes.
        strides: ints.
        pads: `(before, after)` zeros for each of the sizes, none beyond reach.
        dilation_rate: ints.

    Returns:
        A tuple `(upstream, pads)`: what to convolve, with strides of 1, and the zeros around it.
    """
    turned_pads = []
    for axis, (size, (zeros, _)) in enumerate(zip(sizes, pads, strict=True)):
        upstream = _spread(upstream, axis + 1, strides[axis])
        reach = (window[axis] - 1) * dilation_rate[axis]
        turned_pads.append((reach - zeros, size - ops.shape(upstream)[axis + 1] + zeros))
    return upstream, tuple(turned_pads)


def _spread(inputs, axis, stride):
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

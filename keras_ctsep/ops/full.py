"""The forms of a convolution of all channels into each.

Each takes `(inputs, kernel, strides, pads, dilation_rate)` with a kernel `(frames, height, width,
channels, filters)` and `(before, after)` zeros for each axis. A `bias` after these is added, unless
it is None, and ReLU applied if `relu`.
"""

import itertools

from keras import ops

from keras_ctsep.ops.backend import convolve, finish
from keras_ctsep.ops.gradient import with_gradient
from keras_ctsep.ops.planes import by_planes, for_input_gradient, pad_beyond_reach, taps_of
from keras_ctsep.ops.shapes import reshape


def direct(inputs, kernel, strides, pads, dilation_rate, bias=None, relu=False):
    """The backend's 3-D convolution."""
    return convolve(inputs, kernel, strides, pads, dilation_rate, bias, relu)


def folded(inputs, kernel, strides, pads, dilation_rate, bias=None, relu=False):
    """The backend's 2-D convolution."""
    return by_planes(convolve, inputs, kernel, strides, pads, dilation_rate, bias, relu)


def multiplied(inputs, kernel, strides, pads, dilation_rate, bias=None, relu=False):
    """The sum over the window of matrix products."""
    if tuple(kernel.shape[:3]) == (1, 1, 1) and max(strides) == 1 and not _any(pads):
        return _product(inputs, kernel[0, 0, 0], bias, relu)
    inputs, pads = ops.pad(inputs, ((0, 0), *pads, (0, 0))), ((0, 0),) * 3
    return by_planes(_multiplied, inputs, kernel, strides, pads, dilation_rate, bias, relu)


def _multiplied(inputs, kernel, strides, pads, dilation_rate, bias, relu):
    del pads  # there are none
    weights = ops.reshape(kernel, (-1, *kernel.shape[2:]))
    taps = taps_of(inputs, kernel.shape[:2], strides, dilation_rate)
    return finish(sum(_product(tap, weights[index]) for index, tap in enumerate(taps)), bias, relu)


def _product(inputs, weights, bias=None, relu=False):
    # As one matrix: of several, TensorFlow makes as many gradients of the weights, to add them up.
    rows = ops.matmul(ops.reshape(inputs, (-1, inputs.shape[-1])), weights)
    return reshape(finish(rows, bias, relu), (*ops.shape(inputs)[:-1], weights.shape[-1]))


def looped(inputs, kernel, strides, pads, dilation_rate, bias=None, relu=False):
    """`folded`, with a kernel gradient of matrix products in a loop over frames."""
    window = (strides, pads, dilation_rate)
    return _by_products(_loop_over_frames, inputs, kernel, *window, bias, relu)


def batched(inputs, kernel, strides, pads, dilation_rate, bias=None, relu=False):
    """`folded`, with a kernel gradient of a matrix product for each tap of the window and clip."""
    window = (strides, pads, dilation_rate)
    return _by_products(_loop_over_taps, inputs, kernel, *window, bias, relu)


def _by_products(kernel_gradient, inputs, kernel, strides, pads, dilation_rate, bias, relu):
    if bias is not None or relu:  # not in training
        return folded(inputs, kernel, strides, pads, dilation_rate, bias, relu)
    inputs, pads = pad_beyond_reach(inputs, kernel.shape[:3], pads, dilation_rate)
    window = (strides, pads, dilation_rate)

    def gradient(upstream, inputs, kernel):
        # The large one last: what the other takes is free again by then.
        of_kernel = kernel_gradient(inputs, kernel, upstream, *window)
        return _input_gradient(inputs, kernel, upstream, *window), of_kernel

    return with_gradient(lambda *args: folded(*args, *window), gradient)(inputs, kernel)


def _any(pads):
    return tuple(pads) != ((0, 0),) * len(pads)


def _input_gradient(inputs, kernel, upstream, strides, pads, dilation_rate):
    # A convolution again, by the turned kernel.
    sizes = ops.shape(inputs)[1:4]
    window = (kernel.shape[:3], strides, pads, dilation_rate)
    upstream, turned_pads = for_input_gradient(upstream, sizes, *window)
    turned = ops.swapaxes(ops.flip(kernel, (0, 1, 2)), 3, 4)
    return folded(upstream, turned, (1, 1, 1), turned_pads, dilation_rate)


def _loop_over_frames(inputs, kernel, upstream, strides, pads, dilation_rate):
    if _any(pads[1:]):
        inputs = ops.pad(inputs, ((0, 0), (0, 0), *pads[1:], (0, 0)))
    frames, height, width, channels, filters = kernel.shape
    clips, new_frames = ops.shape(upstream)[:2]

    def add_frame(index, sums):
        clip, frame = index // new_frames, index % new_frames
        gradient = ops.reshape(upstream[clip, frame], (-1, filters))
        products = []
        for tap in range(frames):
            seen = frame * strides[0] + tap * dilation_rate[0] - pads[0][0]
            is_there = ops.logical_and(seen >= 0, seen < ops.shape(inputs)[1])
            plane = inputs[clip, ops.where(is_there, seen, 0)]
            taps = list(taps_of(plane, (height, width), strides[1:], dilation_rate[1:]))
            patches = taps[0] if len(taps) == 1 else ops.concatenate(taps, axis=-1)
            patches = ops.reshape(patches, (-1, height * width * channels))
            product = ops.matmul(ops.transpose(patches), gradient)
            products.append(product * ops.cast(is_there, product.dtype))
        return sums + ops.cast(ops.stack(products), "float32")

    start = ops.zeros((frames, height * width * channels, filters), "float32")
    sums = ops.fori_loop(0, clips * new_frames, add_frame, start)
    return ops.cast(ops.reshape(sums, kernel.shape), kernel.dtype)


def _loop_over_taps(inputs, kernel, upstream, strides, pads, dilation_rate):
    *window, channels, filters = kernel.shape
    clips = upstream.shape[0]
    products = []
    for tap in itertools.product(*map(range, window)):
        # Where that tap lies on the inputs, and not on the zeros around: no padded copy is needed.
        seen, by = [], []
        for axis, place in enumerate(tap):
            stride, offset = strides[axis], place * dilation_rate[axis] - pads[axis][0]
            size, places = inputs.shape[axis + 1], upstream.shape[axis + 1]
            first = max(-(offset // stride), 0)
            last = min((size - 1 - offset) // stride, places - 1)
            start, stop = first * stride + offset, last * stride + offset + 1
            seen.append(slice(start, max(stop, start), stride))
            by.append(slice(first, max(last + 1, first)))
        rows = ops.reshape(inputs[:, *seen], (clips, -1, channels))
        gradient = ops.reshape(upstream[:, *by], (clips, -1, filters))
        products.append(ops.sum(ops.matmul(ops.swapaxes(rows, 1, 2), gradient), axis=0))
    return ops.reshape(ops.stack(products), kernel.shape)

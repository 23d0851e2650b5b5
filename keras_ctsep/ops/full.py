"""The forms of a convolution of all channels into each.

Each takes `(inputs, kernel, strides, pads, dilation_rate)` with a kernel `(frames, height, width,
channels, filters)` and `(before, after)` zeros for each axis. A `bias` after these is added, unless
it is None, and ReLU applied if `relu`.
"""

import itertools

from keras import ops
from keras.backend import standardize_dtype

from keras_ctsep.ops.backend import bias_add_and_relu, convolve, records_gradient, sum_dtype
from keras_ctsep.ops.custom_gradient import custom_gradient
from keras_ctsep.ops.folding import convolve_as_2d
from keras_ctsep.ops.input_gradient import for_input_gradient, pad_beyond_reach
from keras_ctsep.ops.shapes import are_zero, size_of
from keras_ctsep.ops.taps import taps_of, where_tap_lies


def direct(inputs, kernel, strides, pads, dilation_rate, bias=None, relu=False):
    """The backend's 3-D convolution."""
    if inputs.shape[1] in (2, None) and standardize_dtype(inputs.dtype) == "bfloat16":
        # oneDNN's gradient of a kernel over two frames is garbage there.
        return folded(inputs, kernel, strides, pads, dilation_rate, bias, relu)
    return convolve(inputs, kernel, strides, pads, dilation_rate, bias, relu)


def folded(inputs, kernel, strides, pads, dilation_rate, bias=None, relu=False):
    """The backend's 2-D convolution."""
    return convolve_as_2d(convolve, inputs, kernel, strides, pads, dilation_rate, bias, relu)


def multiplied(inputs, kernel, strides, pads, dilation_rate, bias=None, relu=False):
    """The sum over the window of matrix products."""
    if tuple(kernel.shape[:3]) == (1, 1, 1) and max(strides) == 1 and are_zero(pads):
        return _product(inputs, kernel[0, 0, 0], bias, relu)
    inputs, pads = ops.pad(inputs, ((0, 0), *pads, (0, 0))), ((0, 0),) * 3
    return convolve_as_2d(_multiplied, inputs, kernel, strides, pads, dilation_rate, bias, relu)


def _multiplied(inputs, kernel, strides, pads, dilation_rate, bias, relu):
    del pads  # there are none
    weights = ops.reshape(kernel, (-1, *kernel.shape[2:]))
    taps = taps_of(inputs, kernel.shape[:2], strides, dilation_rate)
    outputs = sum(_product(tap, weights[index]) for index, tap in enumerate(taps))
    return bias_add_and_relu(outputs, bias, relu)


def _product(inputs, weights, bias=None, relu=False):
    # As one matrix: of several, TensorFlow makes as many gradients of the weights, to add them up.
    # `keras.ops.matmul` makes float32 of float64 on PyTorch; the operator does not.
    rows = ops.reshape(inputs, (-1, inputs.shape[-1])) @ weights
    rows = bias_add_and_relu(rows, bias, relu)
    sizes = (size_of(inputs, axis) for axis in range(1, len(inputs.shape) - 1))
    return ops.reshape(rows, (-1, *sizes, weights.shape[-1]))


def looped(inputs, kernel, strides, pads, dilation_rate, bias=None, relu=False):
    """`folded`, with a kernel gradient of matrix products in a loop over frames."""
    window = (strides, pads, dilation_rate)
    return _by_products(_loop_over_frames, inputs, kernel, *window, bias, relu)


def batched(inputs, kernel, strides, pads, dilation_rate, bias=None, relu=False):
    """`folded`, with a kernel gradient of a matrix product for each tap of the window and clip."""
    window = (strides, pads, dilation_rate)
    return _by_products(_loop_over_taps, inputs, kernel, *window, bias, relu)


def _by_products(kernel_gradient, inputs, kernel, strides, pads, dilation_rate, bias, relu):
    if not records_gradient(inputs, kernel):
        return folded(inputs, kernel, strides, pads, dilation_rate, bias, relu)
    inputs, pads = pad_beyond_reach(inputs, kernel.shape[:3], pads, dilation_rate)
    window = (strides, pads, dilation_rate)
    biases = () if bias is None else (bias,)

    def convolved(inputs, kernel, *biases):
        return folded(inputs, kernel, *window, *biases)

    def gradient(upstream, inputs, kernel, *biases):
        of_biases = [_sum_of_places(upstream) for _ in biases]
        # The large one last: what the other takes is free again by then.
        of_kernel = kernel_gradient(inputs, kernel, upstream, *window)
        return _input_gradient(inputs, kernel, upstream, *window), of_kernel, *of_biases

    outputs = custom_gradient(convolved, gradient)(inputs, kernel, *biases)
    return ops.relu(outputs) if relu else outputs


def _sum_of_places(upstream):
    sums = ops.sum(ops.cast(upstream, sum_dtype(upstream)), axis=(0, 1, 2, 3))
    return ops.cast(sums, upstream.dtype)


def _input_gradient(inputs, kernel, upstream, strides, pads, dilation_rate):
    # A convolution again, by the turned kernel.
    window = (kernel.shape[:3], strides, pads, dilation_rate)
    upstream, turned_pads = for_input_gradient(upstream, inputs, *window)
    turned = ops.swapaxes(ops.flip(kernel, (0, 1, 2)), 3, 4)
    return folded(upstream, turned, (1, 1, 1), turned_pads, dilation_rate)


def _loop_over_frames(inputs, kernel, upstream, strides, pads, dilation_rate):
    if not are_zero(pads[1:]):
        inputs = ops.pad(inputs, ((0, 0), (0, 0), *pads[1:], (0, 0)))
    frames, height, width, channels, filters = kernel.shape
    clips, new_frames = size_of(upstream, 0), size_of(upstream, 1)

    def add_frame(index, sums):
        clip, frame = index // new_frames, index % new_frames
        gradient = ops.reshape(upstream[clip, frame], (-1, filters))
        products = []
        for tap in range(frames):
            seen = frame * strides[0] + tap * dilation_rate[0] - pads[0][0]
            is_there = ops.logical_and(seen >= 0, seen < size_of(inputs, 1))
            plane = inputs[clip, ops.where(is_there, seen, 0)]
            taps = list(taps_of(plane, (height, width), strides[1:], dilation_rate[1:]))
            patches = taps[0] if len(taps) == 1 else ops.concatenate(taps, axis=-1)
            patches = ops.reshape(patches, (-1, height * width * channels))
            product = ops.transpose(patches) @ gradient
            products.append(product * ops.cast(is_there, product.dtype))
        return sums + ops.cast(ops.stack(products), sums.dtype)

    shape = (frames, height * width * channels, filters)
    start = ops.zeros(shape, sum_dtype(kernel))
    sums = ops.fori_loop(0, clips * new_frames, add_frame, start)
    return ops.cast(ops.reshape(sums, kernel.shape), kernel.dtype)


def _loop_over_taps(inputs, kernel, upstream, strides, pads, dilation_rate):
    *kernel_size, channels, filters = kernel.shape
    clips = size_of(upstream, 0)
    products = []
    for tap in itertools.product(*map(range, kernel_size)):
        slices = []
        for axis, place in enumerate(tap):
            offset = place * dilation_rate[axis] - pads[axis][0]
            sizes = size_of(inputs, axis + 1), size_of(upstream, axis + 1)
            slices.append(where_tap_lies(*sizes, strides[axis], offset))
        seen, by = zip(*slices, strict=True)
        rows = ops.reshape(inputs[:, *seen], (clips, -1, channels))
        gradient = ops.reshape(upstream[:, *by], (clips, -1, filters))
        products.append(ops.sum(ops.swapaxes(rows, 1, 2) @ gradient, axis=0))
    return ops.reshape(ops.stack(products), kernel.shape)

"""The forms of a depthwise convolution: the same function, at very different speed.

Each takes `(inputs, kernel, strides, pads, dilation_rate)` with a kernel `(frames, height, width,
channels, depth_multiplier)` and `(before, after)` zeros for each axis. A `bias` after these is
added, unless it is None, and ReLU applied if `relu`.
"""

import functools
import math

import keras
from keras import ops

from keras_ctsep.ops.backend import (
    bias_add_and_relu,
    convolve,
    depthwise_kernel_gradient,
    records_gradient,
    sum_dtype,
)
from keras_ctsep.ops.custom_gradient import custom_gradient
from keras_ctsep.ops.folding import convolve_as_2d, kernel_kind
from keras_ctsep.ops.input_gradient import for_input_gradient, pad_beyond_reach
from keras_ctsep.ops.shapes import size_of
from keras_ctsep.ops.strided_slice import strided_slice
from keras_ctsep.ops.taps import sum_of_taps, taps_of, where_tap_lies


def grouped(inputs, kernel, strides, pads, dilation_rate, bias=None, relu=False):
    """One 3-D convolution with a group for each channel, as in Keras's `Conv3D(groups=...)`.

    The backend's forward pass is fast on PyTorch, and its gradients are not: these are our own.
    """
    window = (strides, pads, dilation_rate)
    if not records_gradient(inputs, kernel):
        return _grouped(inputs, kernel, *window, bias, relu)
    return _with_own_gradient(_grouped, inputs, kernel, *window, bias, relu)


def _grouped(inputs, kernel, strides, pads, dilation_rate, bias=None, relu=False):
    kernel = ops.reshape(kernel, (*kernel.shape[:3], 1, kernel.shape[3] * kernel.shape[4]))
    return convolve(inputs, kernel, strides, pads, dilation_rate, bias, relu)


def folded(inputs, kernel, strides, pads, dilation_rate, bias=None, relu=False):
    """The backend's depthwise 2-D convolution."""
    conv2d = functools.partial(convolve, depthwise=True)
    return convolve_as_2d(conv2d, inputs, kernel, strides, pads, dilation_rate, bias, relu)


def turned(inputs, kernel, strides, pads, dilation_rate, bias=None, relu=False):
    """`folded`, with a gradient of the inputs that is `folded` again, by the turned kernel."""
    window = (strides, pads, dilation_rate)
    return _with_own_gradient(folded, inputs, kernel, *window, bias, relu)


def _with_own_gradient(form, inputs, kernel, strides, pads, dilation_rate, bias, relu):
    *kernel_size, channels, multiplier = kernel.shape
    if multiplier > 1:
        inputs = ops.repeat(inputs, multiplier, axis=-1)
    kernel = ops.reshape(kernel, (*kernel_size, channels * multiplier, 1))
    inputs, pads = pad_beyond_reach(inputs, kernel_size, pads, dilation_rate)
    window = (strides, pads, dilation_rate)

    by_jax = keras.backend.backend() == "jax"
    kernel_gradient = _loop_over_frames if by_jax else _by_taps_over_frames

    def gradient(upstream, inputs, kernel):
        of_kernel = kernel_gradient(inputs, kernel, upstream, *window)
        upstream, turned_pads = for_input_gradient(upstream, inputs, kernel_size, *window)
        by = ops.flip(kernel, (0, 1, 2))
        return form(upstream, by, (1, 1, 1), turned_pads, dilation_rate), of_kernel

    def convolved(inputs, kernel):
        return form(inputs, kernel, *window)

    return bias_add_and_relu(custom_gradient(convolved, gradient)(inputs, kernel), bias, relu)


def _by_taps_over_frames(inputs, kernel, upstream, strides, pads, dilation_rate):
    """The gradient of each plane of the kernel, as that of a 2-D convolution of all frames."""
    planes = []
    for tap in range(kernel.shape[0]):
        offset = tap * dilation_rate[0] - pads[0][0]
        seen, by = where_tap_lies(size_of(inputs, 1), size_of(upstream, 1), strides[0], offset)
        window = (strides[1:], pads[1:], dilation_rate[1:])
        frames = strided_slice(inputs[:, seen.start : seen.stop], (seen.step, 1, 1))
        planes.append(depthwise_kernel_gradient(frames, kernel[tap], upstream[:, by], *window))
    return ops.stack(planes)


def _loop_over_frames(inputs, kernel, upstream, strides, pads, dilation_rate):
    inputs = ops.pad(inputs, ((0, 0), *pads, (0, 0)))
    clips, new_frames = upstream.shape[:2]
    reach = (kernel.shape[0] - 1) * dilation_rate[0] + 1

    # One frame of the gradient and those that it sees stay in the cache.
    def add_frame(index, sums):
        clip, frame = index // new_frames, index % new_frames
        start = (clip, frame * strides[0], 0, 0, 0)
        seen = ops.slice(inputs, start, (1, reach, *inputs.shape[2:]))
        taps = taps_of(seen, kernel.shape[:3], strides, dilation_rate)
        return sums + _sums_of_products([tap[0, 0] for tap in taps], upstream[clip, frame])

    start = ops.zeros((math.prod(kernel.shape[:3]), kernel.shape[3]), sum_dtype(kernel))
    sums = ops.fori_loop(0, clips * new_frames, add_frame, start)
    return ops.cast(ops.reshape(sums, kernel.shape), kernel.dtype)


def shifted(inputs, kernel, strides, pads, dilation_rate, bias=None, relu=False):
    """The sum over the window of the shifted inputs, each times its weights."""
    window = (strides, pads, dilation_rate)
    if kernel_kind(kernel.shape[:3], pads) == "volume":
        return _with_own_gradient(_sum_of_taps, inputs, kernel, *window, bias, relu)
    return convolve_as_2d(_shifted, inputs, kernel, *window, bias, relu)


def _sum_of_taps(inputs, kernel, strides, pads, dilation_rate):
    return sum_of_taps(inputs, kernel[..., 0], strides, pads, dilation_rate)


def _shifted(inputs, kernel, strides, pads, dilation_rate, bias, relu):
    height, width, channels, multiplier = kernel.shape
    if multiplier > 1:
        inputs = ops.repeat(inputs, multiplier, axis=-1)
    kernel = ops.reshape(kernel, (height, width, channels * multiplier))
    inputs, pads = pad_beyond_reach(inputs, (height, width), pads, dilation_rate)
    window = (strides, pads, dilation_rate)

    def gradient(upstream, inputs, kernel):
        return (
            _input_gradient(inputs, kernel, upstream, *window),
            _kernel_gradient(inputs, kernel, upstream, *window),
        )

    def convolved(inputs, kernel):
        return sum_of_taps(inputs, kernel, *window)

    return bias_add_and_relu(custom_gradient(convolved, gradient)(inputs, kernel), bias, relu)


def _input_gradient(inputs, kernel, upstream, strides, pads, dilation_rate):
    # The same sum again, by the turned kernel.
    window = (kernel.shape[:2], strides, pads, dilation_rate)
    upstream, turned_pads = for_input_gradient(upstream, inputs, *window)
    return sum_of_taps(upstream, ops.flip(kernel, (0, 1)), (1, 1), turned_pads, dilation_rate)


def _kernel_gradient(inputs, kernel, upstream, strides, pads, dilation_rate):
    # In a loop, so that the products of one plane stay in the cache.
    def add_plane(sums, plane):
        padded = ops.pad(plane[0], (*pads, (0, 0)))
        taps = taps_of(padded, kernel.shape[:2], strides, dilation_rate)
        return sums + _sums_of_products(taps, plane[1]), None

    shape = (kernel.shape[0] * kernel.shape[1], kernel.shape[2])
    start = ops.zeros(shape, sum_dtype(kernel))
    sums, _ = ops.scan(add_plane, start, (inputs, upstream))
    return ops.cast(ops.reshape(sums, kernel.shape), kernel.dtype)


def _sums_of_products(taps, upstream):
    upstream = ops.cast(upstream, sum_dtype(upstream))
    products = tuple(ops.cast(tap, upstream.dtype) * upstream for tap in taps)
    if keras.backend.backend() != "jax":
        return ops.stack([ops.sum(product, axis=(0, 1)) for product in products])
    # XLA would pass over the plane once for each sum; this makes them all in one pass.
    from jax import lax

    rows = lax.reduce(
        products,
        (upstream.dtype.type(0),) * len(products),
        lambda left, right: tuple(one + other for one, other in zip(left, right, strict=True)),
        (0,),
    )
    return ops.stack([ops.sum(row, axis=0) for row in rows])

"""The forms of a depthwise convolution: the same function, at very different speed.

Each takes `(inputs, kernel, strides, pads, dilation_rate)` with a kernel `(frames, height, width,
channels, depth_multiplier)` and `(before, after)` zeros for each axis. A `bias` after these is
added, unless it is None, and ReLU applied if `relu`.
"""

import keras
from keras import ops

from keras_ctsep.ops.backend import convolve, finish
from keras_ctsep.ops.gradient import with_gradient
from keras_ctsep.ops.planes import (
    by_planes,
    for_input_gradient,
    pad_beyond_reach,
    pieces_of,
    taps_of,
)

# Larger windows have many pieces of many taps, which take long to compile.
MAX_WINDOW_IN_PIECES = 3


def grouped(inputs, kernel, strides, pads, dilation_rate, bias=None, relu=False):
    """One 3-D convolution with a group for each channel, as in Keras's `Conv3D(groups=...)`."""
    kernel = ops.reshape(kernel, (*kernel.shape[:3], 1, kernel.shape[3] * kernel.shape[4]))
    return convolve(inputs, kernel, strides, pads, dilation_rate, bias, relu)


def folded(inputs, kernel, strides, pads, dilation_rate, bias=None, relu=False):
    """The backend's depthwise 2-D convolution."""

    def conv2d(*args):
        return convolve(*args, depthwise=True)

    return by_planes(conv2d, inputs, kernel, strides, pads, dilation_rate, bias, relu)


def shifted(inputs, kernel, strides, pads, dilation_rate, bias=None, relu=False):
    """The sum over the window of the shifted inputs, each times its weights."""
    return by_planes(_shifted, inputs, kernel, strides, pads, dilation_rate, bias, relu)


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
        return _sum_of_taps(inputs, kernel, *window)

    return finish(with_gradient(convolved, gradient)(inputs, kernel), bias, relu)


def _sum_of_taps(inputs, kernel, strides, pads, dilation_rate):
    window, sizes = kernel.shape[:2], ops.shape(inputs)[1:3]
    if max(window) <= MAX_WINDOW_IN_PIECES and all(isinstance(size, int) for size in sizes):
        axes = zip(sizes, window, strides, pads, dilation_rate, strict=True)
        row_pieces, column_pieces = (pieces_of(*axis) for axis in axes)
        if all(row_pieces) and all(column_pieces):
            return _joined(inputs, kernel, row_pieces, column_pieces)
    inputs = ops.pad(inputs, ((0, 0), *pads, (0, 0)))
    weights = ops.reshape(kernel, (-1, kernel.shape[-1]))
    taps = taps_of(inputs, window, strides, dilation_rate)
    return sum(tap * weights[index] for index, tap in enumerate(taps))


def _joined(inputs, kernel, row_pieces, column_pieces):
    def piece(rows, columns):
        return sum(
            inputs[:, seen_rows, seen_columns] * kernel[row, column]
            for row, seen_rows in rows
            for column, seen_columns in columns
        )

    bands = [
        ops.concatenate([piece(rows, columns) for columns in column_pieces], axis=2)
        for rows in row_pieces
    ]
    return ops.concatenate(bands, axis=1)


def _input_gradient(inputs, kernel, upstream, strides, pads, dilation_rate):
    # The same sum again, by the turned kernel.
    sizes = ops.shape(inputs)[1:3]
    window = (kernel.shape[:2], strides, pads, dilation_rate)
    upstream, turned_pads = for_input_gradient(upstream, sizes, *window)
    return _sum_of_taps(upstream, ops.flip(kernel, (0, 1)), (1, 1), turned_pads, dilation_rate)


def _kernel_gradient(inputs, kernel, upstream, strides, pads, dilation_rate):
    # In a loop, so that the products of one plane stay in the cache.
    def add_plane(sums, plane):
        padded = ops.pad(plane[0], (*pads, (0, 0)))
        taps = taps_of(padded, kernel.shape[:2], strides, dilation_rate)
        return sums + _sums_of_products(taps, plane[1]), None

    start = ops.zeros((kernel.shape[0] * kernel.shape[1], kernel.shape[2]), "float32")
    sums, _ = ops.scan(add_plane, start, (inputs, upstream))
    return ops.cast(ops.reshape(sums, kernel.shape), kernel.dtype)


def _sums_of_products(taps, upstream):
    upstream = ops.cast(upstream, "float32")
    products = tuple(ops.cast(tap, "float32") * upstream for tap in taps)
    if keras.backend.backend() != "jax":
        return ops.stack([ops.sum(product, axis=(0, 1)) for product in products])
    # XLA would pass over the plane once for each sum; this makes them all in one pass.
    from jax import lax

    rows = lax.reduce(
        products,
        (0.0,) * len(products),
        lambda left, right: tuple(one + other for one, other in zip(left, right, strict=True)),
        (0,),
    )
    return ops.stack([ops.sum(row, axis=0) for row in rows])

"""Max pooling with the same gradient on all backends, in the way that is fast on each."""

import functools

import keras
from keras import ops

from keras_ctsep.ops.custom_gradient import custom_gradient
from keras_ctsep.ops.folding import over_frames_apart, over_places_in_a_row
from keras_ctsep.ops.shapes import padding_pairs, size_of
from keras_ctsep.ops.taps import taps_of

TO_CHANNELS_FIRST = (0, 4, 1, 2, 3)
TO_CHANNELS_LAST = (0, 2, 3, 4, 1)


def max_pool3d(inputs, pool_size, strides, padding):
    """Takes the maximum of each window. The first of equal maxima gets the gradient.

    `keras.ops.max_pool` gives it to each of them on TensorFlow, whose sum then grows by as many
    times, and takes up to 13 times as long on PyTorch and 45 times on JAX (forward and backward
    pass of 2x8x14x14, 256 and 480 channels, one core with AVX-512, 2026-11-29).

    Args:
        inputs: tensor `(batch, frames, height, width, channels)`.
        pool_size: three ints.
        strides: three ints.
        padding: `"valid"` or `"same"`.

    Returns:
        Tensor `(batch, new_frames, new_height, new_width, channels)`.

    Example:
    >>> from keras import ops
    >>> places = ops.reshape(ops.array([1.0, 3.0, 2.0, 0.0]), (1, 1, 1, 4, 1))
    >>> maxima = max_pool3d(places, (1, 1, 2), (1, 1, 2), "valid")
    >>> ops.convert_to_numpy(maxima).ravel().tolist()
    [3.0, 2.0]
    """
    pools = {"tensorflow": _pools_in_2d, "torch": _pool_of_a_view, "jax": _pools_along_axes}
    return pools[keras.backend.backend()](inputs, pool_size, strides, padding)


# The maximum of a box is that of the maxima along each axis, and its first place is found by
# width, height and frames in that order.


def _pools_in_2d(inputs, pool_size, strides, padding):
    over_space = functools.partial(
        ops.max_pool, pool_size=pool_size[1:], strides=strides[1:], padding=padding
    )
    over_time = functools.partial(
        ops.max_pool, pool_size=(pool_size[0], 1), strides=(strides[0], 1), padding=padding
    )
    maxima = over_frames_apart(over_space, inputs)
    return maxima if pool_size[0] == 1 == strides[0] else over_places_in_a_row(over_time, maxima)


def _pool_of_a_view(inputs, pool_size, strides, padding):
    # Keras copies the inputs to channels first. A view of them is in PyTorch's format channels
    # last, which its pooling is fast for.
    view = ops.transpose(inputs, TO_CHANNELS_FIRST)
    maxima = ops.max_pool(view, pool_size, strides, padding, "channels_first")
    return ops.transpose(maxima, TO_CHANNELS_LAST)


def _pools_along_axes(inputs, pool_size, strides, padding):
    # XLA reads the whole window for each place, which are few along one axis, and scatters the
    # gradient place by place, but that of slices is none.
    import jax

    windows = [
        [
            tuple(size if place == axis else 1 for place, size in enumerate(sizes))
            for sizes in (pool_size, strides)
        ]
        for axis in (2, 1, 0)
    ]
    no_dilation = (1, 1, 1)

    def pooled(inputs):
        for window in windows:
            inputs = ops.max_pool(inputs, *window, padding)
        return inputs

    def maxima_of_slices(inputs):
        sizes = [size_of(inputs, axis) for axis in (1, 2, 3)]
        pads = padding_pairs(sizes, pool_size, strides, padding, no_dilation)
        inputs = ops.pad(inputs, ((0, 0), *pads, (0, 0)), constant_values=float("-inf"))
        for window in windows:
            inputs = functools.reduce(_first_of_larger, taps_of(inputs, *window, no_dilation))
        return inputs

    def gradient(upstream, inputs):
        return jax.vjp(maxima_of_slices, inputs)[1](upstream)

    return custom_gradient(pooled, gradient)(inputs)


def _first_of_larger(one, other):
    return ops.where(one >= other, one, other)

"""The gradient of a convolution's inputs as a convolution again, by the turned kernel."""

from keras import ops

from keras_ctsep.ops.shapes import size_of


def pad_beyond_reach(inputs, kernel_size, pads, dilation_rate):
    """Pads the inputs where the padding is larger than what the gradients below can handle.

    That is where some zeros are seen by no window that sees inputs too.

    Args:
        inputs: tensor `(batch, *sizes, channels)`.
        kernel_size: ints, one for each of the sizes.
        pads: `(before, after)` zeros for each of the sizes.
        dilation_rate: ints.

    Returns:
        A tuple `(inputs, pads)`: as they came, or the padded inputs and no more zeros; so too for
        a number of zeros that is unknown until a batch is there.
    """
    reach = [(size - 1) * rate for size, rate in zip(kernel_size, dilation_rate, strict=True)]
    if all(isinstance(zeros, int) for pair in pads for zeros in pair) and all(
        max(pair) <= most for pair, most in zip(pads, reach, strict=True)
    ):
        return inputs, pads
    return ops.pad(inputs, ((0, 0), *pads, (0, 0))), ((0, 0),) * len(pads)


def for_input_gradient(upstream, inputs, kernel_size, strides, pads, dilation_rate):
    """Prepares the convolution, by the turned kernel, that is the gradient of the inputs.

    Args:
        upstream: gradient of the outputs `(batch, *new_sizes, new_channels)`.
        inputs: tensor `(batch, *sizes, channels)`, of which only the sizes are read.
        kernel_size: ints, one for each of the sizes.
        strides: ints.
        pads: `(before, after)` zeros for each of the sizes, none beyond reach.
        dilation_rate: ints.

    Returns:
        A tuple `(upstream, pads)`: what to convolve, with strides of 1, and the zeros around it.
    """
    turned_pads = []
    for axis, (zeros, _) in enumerate(pads):
        upstream = _spread(upstream, axis + 1, strides[axis])
        reach = (kernel_size[axis] - 1) * dilation_rate[axis]
        missing = size_of(inputs, axis + 1) - size_of(upstream, axis + 1)
        turned_pads.append((reach - zeros, missing + zeros))
    return upstream, tuple(turned_pads)


def _spread(inputs, axis, stride):
    """Puts `stride - 1` zeros between the places of an axis."""
    if stride == 1:
        return inputs
    shape = [-1, *(size_of(inputs, axis) for axis in range(1, len(inputs.shape)))]
    zeros = [(0, 0)] * (len(shape) + 1)
    zeros[axis + 1] = (0, stride - 1)
    inputs = ops.pad(ops.expand_dims(inputs, axis + 1), zeros)
    shape[axis] = shape[axis] * stride
    inputs = ops.reshape(inputs, shape)
    return ops.take(inputs, ops.arange(shape[axis] - stride + 1), axis=axis)

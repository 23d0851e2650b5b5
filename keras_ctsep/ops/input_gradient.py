"""The gradient of a convolution's inputs as a convolution again, by the turned kernel."""

from keras import ops

from keras_ctsep.ops.shapes import are_known, size_of


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
    if are_known(pads) and all(max(pair) <= most for pair, most in zip(pads, reach, strict=True)):
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
    turned_pads, surplus = [], []
    places = [size_of(upstream, axis + 1) for axis in range(len(strides))]
    for axis, ((before, after), stride) in enumerate(zip(pads, strides, strict=True)):
        reach = (kernel_size[axis] - 1) * dilation_rate[axis]
        rest, extra = reach - after, 0
        if stride > 1:  # which may leave inputs at the end that no window sees
            rest = size_of(inputs, axis + 1) - ((places[axis] - 1) * stride + 1) + before
            # Zeros that are spread behind the last place are zeros less to pad.
            fits = isinstance(rest, int) and rest >= stride - 1
            extra = 0 if fits else stride - 1
            rest += extra - (stride - 1)
        surplus.append(extra)
        turned_pads.append((reach - before, rest))
    return _spread(upstream, places, strides, surplus), tuple(turned_pads)


def _spread(upstream, places, strides, surplus):
    """Puts `stride - 1` zeros behind each place of an axis, and takes what is too many off."""
    if max(strides) == 1:
        return upstream
    # The zeros behind a place lie behind all axes further in, in one copy of few axes.
    channels = upstream.shape[-1]
    shape, zeros = [-1], [(0, 0)]
    for size, stride in zip(places[1:], strides[:-1], strict=True):
        shape += [1, size]
        zeros += [(0, stride - 1), (0, 0)]
    upstream = ops.reshape(upstream, (*shape, channels))
    upstream = ops.pad(upstream, (*zeros, (0, (strides[-1] - 1) * channels)))
    sizes = [count * stride for count, stride in zip(places, strides, strict=True)]
    upstream = ops.reshape(upstream, (-1, *sizes, channels))
    if not any(surplus):
        return upstream
    ends = [slice(size - extra) for size, extra in zip(sizes, surplus, strict=True)]
    return upstream[:, *ends]

"""Window arithmetic of 3-D convolutions: the one place for padding and output sizes."""

import keras

AXES = ("frames", "height", "width")


def over_space(strides, padding, dilation_rate):
    """Returns strides, padding and dilation of the factor that moves over height and width."""
    kept = padding if isinstance(padding, str) else (0, *padding[1:])
    return (1, *strides[1:]), kept, (1, *dilation_rate[1:])


def over_time(strides, padding, dilation_rate):
    """Returns strides, padding and dilation of the factor that moves over frames."""
    kept = padding if isinstance(padding, str) else (padding[0], 0, 0)
    return (strides[0], 1, 1), kept, (dilation_rate[0], 1, 1)


def padding_pairs(sizes, kernel_size, strides, padding, dilation_rate):
    """Returns the zeros before and after each axis as ((before, after), ...).

    `"same"` is Keras's and TensorFlow's: the output has `ceil(size / stride)` places, and of an
    odd number of zeros the larger half comes after. `"causal"` is that of Keras's `Conv1D`: all
    zeros come before, so that no window sees what comes later, and there are as many places.

    Args:
        sizes: ints or scalar tensors; what `needs_size` says no to is not read.
        kernel_size: ints.
        strides: ints.
        padding: as `padding_of_axes` takes it.
        dilation_rate: ints.
    """
    pairs = []
    for kind, size, window, stride, dilation in zip(
        padding_of_axes(padding, len(kernel_size)),
        sizes,
        kernel_size,
        strides,
        dilation_rate,
        strict=True,
    ):
        total = dilation * (window - 1)
        if needs_size(kind, window, stride):
            # What the last window lacks, which may be a tensor where the size is unknown.
            total = (size + stride - 1) // stride * stride - stride + total + 1 - size
            total = larger(total, 0)
        if kind == "same":
            pairs.append((total // 2, total - total // 2))
        else:
            pairs.append((total, 0) if kind == "causal" else (kind, kind))
    return tuple(pairs)


def padding_of_axes(padding, num_axes=3):
    """Returns the padding of each axis: "same", "causal" or the zeros on both sides.

    Args:
        padding: "same", "valid", "causal" (over time, and "same" over space), or one of each axis.
        num_axes: how many axes a word stands for.

    Example:
    >>> padding_of_axes("causal")
    ('causal', 'same', 'same')
    """
    if padding == "causal":
        return ("causal", *("same",) * (num_axes - 1))
    if isinstance(padding, str):
        return (0 if padding == "valid" else padding,) * num_axes
    return tuple(padding)


def needs_size(padding, window, stride):
    """Returns whether the zeros around an axis with that padding depend on its size."""
    return padding == "same" and stride > 1 and window > 1


def are_known(pads):
    """Returns whether the zeros around all axes are ints, none a tensor with the next batch."""
    return all(isinstance(zeros, int) for pair in pads for zeros in pair)


def are_zero(pads):
    """Returns whether it is known that there are no zeros around any of these axes."""
    return are_known(pads) and not any(map(sum, pads))


def output_sizes(sizes, kernel_size, strides, padding, dilation_rate):
    """Returns how many places each axis has after the convolution; None stays None.

    Raises:
        ValueError: if the window does not fit into an axis.
    """
    results = []
    pairs = padding_pairs(
        [1 if size is None else size for size in sizes],
        kernel_size,
        strides,
        padding,
        dilation_rate,
    )
    for axis, size in enumerate(sizes):
        if size is None:
            results.append(None)
            continue
        window = dilation_rate[axis] * (kernel_size[axis] - 1) + 1
        places = (size + sum(pairs[axis]) - window) // strides[axis] + 1
        if isinstance(places, int) and places < 1:
            raise ValueError(
                f"The window of {window} does not fit into the {AXES[axis]} axis with padding "
                f"{padding}. Received: {AXES[axis]}={size}"
            )
        results.append(places)
    return tuple(results)


def size_of(tensor, axis):
    """Returns the size of one axis: an int, or a scalar tensor where it is unknown.

    `keras.ops.shape` would put an operation into TensorFlow's graph for every unknown size, read
    or not, and converters take what nobody reads for an output.
    """
    size = tensor.shape[axis]
    if size is not None:
        return size
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.shape(tensor)[axis]
    return keras.ops.shape(tensor)[axis]


def larger(one, other):
    """Returns the larger of two sizes, each an int or a scalar tensor."""
    both_known = isinstance(one, int) and isinstance(other, int)
    return max(one, other) if both_known else keras.ops.maximum(one, other)


def smaller(one, other):
    """Returns the smaller of two sizes, each an int or a scalar tensor."""
    both_known = isinstance(one, int) and isinstance(other, int)
    return min(one, other) if both_known else keras.ops.minimum(one, other)

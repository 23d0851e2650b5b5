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
    odd number of zeros the larger half comes after.

    Args:
        sizes: ints or scalar tensors; what `needs_size` says no to is not read.
        kernel_size: ints.
        strides: ints.
        padding: "same", "valid" or ints.
        dilation_rate: ints.
    """
    if padding == "valid":
        return ((0, 0),) * len(kernel_size)
    if padding != "same":
        return tuple((zeros, zeros) for zeros in padding)
    pairs = []
    for size, window, stride, dilation in zip(
        sizes, kernel_size, strides, dilation_rate, strict=True
    ):
        total = dilation * (window - 1)
        if needs_size(padding, window, stride):
            # What the last window lacks, which may be a tensor where the size is unknown.
            total = (size + stride - 1) // stride * stride - stride + total + 1 - size
            total = larger(total, 0)
        pairs.append((total // 2, total - total // 2))
    return tuple(pairs)


def needs_size(padding, window, stride):
    """Returns whether the zeros around an axis depend on its size."""
    return padding == "same" and stride > 1 and window > 1


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

"""Window arithmetic of 3-D convolutions: the one place for triples, padding and output sizes."""

import operator

import keras

AXES = ("frames", "height", "width")


def positive(value, name):
    """Returns `value`, of Python or NumPy, as an int of Python.

    Raises:
        ValueError: if it is not an int above 0.
    """
    number = _as_int(value)
    if number is None or number < 1:
        raise ValueError(f"`{name}` must be an int above 0. Received: {name}={value}")
    return number


def _as_int(value):
    try:
        return operator.index(value)
    except TypeError:
        return None


def triple(value, name, minimum=1):
    """Returns `value` as three ints, one for each of (frames, height, width).

    Raises:
        ValueError: if `value` is neither an int nor three ints, or one is below `minimum`.
    """
    values = value if isinstance(value, (tuple, list)) else (value,) * 3
    numbers = tuple(map(_as_int, values))
    if len(numbers) != 3 or not all(size is not None and size >= minimum for size in numbers):
        raise ValueError(
            f"`{name}` must be an int or (frames, height, width), each at least {minimum}. "
            f"Received: {name}={value}"
        )
    return numbers


def standardize_padding(padding):
    """Returns "same", "valid" or three ints: zeros on both sides of each axis.

    Raises:
        ValueError: if `padding` is none of these.
    """
    if isinstance(padding, str) and padding.lower() in ("same", "valid"):
        return padding.lower()
    if isinstance(padding, str):
        raise ValueError(
            '`padding` must be "same", "valid", or the zeros to put on both sides of '
            f"(frames, height, width). Received: padding={padding}"
        )
    return triple(padding, "padding", minimum=0)


def refuse_strided_dilation(strides, dilation_rate):
    """Raises what Keras's convolutions raise: strides and dilation exclude each other."""
    if max(strides) > 1 and max(dilation_rate) > 1:
        raise ValueError(
            "`strides` above 1 and `dilation_rate` above 1 cannot be combined. "
            f"Received: strides={strides}, dilation_rate={dilation_rate}"
        )


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
    odd number of zeros the larger half comes after. `sizes` may hold tensors.
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
        if stride > 1 and window > 1:
            # What the last window lacks, which may be a tensor where the size is unknown.
            total = (size + stride - 1) // stride * stride - stride + total + 1 - size
            total = max(total, 0) if isinstance(total, int) else keras.ops.maximum(total, 0)
        pairs.append((total // 2, total - total // 2))
    return tuple(pairs)


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


def reshape(inputs, sizes):
    """Returns the inputs in another shape.

    Args:
        inputs: tensor.
        sizes: ints, and tensors for sizes that are unknown until a batch is there. -1 stands for
            one of those: it makes the shape a constant, and the other sizes stay known, without
            which TensorFlow's convolutions are up to 1.5 times slower.
    """
    unknown = [axis for axis, size in enumerate(sizes) if not isinstance(size, int)]
    if len(unknown) == 1:
        sizes = [-1 if axis in unknown else size for axis, size in enumerate(sizes)]
    return keras.ops.reshape(inputs, sizes)


def every(inputs, strides):
    """Takes every `stride`-th place, from the first one on.

    Args:
        inputs: tensor `(batch, *sizes, channels)`.
        strides: ints, one for each of the sizes.

    Returns:
        Tensor `(batch, *new_sizes, channels)`, each new size `ceil(size / stride)`.

    Example:
    >>> from keras import ops
    >>> ops.convert_to_numpy(every(ops.reshape(ops.arange(5), (1, 5, 1)), (2,))).ravel().tolist()
    [0, 2, 4]
    """
    if max(strides) == 1:
        return inputs
    if keras.backend.backend() != "tensorflow":
        return inputs[:, *(slice(None, None, stride) for stride in strides)]
    # TensorFlow's slices with a stride, and their gradients, run on one core: 11 and 13 ms for a
    # stride of 2 at (2, 16, 56, 56, 64), 21 and 22 ms over time alone at (2, 16, 28, 28, 128). As
    # the first of each group of places they take 1 and 2 ms (2026-11-27, the CPU of `TABLE`).
    batch, *sizes, channels = keras.ops.shape(inputs)
    ones = (1,) * len(strides)
    new_sizes = output_sizes(sizes, ones, strides, "valid", ones)
    lacks = [
        (0, new_size * stride - size)
        for new_size, stride, size in zip(new_sizes, strides, sizes, strict=True)
    ]
    if any(not isinstance(after, int) or after for _, after in lacks):
        inputs = keras.ops.pad(inputs, ((0, 0), *lacks, (0, 0)))
    # From the innermost axis on, what is taken whole makes one axis.
    groups, kept, whole = [], [], channels
    for new_size, stride in zip(reversed(new_sizes), reversed(strides), strict=True):
        if stride == 1:
            whole = whole * new_size
        else:
            groups.append(stride * whole)
            kept.append(whole)
            whole = new_size
    rows = whole * batch
    grouped = reshape(inputs, (rows, *reversed(groups)))
    taken = keras.ops.slice(grouped, [0] * (len(groups) + 1), (rows, *reversed(kept)))
    return reshape(taken, (batch, *new_sizes, channels))

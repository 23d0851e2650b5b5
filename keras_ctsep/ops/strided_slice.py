"""Every n-th place of a tensor, which TensorFlow's own slices take on one core."""

import keras

from keras_ctsep.ops.shapes import output_sizes, size_of


def strided_slice(inputs, strides):
    """Takes every `stride`-th place, from the first one on.

    Args:
        inputs: tensor `(batch, *sizes, channels)`.
        strides: ints, one for each of the sizes.

    Returns:
        Tensor `(batch, *new_sizes, channels)`, each new size `ceil(size / stride)`.

    Example:
    >>> from keras import ops
    >>> five = ops.reshape(ops.arange(5), (1, 5, 1))
    >>> ops.convert_to_numpy(strided_slice(five, (2,))).ravel().tolist()
    [0, 2, 4]
    """
    if max(strides) == 1:
        return inputs
    if keras.backend.backend() == "tensorflow":
        return _first_of_groups(inputs, strides)
    return inputs[:, *(slice(None, None, stride) for stride in strides)]


def _first_of_groups(inputs, strides):
    # TensorFlow's slices with a stride, and their gradients, run on one core: 11 and 13 ms for a
    # stride of 2 at (2, 16, 56, 56, 64), 21 and 22 ms over time alone at (2, 16, 28, 28, 128). As
    # the first of each group of places they take 1 and 2 ms (2026-11-27, the CPU of `TABLE`).
    sizes = [size_of(inputs, axis + 1) for axis in range(len(strides))]
    ones = (1,) * len(strides)
    new_sizes = output_sizes(sizes, ones, strides, "valid", ones)
    missing = [
        (0, new_size * stride - size if stride > 1 else 0)
        for new_size, stride, size in zip(new_sizes, strides, sizes, strict=True)
    ]
    if any(not isinstance(after, int) or after for _, after in missing):
        inputs = keras.ops.pad(inputs, ((0, 0), *missing, (0, 0)))
    # From the innermost axis on, axes that are taken whole become one axis. Those around the first
    # stride stay in the batch: a product of their sizes would be one that nobody reads.
    first_strided = next(axis for axis, stride in enumerate(strides) if stride > 1)
    inner = list(zip(new_sizes, strides, strict=True))[first_strided:]
    groups, taken, whole = [], [], inputs.shape[-1]
    for new_size, stride in reversed(inner):
        if stride == 1:
            whole = whole * new_size
        else:
            groups.append(stride * whole)
            taken.append(whole)
            whole = new_size
    grouped = keras.ops.reshape(inputs, (-1, *reversed(groups)))
    first = keras.ops.slice(grouped, [0] * (len(groups) + 1), (-1, *reversed(taken)))
    return keras.ops.reshape(first, (-1, *new_sizes, inputs.shape[-1]))

"""What each tap of a window sees, and the sum of all taps times their weights.

A window of three taps with one zero on each side, over an axis of five places:

    inputs           0 1 2 3 4
    zeros          .           .
    first output  [. 0 1]             taps 1 and 2 lie on the inputs
    most outputs     [0 1 2] ...      all taps do
    last output            [3 4 .]    taps 0 and 1 do

So an axis of outputs has up to three pieces, each with its own taps, and no padded copy of the
inputs is needed.
"""

import itertools

from keras import ops

from keras_ctsep.ops.shapes import larger, output_sizes, size_of, smaller

# Larger windows have many pieces of many taps, which take long to compile; so have windows over
# three axes, and a padded copy is little beside so many taps.
MAX_WINDOW_IN_PIECES = 3


def taps_of(inputs, kernel_size, strides, dilation_rate):
    """Yields what each tap of a window sees, in the places of the output.

    Args:
        inputs: tensor `(..., *sizes, channels)`, padded already.
        kernel_size: ints, one for each of the sizes.
        strides: ints.
        dilation_rate: ints.

    Yields:
        Tensors `(..., *new_sizes, channels)`, row by row of the window.
    """
    rank = len(kernel_size)
    sizes = [size_of(inputs, axis - rank - 1) for axis in range(rank)]
    sizes = output_sizes(sizes, kernel_size, strides, "valid", dilation_rate)
    spans = [(size - 1) * stride + 1 for size, stride in zip(sizes, strides, strict=True)]
    for tap in itertools.product(*map(range, kernel_size)):
        starts = [place * rate for place, rate in zip(tap, dilation_rate, strict=True)]
        places = zip(starts, spans, strides, strict=True)
        yield inputs[
            ..., *(slice(start, start + span, stride) for start, span, stride in places), :
        ]


def where_tap_lies(size, places, stride, offset):
    """Returns where a tap lies on the inputs, and not on the zeros around: no copy is padded.

    Args:
        size: places of the inputs, an int or a scalar tensor.
        places: places of the outputs, likewise.
        stride: int.
        offset: the place of the inputs, below 0 for zeros, that the first output sees by this tap.

    Returns:
        A tuple `(seen, by)` of slices: the places of the inputs, and those of the outputs.

    Example:
    >>> where_tap_lies(5, 5, stride=1, offset=-1)
    (slice(0, 4, 1), slice(1, 5, None))
    """
    first = max(-(offset // stride), 0)
    last = smaller((size - 1 - offset) // stride, places - 1)
    start, stop = first * stride + offset, last * stride + offset + 1
    return slice(start, larger(stop, start), stride), slice(first, larger(last + 1, first))


def sum_of_taps(inputs, kernel, strides, pads, dilation_rate):
    """Convolves each channel on its own, as a sum of shifted inputs times weights.

    Args:
        inputs: tensor `(batch, *sizes, channels)`.
        kernel: tensor `(*window, channels)`, with a place for each of the sizes.
        strides: ints.
        pads: `(before, after)` zeros for each of the sizes.
        dilation_rate: ints.

    Returns:
        Tensor `(batch, *new_sizes, channels)`.
    """
    kernel_size, sizes = kernel.shape[:-1], inputs.shape[1:-1]
    flat = len(sizes) == 2 and max(kernel_size) <= MAX_WINDOW_IN_PIECES
    if flat and None not in sizes:
        axes = zip(sizes, kernel_size, strides, pads, dilation_rate, strict=True)
        row_pieces, column_pieces = (pieces_of(*axis) for axis in axes)
        if all(row_pieces) and all(column_pieces):
            return _joined(inputs, kernel, row_pieces, column_pieces)
    inputs = ops.pad(inputs, ((0, 0), *pads, (0, 0)))
    weights = ops.reshape(kernel, (-1, kernel.shape[-1]))
    taps = taps_of(inputs, kernel_size, strides, dilation_rate)
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


def pieces_of(size, kernel_size, stride, pads, dilation_rate):
    """Splits the places of an output by which taps of the window lie on the inputs there.

    Args:
        size: places of the inputs.
        kernel_size: taps.
        stride: int.
        pads: `(before, after)` zeros.
        dilation_rate: int.

    Returns:
        A list with a list for each piece, in order: `(tap, slice)` for each tap that lies on the
        inputs, with the places of the inputs that it sees.

    Example:
    >>> first, most, last = pieces_of(5, 3, stride=1, pads=(1, 1), dilation_rate=1)
    >>> first
    [(1, slice(0, 1, 1)), (2, slice(1, 2, 1))]
    >>> most
    [(0, slice(0, 3, 1)), (1, slice(1, 4, 1)), (2, slice(2, 5, 1))]
    """
    padded = (size + sum(pads),)
    (places,) = output_sizes(padded, (kernel_size,), (stride,), "valid", (dilation_rate,))

    def seen(place, tap):
        return place * stride + tap * dilation_rate - pads[0]

    def taps_on_inputs(place):
        return [tap for tap in range(kernel_size) if 0 <= seen(place, tap) < size]

    pieces = []
    for taps, group in itertools.groupby(range(places), taps_on_inputs):
        same = list(group)
        first, last = same[0], same[-1]
        pieces.append([(tap, slice(seen(first, tap), seen(last, tap) + 1, stride)) for tap in taps])
    return pieces

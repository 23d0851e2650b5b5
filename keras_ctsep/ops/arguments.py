"""Checks of the arguments that describe a convolution."""

import operator


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
    """Returns "same", "valid", "causal" or a tuple with a value for each axis.

    Such a value is an int, the zeros on both sides, or "same", or for the frames "causal".

    Raises:
        ValueError: if `padding` is none of these.
    """
    if isinstance(padding, str) and padding.lower() in ("same", "valid", "causal"):
        return padding.lower()
    if isinstance(padding, str):
        raise ValueError(
            '`padding` must be "same", "valid", "causal", or for each of (frames, height, width) '
            f'the zeros on both sides, or "same", or "causal" frames. Received: padding={padding}'
        )
    if not isinstance(padding, (tuple, list)):
        return triple(padding, "padding", minimum=0)
    named = {
        axis: value
        for axis, value in enumerate(padding)
        if isinstance(value, str) and (value == "same" or (axis, value) == (0, "causal"))
    }
    zeros = [0 if axis in named else value for axis, value in enumerate(padding)]
    numbers = triple(zeros, "padding", minimum=0)
    return tuple(named.get(axis, number) for axis, number in enumerate(numbers))


def refuse_strided_dilation(strides, dilation_rate):
    """Raises what Keras's convolutions raise: strides and dilation exclude each other."""
    if max(strides) > 1 and max(dilation_rate) > 1:
        raise ValueError(
            "`strides` above 1 and `dilation_rate` above 1 cannot be combined. "
            f"Received: strides={strides}, dilation_rate={dilation_rate}"
        )

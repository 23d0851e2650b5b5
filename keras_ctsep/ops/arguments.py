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

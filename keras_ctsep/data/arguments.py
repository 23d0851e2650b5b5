"""One form for what is said of a wrong argument."""


def require(is_right, expected, owner, *names):
    """Raises ValueError with the values of some attributes, unless something is right.

    Example:
    >>> import types
    >>> require(False, "`fps` must be above 0", types.SimpleNamespace(fps=-1), "fps")
    Traceback (most recent call last):
    ...
    ValueError: `fps` must be above 0. Received: fps=-1
    """
    if not is_right:
        received = ", ".join(f"{name}={getattr(owner, name)!r}" for name in names)
        raise ValueError(f"{expected}. Received: {received}")

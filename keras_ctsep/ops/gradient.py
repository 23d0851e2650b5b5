"""Gradients of our own making, for every backend."""

import keras
from keras import ops


def with_gradient(function, gradient):
    """Returns the function, with a gradient of its own.

    Args:
        function: function of tensors that returns a tensor.
        gradient: function `(upstream, *args)` of the gradient of the output and the arguments,
            that returns a tuple of the gradients of the arguments.

    Example:
    >>> from keras import ops
    >>> square = with_gradient(ops.square, lambda upstream, x: (2 * x * upstream,))
    >>> float(square(ops.array(3.0)))
    9.0
    """
    if keras.backend.backend() == "torch":
        # Keras hands over the arguments that PyTorch has saved: to hold them here too would keep
        # what `recomputed` lets go.
        return ops.custom_gradient(
            lambda *args: (function(*args), lambda *saved, upstream: gradient(upstream, *saved))
        )
    custom = ops.custom_gradient(
        lambda *args: (function(*args), lambda upstream: gradient(upstream, *args))
    )
    return with_variables_read(custom) if keras.backend.backend() == "tensorflow" else custom


def with_variables_read(function):
    """Returns the function of TensorFlow tensors, which takes variables too.

    Read before, variables are tensors like others; a custom gradient treats its variables apart.
    """
    import tensorflow as tf

    return lambda *args: function(*map(tf.convert_to_tensor, args))

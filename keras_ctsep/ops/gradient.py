"""Gradients of our own making, for every backend."""

import functools

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
        return _torch_with_gradient(function, gradient)
    custom = ops.custom_gradient(
        lambda *args: (function(*args), lambda upstream: gradient(upstream, *args))
    )
    return with_variables_read(custom) if keras.backend.backend() == "tensorflow" else custom


def _torch_with_gradient(function, gradient):
    kept, run = _torch_functions()

    def with_own_gradient(*args):
        place = []
        return run.apply(place, function, gradient, *kept.apply(place, *args))

    return with_own_gradient


@functools.cache
def _torch_functions():
    # `keras.remat` runs a function again up to the last tensor that it kept. `ops.custom_gradient`
    # keeps the arguments once the function has run; kept before, it need not run again.
    import torch

    class Kept(torch.autograd.Function):
        @staticmethod
        def forward(ctx, place, *args):
            ctx.save_for_backward(*args)
            place.append(ctx)
            return tuple(arg.view_as(arg) for arg in args)

        @staticmethod
        def backward(ctx, *upstream):
            return None, *upstream

    class Run(torch.autograd.Function):
        @staticmethod
        def forward(ctx, place, function, gradient, *args):
            ctx.place, ctx.gradient = place, gradient
            return function(*args)

        @staticmethod
        def backward(ctx, upstream):
            (kept,) = ctx.place
            return None, None, None, *ctx.gradient(upstream, *kept.saved_tensors)

    return Kept, Run


def with_variables_read(function):
    """Returns the function of TensorFlow tensors, which takes variables too.

    Read before, variables are tensors like others; a custom gradient treats its variables apart.
    """
    import tensorflow as tf

    return lambda *args: function(*map(tf.convert_to_tensor, args))

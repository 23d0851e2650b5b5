"""Gradients written by hand, on every backend."""

import functools

import keras
from keras import ops


def custom_gradient(function, gradient):
    """Returns the function with another gradient than the one of automatic differentiation.

    Args:
        function: function of tensors that returns a tensor.
        gradient: function `(upstream, *args)` of the gradient of the output and the arguments,
            that returns a tuple of the gradients of the arguments.

    Example:
    >>> from keras import ops
    >>> square = custom_gradient(ops.square, lambda upstream, x: (2 * x * upstream,))
    >>> float(square(ops.array(3.0)))
    9.0
    """
    if keras.backend.backend() == "torch":
        import torch

        # `torch.compile` cannot trace the functions below, and makes gradients of its own.
        compiling = torch.compiler.is_compiling()
        return function if compiling else _torch_custom_gradient(function, gradient)
    custom = ops.custom_gradient(
        lambda *args: (function(*args), lambda upstream: gradient(upstream, *args))
    )
    return with_variables_read(custom) if keras.backend.backend() == "tensorflow" else custom


def _torch_custom_gradient(function, gradient):
    save, run = _torch_functions()

    def with_own_gradient(*args):
        place = []
        return run.apply(place, function, gradient, *save.apply(place, *args))

    return with_own_gradient


@functools.cache
def _torch_functions():
    # `keras.remat` runs a function again up to the last tensor that was saved in it.
    # `ops.custom_gradient` saves the arguments after it has run. One that is the last step of such
    # a function would then run again for nothing. So one function saves, and another one runs.
    import torch

    class Save(torch.autograd.Function):
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
            (saving,) = ctx.place
            return None, None, None, *ctx.gradient(upstream, *saving.saved_tensors)

    return Save, Run


def with_variables_read(function):
    """Returns the function of TensorFlow tensors, which takes variables too.

    Read before, variables are tensors like others; a custom gradient treats its variables apart.
    """
    import tensorflow as tf

    return lambda *args: function(*map(tf.convert_to_tensor, args))

"""Computing again in the backward pass what would otherwise be kept from the forward pass."""

import os

import keras
from keras import ops


def recomputed(function):
    """Wraps a function so that its gradient keeps nothing but the arguments.

    `keras.remat` on TensorFlow and PyTorch. The environment variable `KERAS_CTSEP_RECOMPUTE=0`
    turns it off, for measuring: a train step then takes less time and more memory.

    Args:
        function: function `(inputs, *parameters)` of tensors that returns a tensor or a tuple.
            `parameters` are small, and what is to be computed again depends on them.

    Returns:
        A function of the same arguments and results.
    """
    if os.environ.get("KERAS_CTSEP_RECOMPUTE") == "0":
        return function
    if keras.backend.backend() == "jax":
        return _jax_recomputed(function)
    return keras.remat(function)


def _jax_recomputed(function):
    # XLA's CPU compiler drops the barriers that jax.checkpoint sets, finds that it has computed
    # the same before, and keeps that. So the parameters get a zero added that only the gradient
    # tells, whose work cannot be done, or found to be done, before that gradient is there.
    import jax

    recomputing = jax.custom_vjp(function)

    def forward(*args):
        return function(*args), args

    def backward(args, upstream):
        first = ops.ravel(jax.tree.leaves(upstream)[0])[0]
        zero = ops.minimum(ops.abs(first), 0)
        parameters = [parameter + ops.cast(zero, parameter.dtype) for parameter in args[1:]]
        return jax.vjp(function, args[0], *parameters)[1](upstream)

    recomputing.defvjp(forward, backward)
    return recomputing

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


def once_known(tensor, other):
    """Returns `tensor` as a value that cannot be computed before `other` is there.

    XLA computes whatever it can as early as it can, and keeps it: in a backward pass, what depends
    on the forward pass alone would lie in memory from then on. It sees through the barriers that
    are meant against this (`jax.checkpoint` on a CPU), but not through adding a zero that `other`
    tells.
    """
    first = ops.ravel(ops.cast(other, tensor.dtype))[0]
    return tensor + ops.minimum(ops.abs(first), 0)


def _jax_recomputed(function):
    import jax

    recomputing = jax.custom_vjp(function)

    def forward(*args):
        return function(*args), args

    def backward(args, upstream):
        known = jax.tree.leaves(upstream)[0]
        parameters = [once_known(parameter, known) for parameter in args[1:]]
        return jax.vjp(function, args[0], *parameters)[1](upstream)

    recomputing.defvjp(forward, backward)
    return recomputing

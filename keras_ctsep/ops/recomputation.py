"""Computing again in the backward pass what would otherwise be kept from the forward pass."""

import os

import keras
from keras import ops

from keras_ctsep.ops.gradient import with_variables_read


def recomputed(function):
    """Wraps a function so that its gradient keeps nothing but the arguments.

    `keras.remat` on PyTorch; on TensorFlow it would pass over the inputs once more, to hold the
    recomputation back, and on JAX XLA sees through it. The environment variable
    `KERAS_CTSEP_RECOMPUTE=0` turns it off: a train step then takes less time and more memory.

    Args:
        function: function `(inputs, *parameters)` of tensors that returns a tensor or a tuple.
            `parameters` are small, and what is to be computed again depends on them.

    Returns:
        A function of the same arguments and results.
    """
    if os.environ.get("KERAS_CTSEP_RECOMPUTE") == "0":
        return function
    by_backend = {"tensorflow": _tensorflow_recomputed, "jax": _jax_recomputed}
    return by_backend.get(keras.backend.backend(), keras.remat)(function)


def once_known(tensor, other):
    """Returns `tensor` as a value that cannot be computed before `other` is there.

    XLA computes whatever it can as early as it can, and keeps it: in a backward pass, what depends
    on the forward pass alone would lie in memory from then on. It sees through the barriers that
    are meant against this (`jax.checkpoint` on a CPU), but not through adding a zero that `other`
    tells.
    """
    first = ops.ravel(ops.cast(other, tensor.dtype))[0]
    return tensor + ops.minimum(ops.abs(first), 0)


def _tensorflow_recomputed(function):
    import tensorflow as tf

    @tf.custom_gradient
    def recomputing(inputs, *parameters):
        def gradient(*upstream):
            args = [inputs, *(once_known(parameter, upstream[0]) for parameter in parameters)]
            with tf.GradientTape() as tape:
                tape.watch(args)
                outputs = tf.nest.flatten(function(*args))
            return tape.gradient(outputs, args, output_gradients=upstream)

        return function(inputs, *parameters), gradient

    return with_variables_read(recomputing)


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

"""Computing again in the backward pass what would otherwise be kept from the forward pass."""

import functools
import os

import keras
from keras import ops

from keras_ctsep.ops.gradient import with_variables_read


def recomputed(function):
    """Wraps a function so that its gradient keeps little more than the arguments.

    `keras.remat` on PyTorch; on TensorFlow it would pass over the inputs once more, to hold the
    recomputation back, and on JAX XLA sees through it. The environment variable
    `KERAS_CTSEP_RECOMPUTE=0` turns it off: a train step then takes less time and more memory.

    Args:
        function: function `(inputs, *parameters, known=None)` of tensors that returns `(outputs,
            known)`: a tensor, and what it found out about its arguments as a tuple of small
            tensors. It is called once more for the gradient, and is then told what is known.
            `parameters` are small, and what is to be computed again depends on them.

    Returns:
        A function `(inputs, *parameters)` of tensors or variables, with the same results; what is
        known passes no gradient on.
    """
    if os.environ.get("KERAS_CTSEP_RECOMPUTE") == "0":
        return function
    by_backend = {"tensorflow": _tensorflow_recomputed, "jax": _jax_recomputed}
    recomputing = by_backend.get(keras.backend.backend(), _remat)(function)
    # JAX takes no Keras variables as arguments, and the second run has no autocast of theirs.
    return lambda *args: recomputing(*map(ops.convert_to_tensor, args))


def once_known(tensor, other):
    """Returns `tensor` as a value that cannot be computed before `other` is there.

    XLA computes whatever it can as early as it can, and keeps it: in a backward pass, what depends
    on the forward pass alone would lie in memory from then on. It sees through the barriers that
    are meant against this (`jax.checkpoint` on a CPU), but not through adding a zero that `other`
    tells.
    """
    first = ops.ravel(ops.cast(other, tensor.dtype))[0]
    return tensor + ops.minimum(ops.abs(first), 0)


def _remat(function):
    def recomputing(*args):
        known = []

        def run(*args):
            outputs, found = function(*args, known=known[0] if known else None)
            known[:] = [found]
            return outputs

        return keras.remat(run)(*args), known[0]

    return recomputing


def _tensorflow_recomputed(function):
    import tensorflow as tf

    @tf.custom_gradient
    def recomputing(inputs, *parameters):
        outputs, known = function(inputs, *parameters)

        def gradient(upstream, *_):
            args = [inputs, *(once_known(parameter, upstream) for parameter in parameters)]
            with tf.GradientTape() as tape:
                tape.watch(args)
                again, _ = function(*args, known=known)
            of_inputs, *others = tape.gradient(
                again, args, output_gradients=upstream, unconnected_gradients="zero"
            )
            # The layer before waits until all that was computed again here is free.
            with tf.control_dependencies(others):
                return [tf.identity(of_inputs), *others]

        return (outputs, known), gradient

    return with_variables_read(recomputing)


def _jax_recomputed(function):
    import jax

    # Of a function with defaults it makes arguments of these.
    recomputing = jax.custom_vjp(lambda *args: function(*args))

    def forward(*args):
        outputs, known = function(*args)
        return (outputs, known), (args, known)

    def backward(kept, upstream):
        (inputs, *parameters), known = kept
        upstream, _ = upstream
        parameters = [once_known(parameter, upstream) for parameter in parameters]
        again = functools.partial(function, known=known)
        _, gradient, _ = jax.vjp(again, inputs, *parameters, has_aux=True)
        return gradient(upstream)

    recomputing.defvjp(forward, backward)
    return recomputing

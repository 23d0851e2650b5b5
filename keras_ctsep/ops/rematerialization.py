"""Rematerialization: computing again in the backward pass instead of saving activations."""

import functools
import os

import keras
from keras import ops

from keras_ctsep.ops.custom_gradient import with_variables_read


def rematerialized(function):
    """Wraps a function so that its gradient saves little more than the arguments.

    On PyTorch this is `keras.remat`. TensorFlow's version reads the inputs an extra time to delay
    the computation, and XLA optimises JAX's away, so both have an implementation here. The
    environment variable `KERAS_CTSEP_REMAT=0` turns it off: a train step then takes less time and
    more memory.

    Args:
        function: function `(inputs, *parameters, saved=None)` of tensors that returns `(outputs,
            saved)`: a tensor, and what it found out about its arguments as a tuple of small
            tensors. It is called once more for the gradient, with these as `saved`. `parameters`
            are small, and what is to be computed again depends on them. All that it reads must be
            among the arguments: in the backward pass, Keras's variables have other values on JAX.

    Returns:
        A function `(inputs, *parameters)` of tensors or variables, with the same results; no
        gradient passes through what is saved.
    """
    if os.environ.get("KERAS_CTSEP_REMAT") == "0":
        return function
    by_backend = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
    rematerializing = by_backend[keras.backend.backend()](function)
    # JAX takes no Keras variables as arguments, and the second run has no autocast of theirs.
    return lambda *args: rematerializing(*map(ops.convert_to_tensor, args))


def depends_on(tensor, other):
    """Makes `tensor` depend on `other`, so that the compiler cannot schedule its use earlier.

    XLA computes whatever it can as early as it can, and keeps it: in a backward pass, what depends
    on the forward pass alone would lie in memory from then on. It sees through the barriers that
    are meant against this (`jax.checkpoint` on a CPU), but not through adding a zero that is
    computed from `other`.
    """
    first = ops.ravel(ops.cast(other, tensor.dtype))[0]
    return tensor + ops.minimum(ops.abs(first), 0)


def _torch(function):
    import torch

    if torch.compiler.is_compiling():  # it chooses by itself what to compute again
        return function

    def rematerializing(*args):
        found = []

        def run(*args):
            outputs, saved = function(*args, saved=found[0] if found else None)
            found[:] = [saved]
            return outputs

        return keras.remat(run)(*args), found[0]

    return rematerializing


def _tensorflow(function):
    import tensorflow as tf

    @tf.custom_gradient
    def rematerializing(inputs, *parameters):
        outputs, saved = function(inputs, *parameters)

        def gradient(upstream, *_):
            args = [inputs, *(depends_on(parameter, upstream) for parameter in parameters)]
            with tf.GradientTape() as tape:
                tape.watch(args)
                again, _ = function(*args, saved=saved)
            of_inputs, *others = tape.gradient(
                again, args, output_gradients=upstream, unconnected_gradients="zero"
            )
            # The layer before waits until all that was computed again here is free.
            with tf.control_dependencies(others):
                return [tf.identity(of_inputs), *others]

        return (outputs, saved), gradient

    return with_variables_read(rematerializing)


def _jax(function):
    import jax

    # Of a function with defaults it makes arguments of these.
    rematerializing = jax.custom_vjp(lambda *args: function(*args))

    def forward(*args):
        outputs, saved = function(*args)
        return (outputs, saved), (args, saved)

    def backward(residuals, upstream):
        (inputs, *parameters), saved = residuals
        upstream, _ = upstream
        parameters = [depends_on(parameter, upstream) for parameter in parameters]
        again = functools.partial(function, saved=saved)
        _, gradient, _ = jax.vjp(again, inputs, *parameters, has_aux=True)
        return gradient(upstream)

    rematerializing.defvjp(forward, backward)
    return rematerializing

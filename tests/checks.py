"""What several tests do to models and functions, the same way on each backend."""

import os
import pathlib
import time

import keras
import numpy as np
from keras import ops

GOLDEN = pathlib.Path(__file__).parent / "golden"


def assert_close(numbers, want, tolerance=1e-4):
    """Numbers of a backend are those wanted, within that part of the largest one."""
    numbers = ops.convert_to_numpy(numbers)
    assert np.isfinite(want).all()  # NaN equals NaN below
    np.testing.assert_allclose(numbers, want, rtol=0, atol=tolerance * np.abs(want).max())


def gradients(function, *arrays):
    """Returns NumPy gradients of a scalar function of arrays, by the running backend's engine."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        found = jax.grad(function, argnums=tuple(range(len(arrays))))(*map(ops.array, arrays))
    elif backend == "torch":
        tensors = [ops.convert_to_tensor(array).clone().requires_grad_(True) for array in arrays]
        function(*tensors).backward()
        found = [tensor.grad for tensor in tensors]
    else:
        import tensorflow as tf

        tensors = [tf.Variable(array) for array in arrays]
        with tf.GradientTape() as tape:
            value = function(*map(ops.convert_to_tensor, tensors))
        found = tape.gradient(value, tensors)
    return [np.asarray(ops.convert_to_numpy(gradient)) for gradient in found]


def second_gradients(function, ways, *arrays):
    """Returns NumPy gradients of the slope of a scalar function along one way for each array."""
    backend = keras.backend.backend()
    ways = [ops.convert_to_tensor(way) for way in ways]

    def slope_of(found):
        return sum(ops.sum(one * way) for one, way in zip(found, ways, strict=True))

    if backend == "jax":
        import jax

        places = tuple(range(len(arrays)))

        def slope(*tensors):
            return slope_of(jax.grad(function, argnums=places)(*tensors))

        return gradients(slope, *arrays)
    if backend == "torch":
        import torch

        def slope(*tensors):
            return slope_of(torch.autograd.grad(function(*tensors), tensors, create_graph=True))

        return gradients(slope, *arrays)
    import tensorflow as tf

    def slope(*tensors):
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            value = function(*tensors)
        return slope_of(tape.gradient(value, tensors))

    return gradients(slope, *arrays)


def randomize(model, seed=0):
    """Assigns each weight other numbers than it starts with; variances stay positive."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        values = rng.normal(size=weight.shape)
        if weight.name == "moving_variance":
            values = rng.uniform(0.5, 2.0, size=weight.shape)
        elif weight.name == "gamma":
            values = rng.uniform(0.5, 1.5, size=weight.shape)
        elif weight.name in ("beta", "moving_mean"):
            values = rng.uniform(-0.3, 0.3, size=weight.shape)
        elif weight.name.endswith("kernel"):
            values = values / np.sqrt(max(1, np.prod(weight.shape[:-1])))
        weight.assign(values.astype("float32"))


def succeeds_in_a_fork(function):
    """Whether a function returns something true in a forked process, within ten seconds."""
    child = os.fork()
    if not child:
        code = 1
        try:
            code = int(not function())
        finally:
            os._exit(code)
    for _ in range(100):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status == 0
        time.sleep(0.1)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return False

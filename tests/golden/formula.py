"""Weights and clips by formula: the same numbers wherever NumPy runs, and no random generator.

Used by the scripts that make the golden files and by the tests that compare with them.
"""

import math
import zlib

import numpy as np


def uniform(name, shape):
    """float64 numbers in [-1, 1) that depend on `name` and the flat index alone."""
    x = np.arange(math.prod(shape), dtype="uint32") + np.uint32(zlib.crc32(name.encode()))
    # An integer hash (shift, multiply, shift): exact on every machine, no visible pattern.
    for multiplier in (0x7FEB352D, 0x846CA68B):
        x = (x ^ (x >> 16)) * np.uint32(multiplier)
    x ^= x >> 16
    return (x / 2.0**31 - 1.0).reshape(shape)


def kernel(name, shape, fan_in):
    """Weights that keep the size of the activations through a ReLU."""
    return (uniform(name, shape) * math.sqrt(6.0 / fan_in)).astype("float32")


def norm(name, kind, size):
    """`kind` is "gamma", "beta", "mean" or "variance"; none of them is 0 or 1 throughout."""
    middle, spread = {
        "gamma": (0.85, 0.4),
        "beta": (-0.05, 0.1),
        "mean": (0.05, 0.1),
        "variance": (1.0, 0.5),
    }[kind]
    return (middle + spread * uniform(f"{name}/{kind}", (size,))).astype("float32")


def torch_state(shapes):
    """NumPy values for a PyTorch state dict of 3-D convolutions, batch norms and linear layers.

    `shapes` is a dictionary from the names in the state dict to shapes, kernels outputs first.
    """
    kinds = {"weight": "gamma", "bias": "beta", "running_mean": "mean", "running_var": "variance"}
    kinds["alpha"] = "gamma"  # of ReZero, one number
    state = {}
    for name, shape in shapes.items():
        layer, _, last = name.rpartition(".")
        if last == "num_batches_tracked":
            state[name] = np.zeros((), "int64")
        elif len(shape) > 1:
            state[name] = kernel(name, shape, fan_in=math.prod(shape[1:]))
        else:
            state[name] = norm(layer, kinds[last], math.prod(shape)).reshape(shape)
    return state


def torch_state_of(golden):
    """The state dict that the golden file of a peer was made with; it holds names and shapes."""
    return torch_state(_shapes_of(golden))


def _shapes_of(golden):
    texts = zip(golden["names"].tolist(), golden["shapes"].tolist(), strict=True)
    return {name: tuple(int(size) for size in text.split(",") if size) for name, text in texts}


def tensorflow_state(shapes):
    """NumPy values for a TensorFlow checkpoint of convolutions and batch norms.

    `shapes` is a dictionary from names such as `model/.../gamma/.ATTRIBUTES/VARIABLE_VALUE` to
    shapes, kernels inputs first.
    """
    kinds = {"moving_mean": "mean", "moving_variance": "variance", "bias": "beta", "scale": "gamma"}
    state = {}
    for name, shape in shapes.items():
        layer, last = name.removesuffix("/.ATTRIBUTES/VARIABLE_VALUE").rsplit("/", 1)
        if len(shape) > 1:
            # A depthwise kernel (height, width, channels, 1) reads one channel.
            read = shape[:-2] if last == "depthwise_kernel" else shape[:-1]
            state[name] = kernel(name, shape, fan_in=math.prod(read))
        else:
            state[name] = norm(layer, kinds.get(last, last), math.prod(shape)).reshape(shape)
    return state


def tensorflow_state_of(golden):
    """The checkpoint that the golden file of a network in TensorFlow was made with."""
    return tensorflow_state(_shapes_of(golden))


def clips(shape):
    """uint8 `(batch, frames, height, width, 3)`: smooth moving waves with a little noise."""
    b, t, y, x, c = np.meshgrid(*[np.arange(n) for n in shape], indexing="ij")
    wave = np.sin(0.31 * x + 0.4 * t * (1 + b)) + np.cos(0.23 * y - 0.3 * t + c) + 0.7 * b - 0.3
    values = 127.5 + 50.0 * wave + 30.0 * uniform("clips", shape)
    return np.clip(values, 0, 255).round().astype("uint8")


def fill_xception(model):
    """Fills a `keras.applications.Xception` with or without its head."""
    for layer in model.layers:
        for weight in layer.weights:
            # The convolutions on the shortcuts carry numbers that depend on what was made before.
            unnamed = layer.name.startswith(("conv2d", "batch_normalization"))
            name = f"shortcut{weight.shape[-1]}" if unnamed else layer.name
            if len(weight.shape) == 1:
                kind = weight.name.removeprefix("moving_").replace("bias", "beta")
                weight.assign(norm(name, kind, weight.shape[0]))
            else:
                # A depthwise kernel (height, width, channels, 1) reads one channel.
                depthwise = len(weight.shape) == 4 and weight.shape[-1] == 1
                fan_in = math.prod(weight.shape[:2] if depthwise else weight.shape[:-1])
                # No ReLU comes between the depthwise and the pointwise kernel.
                gain = 0.5 if depthwise else 1.0
                values = kernel(f"{name}/{weight.name}", tuple(weight.shape), fan_in / gain)
                weight.assign(values)

"""Measures every form of the convolutions on the running backend: what `ops/forms.py` rests on.

    KERAS_BACKEND=jax python recipes/benchmark_forms.py

Beside the forms stands `keras`: what `keras.layers.Conv3D`, with `groups` if depthwise, computes.
"""

import time

import keras
import numpy as np
from keras import ops

from keras_ctsep import cli
from keras_ctsep.ops import conv3d, depthwise_conv3d
from keras_ctsep.ops.forms import FORMS

WINDOWS = {
    "depthwise": [(1, 3, 3), (3, 1, 1), (3, 3, 3)],
    "dense": [(1, 1, 1), (1, 3, 3), (3, 1, 1), (3, 3, 3)],
}
FUNCTIONS = {"depthwise": depthwise_conv3d, "dense": conv3d}


def main(
    *,
    shape: str = "2,16,56,56,64",
    strides: str = "1,1,1",
    channels: str = "depthwise,dense",
    steps: int = 5,
    seconds: float = 3.0,
):
    """Prints ms forward, and forward and backward, of each form: the median of some steps.

    Args:
        shape: batch, frames, height, width and channels of the inputs, with commas between.
        strides: over frames, height and width, with commas between.
        channels: which convolutions: depthwise, dense, or both with a comma between.
        steps: measured steps, after one that is not.
        seconds: no more steps are begun after that time.

    Returns:
        A dict from (channels, window, form) to (forward, forward and backward) in ms. Under
        ("copy", None, None) stands what reading the inputs and writing them once takes.
    """
    rng = np.random.default_rng(0)
    shape, strides = _ints(shape), _ints(strides)
    inputs = ops.convert_to_tensor(rng.normal(size=shape).astype("float32"))
    source = np.ones(shape, "float32")
    target = np.empty_like(source)
    copied = _milliseconds(lambda: np.copyto(target, source), steps, seconds)
    results = {("copy", None, None): (copied, None)}
    print(f"copy {copied:.2f} ms")
    for kind in channels.split(","):
        for window in WINDOWS[kind]:
            last = 1 if kind == "depthwise" else shape[-1]
            kernel = rng.normal(size=(*window, shape[-1], last)).astype("float32")
            kernel = ops.convert_to_tensor(kernel)
            for form in ("keras", *FORMS[kind]):
                times = measure(_function(kind, form, strides), inputs, kernel, steps, seconds)
                results[kind, window, form] = times
                print(f"{kind} {window} {form}: {times[0]:.2f} / {times[1]:.2f} ms", flush=True)
    return results


def _ints(text):
    return tuple(int(word) for word in text.split(","))


def _function(kind, form, strides):
    if form != "keras":
        return lambda inputs, kernel: FUNCTIONS[kind](inputs, kernel, strides, "same", form=form)

    def keras_conv3d(inputs, kernel):
        if kind == "depthwise":
            kernel = ops.swapaxes(kernel, 3, 4)
        return ops.conv(
            inputs, kernel, strides=strides, padding="same", data_format="channels_last"
        )

    return keras_conv3d


def measure(function, inputs, kernel, steps, seconds):
    """Returns ms of `function(inputs, kernel)`, and of it with both gradients."""
    forward, both = _compiled(function)
    return tuple(
        _milliseconds(lambda run=run: run(inputs, kernel), steps, seconds)
        for run in (forward, both)
    )


def _compiled(function):
    def loss(inputs, kernel):
        return ops.sum(ops.square(function(inputs, kernel)))

    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        gradients = jax.jit(jax.grad(loss, (0, 1)))
        forward = jax.jit(function)
        return (
            lambda *args: jax.block_until_ready(forward(*args)),
            lambda *args: jax.block_until_ready(gradients(*args)),
        )
    if backend == "tensorflow":
        import tensorflow as tf

        @tf.function
        def both(inputs, kernel):
            with tf.GradientTape() as tape:
                tape.watch((inputs, kernel))
                value = loss(inputs, kernel)
            return tape.gradient(value, (inputs, kernel))

        return tf.function(function), both
    import torch

    def torch_forward(*args):
        with torch.no_grad():
            return function(*args)

    def torch_both(*args):
        args = [tensor.detach().requires_grad_(True) for tensor in args]
        return torch.autograd.grad(loss(*args), args)

    return torch_forward, torch_both


def _milliseconds(function, steps, seconds):
    function()
    times = []
    for _ in range(steps):
        start = time.perf_counter()
        function()
        times.append(1000 * (time.perf_counter() - start))
        if sum(times) > 1000 * seconds:
            break
    return float(np.median(times))


if __name__ == "__main__":
    cli.run(main)

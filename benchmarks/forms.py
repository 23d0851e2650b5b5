"""Measures every form of the convolutions on the running backend, for the table in `ops/forms.py`.

    KERAS_BACKEND=jax python benchmarks/forms.py

The form `keras` is `keras.layers.Conv3D`, with `groups` for a depthwise convolution. Backward
passes start from a given gradient of the outputs, as within a network.
"""

import math
import time

import keras
import numpy as np
import tyro
from keras import ops

from keras_ctsep import cpu
from keras_ctsep.ops import conv3d, depthwise_conv3d
from keras_ctsep.ops.forms import FORMS

WINDOWS = {
    "depthwise": [(1, 3, 3), (3, 1, 1), (3, 3, 3)],
    "full": [(1, 1, 1), (1, 3, 3), (3, 1, 1), (3, 3, 3)],
}
COPIED = 1 << 26  # numbers in a copy that no cache holds
FUNCTIONS = {"depthwise": depthwise_conv3d, "full": conv3d}


def main(
    *,
    shape: str = "2,16,56,56,64",
    strides: str = "1,1,1",
    channels: str = "depthwise,full",
    steps: int = 5,
    seconds: float = 3.0,
):
    """Prints ms forward, and forward and backward, of each form: the median of some steps.

    Args:
        shape: batch, frames, height, width and channels of the inputs, with commas between.
        strides: over frames, height and width, with commas between.
        channels: which convolutions: depthwise, full, or both with a comma between.
        steps: measured steps, after one that is not.
        seconds: no more steps are begun after that time.

    Returns:
        A dict from (channels, window, form) to (forward, forward and backward) in ms. Under
        ("copy", None, None) stands what reading the inputs and writing them once takes, at the
        rate of a copy that no cache holds.
    """
    rng = np.random.default_rng(0)
    shape, strides = _ints(shape), _ints(strides)
    inputs = ops.convert_to_tensor(rng.normal(size=shape).astype("float32"))
    source = np.ones(COPIED, "float32")
    target = np.empty_like(source)
    copied = milliseconds(lambda: np.copyto(target, source), steps, seconds)
    copied *= math.prod(shape) / COPIED
    results = {("copy", None, None): (copied, None)}
    print(f"copy {copied:.2f} ms")
    for kind in channels.split(","):
        for window in WINDOWS[kind]:
            last = 1 if kind == "depthwise" else shape[-1]
            kernel = rng.normal(size=(*window, shape[-1], last)).astype("float32")
            kernel = ops.convert_to_tensor(kernel)
            for form in ("keras", *FORMS[kind]):
                times = measure(function_of(kind, form, strides), inputs, kernel, steps, seconds)
                results[kind, window, form] = times
                ratios = [
                    keras_time / time
                    for keras_time, time in zip(results[kind, window, "keras"], times, strict=True)
                ]
                print(
                    f"{kind} {window} {form}: {times[0]:.2f} / {times[1]:.2f} ms, "
                    f"{ratios[0]:.3g} / {ratios[1]:.3g} times as fast as keras",
                    flush=True,
                )
    return results


def _ints(text):
    return tuple(int(word) for word in text.split(","))


def function_of(kind, form, strides):
    """Returns the function of inputs and kernel that convolves in that form."""
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
    forward, both = compiled(function)
    upstream = ops.ones_like(forward(inputs, kernel))
    return (
        milliseconds(lambda: forward(inputs, kernel), steps, seconds),
        milliseconds(lambda: both(inputs, kernel, upstream), steps, seconds),
    )


def compiled(function):
    """Returns the function, and one that takes a gradient of its outputs too, and wait for both."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        @jax.jit
        def jax_both(inputs, kernel, upstream):
            outputs, gradient = jax.vjp(function, inputs, kernel)
            return outputs, *gradient(upstream)

        forward = jax.jit(function)
        return (
            lambda *args: jax.block_until_ready(forward(*args)),
            lambda *args: jax.block_until_ready(jax_both(*args)),
        )
    if backend == "tensorflow":
        import tensorflow as tf

        @tf.function
        def tensorflow_both(inputs, kernel, upstream):
            with tf.GradientTape() as tape:
                tape.watch((inputs, kernel))
                outputs = function(inputs, kernel)
            return outputs, *tape.gradient(outputs, (inputs, kernel), upstream)

        return tf.function(function), tensorflow_both
    import torch

    def wait():
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    def torch_forward(*args):
        with torch.no_grad():
            outputs = function(*args)
        wait()
        return outputs

    def torch_both(inputs, kernel, upstream):
        args = [tensor.detach().requires_grad_(True) for tensor in (inputs, kernel)]
        outputs = function(*args)
        gradients = torch.autograd.grad(outputs, args, upstream)
        wait()
        return outputs, *gradients

    return torch_forward, torch_both


def milliseconds(function, steps, seconds):
    """Returns the median time of a call, after one that is not counted."""
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
    cpu.keep_freed_memory()
    tyro.cli(main)

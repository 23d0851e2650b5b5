"""The backends' own convolutions, and what runs on which kind of device."""

import functools

import keras
from keras import ops

from keras_ctsep.ops.shapes import are_known, are_zero, size_of
from keras_ctsep.ops.strided_slice import strided_slice


def convolve(inputs, kernel, strides, pads, dilation_rate, bias, relu, depthwise=False):
    """The backend's 2-D or 3-D convolution, dense or (2-D only) depthwise.

    Args:
        inputs: tensor `(batch, *sizes, channels)`.
        kernel: tensor `(*window, channels, filters)`, or `(*window, 1, filters)` for groups of one
            channel, or `(*window, channels, depth_multiplier)` if `depthwise`.
        strides: ints, one for each axis of the window.
        pads: `(before, after)` zeros for each axis.
        dilation_rate: ints, one for each axis.
        bias: None, or `(filters,)` to add.
        relu: whether ReLU follows.
        depthwise: whether each channel is convolved separately.

    Returns:
        Tensor `(batch, *new_sizes, new_channels)`.
    """
    if keras.backend.backend() == "torch":
        window = (strides, pads, dilation_rate)
        return _torch_convolve(inputs, kernel, *window, bias, relu, depthwise)
    if not depthwise and _is_slow_for_odd_channels(inputs, kernel):
        inputs = ops.pad(inputs, (*((0, 0),) * (inputs.ndim - 1), (0, 1)))
        kernel = ops.pad(kernel, (*((0, 0),) * (kernel.ndim - 2), (0, 1), (0, 0)))
    # At stride 1 the backend's own "same" spares a padded copy.
    same = tuple(
        (rate * (size - 1) // 2, rate * (size - 1) - rate * (size - 1) // 2)
        for rate, size in zip(dilation_rate, kernel.shape, strict=False)
    )
    padding = "valid"
    if max(strides) == 1 and are_known(pads) and tuple(pads) == same:
        padding = "same"
    elif not are_zero(pads):
        inputs = ops.pad(inputs, ((0, 0), *pads, (0, 0)))
    unequal = depthwise and len(set(strides)) > 1 and keras.backend.backend() == "tensorflow"
    outputs = (ops.depthwise_conv if depthwise else ops.conv)(
        inputs,
        kernel,
        # TensorFlow's depthwise convolution wants equal strides.
        strides=(1,) * len(strides) if unequal else tuple(strides),
        padding=padding,
        data_format="channels_last",
        dilation_rate=tuple(dilation_rate),
    )
    outputs = strided_slice(outputs, strides) if unequal else outputs
    return bias_add_and_relu(outputs, bias, relu)


def _is_slow_for_odd_channels(inputs, kernel):
    # On a CPU, XLA takes ten times as long for 17 to 35 filters of an odd number of channels as for
    # fewer or more: 63 ms for 22 of 7x7x3 at 16x112x112 with a stride of 2, and 4 ms for 7x7x4
    # (2026-11-29, jax 0.10.2, one core with AVX-512; 12 and 1 ms for 24 of 3x3x3).
    channels, filters = kernel.shape[-2:]
    return (
        keras.backend.backend() == "jax"
        and channels == inputs.shape[-1]
        and channels % 2 == 1
        and 16 < filters < 36
        and device_kind(inputs) == "cpu"
    )


def depthwise_kernel_gradient(inputs, kernel, upstream, strides, pads, dilation_rate):
    """The gradient of the kernel of a depthwise 2-D convolution, by PyTorch or TensorFlow.

    Args:
        inputs: tensor `(batch, frames, height, width, channels)`.
        kernel: tensor `(*window, channels, 1)`.
        upstream: gradient of the outputs `(batch, frames, new_height, new_width, channels)`.
        strides: two ints.
        pads: `(before, after)` zeros for height and width.
        dilation_rate: two ints.

    Returns:
        Tensor of the kernel's shape.
    """
    window = (strides, pads, dilation_rate)
    if keras.backend.backend() == "torch":
        return _torch_depthwise_kernel_gradient(inputs, kernel, upstream, *window)
    import tensorflow as tf

    # What nobody reads of the forward pass is left out of the graph.
    inputs, upstream = (
        ops.reshape(frames, (-1, *(size_of(frames, axis) for axis in (2, 3, 4))))
        for frames in (inputs, upstream)
    )

    def convolved(kernel):
        return convolve(inputs, kernel, *window, None, False, depthwise=True)

    with tf.GradientTape() as tape:
        tape.watch(kernel)
        outputs = convolved(kernel)
    return tape.gradient(outputs, kernel, output_gradients=upstream)


def bias_add_and_relu(outputs, bias, relu):
    """Adds the bias, unless it is None, and applies ReLU if asked to.

    TensorFlow fuses that with the convolution or product before it. The outputs must be a
    temporary, as for `relu_inplace`.
    """
    if bias is not None and keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        outputs = tf.nn.bias_add(outputs, bias)
    elif bias is not None:
        outputs = outputs + bias
    return relu_inplace(outputs) if relu else outputs


def relu_inplace(tensor):
    """Applies ReLU, in place on PyTorch, which saves a pass over newly allocated memory.

    The tensor must be a temporary that no other code and no backward pass reads.

    Example:
    >>> from keras import ops
    >>> float(ops.sum(relu_inplace(ops.array([-1.0, 2.0]) + 0.0)))
    2.0
    """
    if keras.backend.backend() == "torch":
        import torch

        return torch.relu_(tensor)
    return ops.relu(tensor)


def require_multiple(tensor, axis, divisor, message):
    """Makes a graph of TensorFlow, where the size is unknown, fail unless it is a multiple."""
    if divisor > 1 and keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.debugging.assert_equal(size_of(tensor, axis) % divisor, 0, message)


def records_gradient(*tensors):
    """Returns whether a backward pass may follow. Only PyTorch knows; else it may."""
    if keras.backend.backend() == "torch":
        import torch

        return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
    return True


def sum_dtype(tensor):
    """Returns the type for statistics and sums over many values: "float32", or "float64".

    Args:
        tensor: tensor or variable of floats.
    """
    # `keras.backend.result_type` makes float32 of float64 on two of the backends.
    is_double = keras.backend.standardize_dtype(tensor.dtype) == "float64"
    return "float64" if is_double else "float32"


def _torch_convolve(inputs, kernel, strides, pads, dilation_rate, bias, relu, depthwise):
    # Keras copies the inputs into PyTorch's own axis order and back again. A view, which PyTorch
    # knows as its channels-last memory format, does without.
    import torch

    rank = len(strides)
    if depthwise:
        kernel = kernel.reshape((*kernel.shape[:rank], 1, -1))
    inputs, padding = _torch_padding(inputs.permute(0, -1, *range(1, rank + 1)), pads)
    groups = inputs.shape[1] // kernel.shape[-2]
    kernel = kernel.permute(-1, -2, *range(rank))
    if kernel.shape[0] == 1:  # in float64 PyTorch has no gradient of one filter that is a view
        kernel = kernel.contiguous()
    outputs = (torch.conv2d if rank == 2 else torch.conv3d)(
        inputs,
        kernel,
        bias,
        stride=strides,
        padding=padding,
        dilation=dilation_rate,
        groups=groups,
    )
    outputs = relu_inplace(outputs) if relu else outputs
    return outputs.permute(0, *range(2, rank + 2), 1)


def _torch_depthwise_kernel_gradient(inputs, kernel, upstream, strides, pads, dilation_rate):
    from torch.nn.grad import conv2d_weight

    inputs, padding = _torch_padding(inputs.permute(0, 1, 4, 2, 3), pads)
    upstream = upstream.permute(0, 1, 4, 2, 3)
    size = (kernel.shape[2], 1, *kernel.shape[:2])
    window = (strides, padding, dilation_rate)
    # By clips: of some of their frames, all clips together would be a copy.
    sums = sum(
        conv2d_weight(of_clip, size, by, *window, groups=size[0])
        for of_clip, by in zip(inputs, upstream, strict=True)
    )
    return sums.permute(2, 3, 0, 1)


def _torch_padding(inputs, pads):
    """Returns the inputs and what PyTorch pads: as many zeros before as after, or a padded copy."""
    import torch

    if all(before == after for before, after in pads):
        return inputs, [before for before, _ in pads]
    flat = [zeros for pair in reversed(pads) for zeros in pair]
    return torch.nn.functional.pad(inputs, flat), [0] * len(pads)


@functools.cache
def compiled(form):
    """Returns the form, on JAX as one program where it is not called from within one.

    Else JAX would run, and compile, each of its steps separately.
    """
    if keras.backend.backend() != "jax":
        return form
    import jax

    return jax.jit(form, static_argnums=(2, 3, 4, 6))


def device_kind(tensor):
    """Returns "cpu", or "accelerator" where GPUs or TPUs do the work."""
    backend = keras.backend.backend()
    if backend == "torch":
        return "cpu" if tensor.device.type == "cpu" else "accelerator"
    if backend == "jax":
        import jax

        return "cpu" if jax.default_backend() == "cpu" else "accelerator"
    if backend == "tensorflow":
        import tensorflow as tf

        kinds = {device.device_type for device in tf.config.list_logical_devices()}
        return "cpu" if kinds == {"CPU"} else "accelerator"
    return "cpu"

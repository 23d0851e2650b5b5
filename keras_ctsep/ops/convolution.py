"""Dense and depthwise 3-D convolution on `(batch, frames, height, width, channels)`.

A network of factorised convolutions only ever needs windows that are flat in space or in time,
and a flat window is a 2-D convolution (or a matrix product) over axes folded together. These are
far better tuned than the 3-D ones of the backends: the grouped 5-D convolution that Keras's
`Conv3D(groups=channels)` runs is 100 to 300 times slower on TensorFlow's and JAX's CPUs.
"""

from keras import ops

from keras_ctsep.ops.arguments import refuse_strided_dilation, standardize_padding, triple
from keras_ctsep.ops.backend import compiled
from keras_ctsep.ops.folding import kernel_kind
from keras_ctsep.ops.forms import choose
from keras_ctsep.ops.shapes import (
    needs_size,
    output_sizes,
    padding_of_axes,
    padding_pairs,
    size_of,
)
from keras_ctsep.ops.strided_slice import strided_slice


def conv3d(
    inputs,
    kernel,
    strides=1,
    padding="valid",
    dilation_rate=1,
    form=None,
    bias=None,
    relu=False,
    training=True,
):
    """Convolves over frames, height and width, all input channels into each output channel.

    Args:
        inputs: tensor `(batch, frames, height, width, channels)`.
        kernel: tensor `(frames, height, width, channels, filters)`.
        strides: int or `(frames, height, width)`.
        padding: `"valid"`, `"same"`, `"causal"` (over time as in Keras's `Conv1D`, over space
            `"same"`), or a tuple of a value for each axis: an int, the zeros on both sides,
            `"same"`, or for the frames `"causal"`.
        dilation_rate: int or `(frames, height, width)`; not together with strides above 1.
        form: name of the form to compute it in, all of which give the same numbers (`ops/forms.py`
            lists them). Default: what is fastest here.
        bias: None, or `(filters,)` to add, in the same pass where the backend can.
        relu: whether to apply ReLU at the end, in the same pass where the backend can.
        training: whether to take the form whose forward and backward pass together are fastest,
            or else the one with the fastest forward pass. Both can be differentiated.

    Returns:
        Tensor `(batch, new_frames, new_height, new_width, filters)`.

    Raises:
        ValueError: for strides, padding or dilation out of range, and for a window that does not
            fit.

    Example:
    >>> from keras import ops
    >>> outputs = conv3d(ops.ones((1, 4, 5, 5, 2)), ops.ones((3, 1, 1, 2, 6)), padding="same")
    >>> tuple(outputs.shape)
    (1, 4, 5, 5, 6)
    """
    window = (strides, padding, dilation_rate)
    return _convolve("full", inputs, kernel, *window, form, bias, relu, training)


def depthwise_conv3d(
    inputs,
    kernel,
    strides=1,
    padding="valid",
    dilation_rate=1,
    form=None,
    bias=None,
    relu=False,
    training=True,
):
    """Convolves over frames, height and width, each channel separately.

    Output channel `c * depth_multiplier + m` is made of input channel `c`, as in Keras's
    `DepthwiseConv2D`.

    Args:
        inputs: tensor `(batch, frames, height, width, channels)`.
        kernel: tensor `(frames, height, width, channels, depth_multiplier)`.
        strides: int or `(frames, height, width)`.
        padding: `"valid"`, `"same"`, `"causal"` (over time as in Keras's `Conv1D`, over space
            `"same"`), or a tuple of a value for each axis: an int, the zeros on both sides,
            `"same"`, or for the frames `"causal"`.
        dilation_rate: int or `(frames, height, width)`; not together with strides above 1.
        form: name of the form to compute it in, all of which give the same numbers (`ops/forms.py`
            lists them). Default: what is fastest here.
        bias: None, or `(channels * depth_multiplier,)` to add.
        relu: whether to apply ReLU at the end.
        training: as for `conv3d`.

    Returns:
        Tensor `(batch, new_frames, new_height, new_width, channels * depth_multiplier)`.

    Raises:
        ValueError: for strides, padding or dilation out of range, and for a window that does not
            fit.

    Example:
    >>> from keras import ops
    >>> outputs = depthwise_conv3d(ops.ones((1, 4, 5, 5, 2)), ops.ones((3, 3, 3, 2, 1)))
    >>> float(outputs[0, 0, 0, 0, 0])
    27.0
    """
    window = (strides, padding, dilation_rate)
    return _convolve("depthwise", inputs, kernel, *window, form, bias, relu, training)


def _convolve(
    channels, inputs, kernel, strides, padding, dilation_rate, form, bias, relu, training
):
    inputs, kernel = ops.convert_to_tensor(inputs), ops.convert_to_tensor(kernel)
    bias = None if bias is None else ops.convert_to_tensor(bias)
    strides = triple(strides, "strides")
    dilation_rate = triple(dilation_rate, "dilation_rate")
    padding = standardize_padding(padding)
    refuse_strided_dilation(strides, dilation_rate)
    kernel_size = tuple(map(int, kernel.shape[:3]))  # PyTorch's tracing makes tensors of sizes
    # TensorFlow returns what memory happens to hold where a window does not fit.
    known = [size if isinstance(size, int) else None for size in inputs.shape[1:4]]
    output_sizes(known, kernel_size, strides, padding, dilation_rate)
    sizes = [
        size_of(inputs, axis + 1) if needs_size(kind, size, stride) else None
        for axis, (kind, size, stride) in enumerate(
            zip(padding_of_axes(padding), kernel_size, strides, strict=True)
        )
    ]
    pads = padding_pairs(sizes, kernel_size, strides, padding, dilation_rate)
    # Along an axis where the window has one place, strides only drop places.
    drops = [
        stride if size == 1 and pair == (0, 0) else 1
        for stride, size, pair in zip(strides, kernel_size, pads, strict=True)
    ]
    inputs = strided_slice(inputs, drops)
    strides = tuple(stride // drop for stride, drop in zip(strides, drops, strict=True))
    kind = kernel_kind(kernel_size, pads)
    convolve = compiled(choose(channels, kind, inputs, training, form))
    return convolve(inputs, kernel, strides, pads, dilation_rate, bias, relu)

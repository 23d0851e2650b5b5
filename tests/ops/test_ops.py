"""The convolutions against NumPy: values and gradients."""

import keras
import numpy as np
import pytest
import reference
from checks import gradients
from keras import ops as K

from keras_ctsep import ops
from keras_ctsep.ops.folding import convolve_as_2d
from keras_ctsep.ops.strided_slice import strided_slice

WINDOWS = [(1, 1, 1), (1, 3, 3), (3, 1, 1), (2, 1, 1), (1, 2, 5), (3, 3, 3), (2, 3, 1), (1, 7, 7)]
SETTINGS = [
    # strides, padding, dilation
    ((1, 1, 1), "same", (1, 1, 1)),
    ((1, 1, 1), "valid", (1, 1, 1)),
    ((2, 2, 2), "same", (1, 1, 1)),
    ((1, 2, 2), "valid", (1, 1, 1)),
    ((2, 1, 3), "same", (1, 1, 1)),
    ((2, 2, 2), (1, 1, 1), (1, 1, 1)),
    ((1, 1, 1), (2, 0, 3), (1, 1, 1)),
    ((1, 1, 1), "same", (2, 2, 2)),
    ((1, 1, 1), "valid", (2, 1, 3)),
    ((1, 1, 1), "causal", (1, 1, 1)),
    ((2, 2, 2), "causal", (1, 1, 1)),
    ((3, 2, 1), ("causal", 1, 2), (1, 1, 1)),
    ((1, 1, 1), ("causal", "same", 0), (2, 1, 1)),
]
SIZES = [(7, 8, 9), (6, 9, 8)]


def fits(sizes, window, padding, dilation):
    zeros = (0, 0, 0) if padding == "valid" else padding
    return isinstance(zeros, str) or all(
        isinstance(z, str) or size + 2 * z >= (w - 1) * d + 1
        for size, z, w, d in zip(sizes, zeros, window, dilation, strict=True)
    )


CASES = [
    (sizes, window, *setting)
    for sizes in SIZES
    for window in WINDOWS
    for setting in SETTINGS
    if (max(setting[0]) > 1 or sizes == SIZES[0])  # odd or even matters to strides
    and fits(sizes, window, setting[1], setting[2])
]
KINDS = {
    "full": (ops.conv3d, reference.conv3d, 5),
    "depthwise": (ops.depthwise_conv3d, reference.depthwise_conv3d, 2),
}


@pytest.mark.parametrize("kind", KINDS)
def test_values_equal_numpy(kind, rng):
    function, expected, last = KINDS[kind]
    for sizes, window, strides, padding, dilation in CASES:
        inputs = rng.normal(size=(2, *sizes, 3)).astype("float32")
        kernel = rng.normal(size=(*window, 3, last)).astype("float32")
        got = function(inputs, kernel, strides, padding, dilation)
        want = expected(inputs, kernel, strides, padding, dilation)
        np.testing.assert_allclose(
            K.convert_to_numpy(got),
            want,
            atol=2e-4,
            err_msg=f"{sizes=} {window=} {strides=} {padding=} {dilation=}",
        )


def assert_slopes(found, convolved, arrays, upstream, places, atol):
    """Compares gradients, at some places of each array, with the outputs for 1 there and 0 else.

    The output is linear in each argument, so that its gradient is known from NumPy alone.
    """
    for index, slopes in enumerate(found):
        for place in places[index]:
            one = np.zeros_like(slopes)
            one[place] = 1
            outputs = convolved(*arrays[:index], one, *arrays[index + 1 :])
            np.testing.assert_allclose(slopes[place], np.sum(outputs * upstream), atol=atol)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("window", [(1, 3, 3), (3, 1, 1), (3, 3, 3)])
@pytest.mark.parametrize("strides", [(1, 1, 1), (2, 2, 2)])
def test_gradients_equal_numpy(kind, window, strides, rng):
    function, expected, last = KINDS[kind]
    padding = (1, 1, 1)
    inputs = rng.normal(size=(1, 4, 5, 6, 2)).astype("float32")
    kernel = rng.normal(size=(*window, 2, last)).astype("float32")

    def convolved(inputs, kernel):
        return expected(inputs, kernel, strides, padding)

    upstream = rng.normal(size=convolved(inputs, kernel).shape).astype("float32")

    def loss(inputs, kernel):
        outputs = function(inputs, kernel, strides, padding)
        return K.sum(outputs * K.convert_to_tensor(upstream))

    found = gradients(loss, inputs, kernel)
    places = [(0, 0, 0, 0, 0), (0, 3, 4, 5, 1), (0, 1, 2, 3, 0)], np.ndindex(*kernel.shape)
    assert_slopes(found, convolved, (inputs, kernel), upstream, places, atol=1e-4)


@pytest.mark.parametrize("window", [(1, 7, 7), (3, 3, 3), (3, 1, 1)])
def test_filters_of_colours_equal_numpy(window, rng):
    """A number of filters that JAX takes with a channel more."""
    strides, padding = (1, 2, 2), tuple(size // 2 for size in window)
    inputs = rng.normal(size=(1, 3, 8, 9, 3)).astype("float32")
    kernel = rng.normal(size=(*window, 3, 22)).astype("float32")

    def convolved(inputs, kernel):
        return reference.conv3d(inputs, kernel, strides, padding)

    want = convolved(inputs, kernel)
    upstream = rng.normal(size=want.shape).astype("float32")

    def loss(inputs, kernel):
        return K.sum(ops.conv3d(inputs, kernel, strides, padding) * K.convert_to_tensor(upstream))

    got = K.convert_to_numpy(ops.conv3d(inputs, kernel, strides, padding))
    np.testing.assert_allclose(got, want, atol=2e-4)
    arrays = inputs, kernel
    corners = [((0,) * 5, tuple(size - 1 for size in array.shape)) for array in arrays]
    assert_slopes(gradients(loss, *arrays), convolved, arrays, upstream, corners, atol=2e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("window", [(1, 3, 3), (3, 1, 1)])
@pytest.mark.parametrize("frames", [1, 2, 4])
def test_bfloat16_gradients(kind, window, frames, rng):
    """Two frames and a (3, 1, 1) window is where TensorFlow's own Conv3D returns garbage."""
    function, _, last = KINDS[kind]
    last = 16 if kind == "full" else 1
    inputs = rng.normal(size=(2, frames, 7, 7, 16)).astype("float32")
    kernel = rng.normal(size=(*window, 16, last)).astype("float32")

    def loss(inputs, kernel, dtype):
        outputs = function(K.cast(inputs, dtype), K.cast(kernel, dtype), 1, "same")
        return K.sum(K.square(K.cast(outputs, "float32")))

    want = gradients(lambda *args: loss(*args, "float32"), inputs, kernel)
    got = gradients(lambda *args: loss(*args, "bfloat16"), inputs, kernel)
    for one, other in zip(got, want, strict=True):
        # TensorFlow without oneDNN sums up in bfloat16: 0.031 here. Garbage is above 1.
        assert np.max(np.abs(one - other)) < 0.05 * np.max(np.abs(other))


@pytest.mark.parametrize(
    "change",
    [
        {"strides": 0},
        {"strides": (1, 2)},
        {"strides": (2, 0, 1)},
        {"padding": "full"},
        {"padding": (1, -1, 1)},
        {"dilation_rate": 0},
        {"strides": 2, "dilation_rate": 2},
    ],
)
def test_bad_arguments_say_what_came(change):
    with pytest.raises(ValueError, match="Received: .*" + next(iter(change))):
        ops.conv3d(np.zeros((1, 3, 3, 3, 1), "float32"), np.zeros((1, 1, 1, 1, 1)), **change)


@pytest.mark.parametrize("sizes_known", [True, False])
@pytest.mark.parametrize("strides", [(2, 2, 2), (2, 1, 1), (1, 2, 3), (1, 1, 1)])
def test_every_stride_th_place(strides, sizes_known, rng):
    frames, height, width = strides
    inputs = rng.normal(size=(2, 6, 7, 9, 3)).astype("float32")
    want = inputs[:, ::frames, ::height, ::width]
    upstream = rng.normal(size=want.shape).astype("float32")

    def taken(inputs):
        return strided_slice(inputs, strides)

    if not sizes_known:
        if keras.backend.backend() != "tensorflow":
            pytest.skip("graphs of TensorFlow")
        import tensorflow as tf

        unknown = tf.TensorSpec((None, None, None, None, 3))
        taken = tf.function(taken, input_signature=[unknown])
    np.testing.assert_array_equal(K.convert_to_numpy(taken(K.array(inputs))), want)
    (got,) = gradients(lambda inputs: K.sum(taken(inputs) * K.array(upstream)), inputs)
    of_inputs = np.zeros_like(inputs)
    of_inputs[:, ::frames, ::height, ::width] = upstream
    np.testing.assert_array_equal(got, of_inputs)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="graphs of TensorFlow")
@pytest.mark.parametrize(
    "window, folded", [((3, 1, 1), (None, 4, 30, 3)), ((1, 3, 3), (None, 5, 6, 3))]
)
def test_sizes_stay_known_beside_an_unknown_batch(window, folded):
    """TensorFlow's convolutions are slower where they are lost."""
    import tensorflow as tf

    seen = []

    def conv2d(inputs, *args):
        seen.append(inputs.shape)
        return inputs

    @tf.function(input_signature=[tf.TensorSpec((None, 4, 5, 6, 3))])
    def convolved(inputs):
        kernel = K.ones((*window, 3, 3))
        outputs = convolve_as_2d(conv2d, inputs, kernel, (1, 1, 1), ((0, 0),) * 3, (1, 1, 1))
        seen.append(outputs.shape)
        return outputs

    convolved.get_concrete_function()
    assert [tuple(shape) for shape in seen] == [folded, (None, 4, 5, 6, 3)]


@pytest.mark.parametrize(
    "convolve, kernel", [(ops.conv3d, (1, 3, 3, 2, 4)), (ops.depthwise_conv3d, (1, 3, 3, 2, 1))]
)
def test_a_window_that_does_not_fit_is_refused(convolve, kernel):
    clips = np.zeros((1, 1, 4, 2, 2), "float32")
    with pytest.raises(ValueError, match="does not fit into the width .*Received: width=2"):
        convolve(clips, np.zeros(kernel, "float32"))
    assert tuple(convolve(clips, np.zeros(kernel, "float32"), padding=1).shape[:4]) == (1, 3, 4, 2)

"""All forms of a convolution are the same function: values and gradients."""

import numpy as np
import pytest
import reference
from checks import gradients
from keras import ops as K

from keras_ctsep import ops
from keras_ctsep.ops import forms
from keras_ctsep.ops.folding import kernel_kind
from keras_ctsep.ops.forms import DEFAULT, FORMS, TABLE, choose

KINDS = {
    "full": (ops.conv3d, reference.conv3d, 5),
    "depthwise": (ops.depthwise_conv3d, reference.depthwise_conv3d, 2),
}
NAMES = [(kind, form) for kind in KINDS for form in FORMS[kind]]
CASES = [
    # sizes, window, strides, padding, dilation
    ((4, 6, 7), (1, 3, 3), (1, 1, 1), "same", (1, 1, 1)),
    ((3, 7, 8), (1, 3, 3), (2, 2, 2), (1, 1, 1), (1, 1, 1)),
    ((2, 7, 6), (1, 2, 3), (1, 1, 1), "same", (1, 2, 2)),
    ((2, 4, 3), (3, 1, 1), (1, 1, 1), (1, 0, 0), (1, 1, 1)),
    ((7, 4, 5), (3, 1, 1), (2, 2, 1), "same", (1, 1, 1)),
    ((8, 3, 3), (2, 1, 1), (1, 1, 1), (3, 0, 0), (3, 1, 1)),
    ((4, 5, 6), (2, 3, 2), (2, 1, 2), "valid", (1, 1, 1)),
    ((3, 4, 4), (1, 1, 1), (1, 2, 1), "valid", (1, 1, 1)),
    ((5, 3, 4), (3, 1, 1), (1, 1, 1), "causal", (2, 1, 1)),
    ((5, 4, 5), (3, 3, 3), (2, 2, 1), ("causal", 1, 1), (1, 1, 1)),
    ((1, 6, 6), (3, 3, 3), (1, 2, 2), (1, 1, 1), (1, 1, 1)),  # most taps see zeros alone
    ((6, 5, 7), (3, 3, 3), (2, 3, 3), "same", (1, 1, 1)),
]


@pytest.mark.parametrize("kind, form", NAMES)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_values_equal_numpy_and_gradients_too(kind, form, case, rng):
    """The output is linear in each argument: a gradient along a direction is a value."""
    function, expected, last = KINDS[kind]
    sizes, window, strides, padding, dilation = case
    inputs = rng.normal(size=(2, *sizes, 3)).astype("float32")
    kernel = rng.normal(size=(*window, 3, last)).astype("float32")
    want = expected(inputs, kernel, strides, padding, dilation)
    upstream = rng.normal(size=want.shape).astype("float32")

    def loss(inputs, kernel):
        outputs = function(inputs, kernel, strides, padding, dilation, form=form)
        return K.sum(outputs * K.convert_to_tensor(upstream))

    got = function(inputs, kernel, strides, padding, dilation, form=form)
    np.testing.assert_allclose(K.convert_to_numpy(got), want, atol=1e-4)
    d_inputs, d_kernel = gradients(loss, inputs, kernel)
    for _ in range(5):
        way = rng.normal(size=inputs.shape).astype("float32")
        slope = np.sum(expected(way, kernel, strides, padding, dilation) * upstream)
        np.testing.assert_allclose(np.sum(d_inputs * way), slope, rtol=1e-3, atol=1e-2)
        way = rng.normal(size=kernel.shape).astype("float32")
        slope = np.sum(expected(inputs, way, strides, padding, dilation) * upstream)
        np.testing.assert_allclose(np.sum(d_kernel * way), slope, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("kind, form", NAMES)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_bias_and_relu_equal_numpy(kind, form, case, rng):
    function, expected, last = KINDS[kind]
    sizes, window, *where = case
    inputs = rng.normal(size=(2, *sizes, 3)).astype("float32")
    kernel = rng.normal(size=(*window, 3, last)).astype("float32")
    plain = expected(inputs, kernel, *where)
    bias = rng.normal(size=plain.shape[-1]).astype("float32")
    for ends, want in [
        ({"bias": bias}, plain + bias),
        ({"relu": True}, np.maximum(plain, 0)),
        ({"bias": bias, "relu": True}, np.maximum(plain + bias, 0)),
    ]:
        got = function(inputs, kernel, *where, form=form, **ends)
        np.testing.assert_allclose(K.convert_to_numpy(got), want, atol=1e-4)


@pytest.mark.parametrize("kind, form", NAMES)
@pytest.mark.parametrize("window", [(1, 3, 3), (3, 1, 1), (3, 3, 3)])
def test_bfloat16_is_near_float32(kind, form, window, rng):
    """At two frames, where oneDNN's 3-D convolution has a wrong gradient of the kernel."""
    function, _, _ = KINDS[kind]
    inputs = rng.normal(size=(1, 2, 7, 7, 16)).astype("float32")
    kernel = rng.normal(size=(*window, 16, 16 if kind == "full" else 1)).astype("float32")

    def loss(inputs, kernel, dtype):
        outputs = function(K.cast(inputs, dtype), K.cast(kernel, dtype), 1, "same", form=form)
        return K.sum(K.square(K.cast(outputs, "float32")))

    want = gradients(lambda *args: loss(*args, "float32"), inputs, kernel)
    got = gradients(lambda *args: loss(*args, "bfloat16"), inputs, kernel)
    for one, other in zip(got, want, strict=True):
        assert np.max(np.abs(one - other)) < 0.03 * np.max(np.abs(other))


def test_every_kind_of_window_has_a_form_everywhere():
    kinds = [(channels, window) for channels in FORMS for window in ("point", "space", "time")]
    kinds += [(channels, "volume") for channels in FORMS]
    for rows in (DEFAULT, *TABLE.values()):
        assert sorted(rows) == sorted(kinds)
        for (channels, _), pair in rows.items():
            assert len(pair) == 2 and set(pair) <= FORMS[channels].keys()


@pytest.mark.parametrize(
    "window, pads, kind",
    [
        ((1, 1, 1), ((0, 0), (0, 0), (0, 0)), "point"),
        ((1, 3, 1), ((0, 0), (1, 1), (0, 0)), "space"),
        ((2, 1, 1), ((0, 1), (0, 0), (0, 0)), "time"),
        ((3, 1, 1), ((1, 1), (1, 1), (0, 0)), "volume"),
        ((1, 3, 3), ((1, 1), (1, 1), (1, 1)), "volume"),
    ],
)
def test_kinds_of_windows(window, pads, kind):
    assert kernel_kind(window, pads) == kind


def test_training_and_inference_have_their_own_forms(monkeypatch, rng):
    inputs = K.convert_to_tensor(rng.normal(size=(1, 2, 3, 3, 2)).astype("float32"))
    for channels, kind in DEFAULT:
        rows = {(channels, kind): tuple(FORMS[channels])[:2]}
        monkeypatch.setattr(forms, "TABLE", {})
        monkeypatch.setattr(forms, "DEFAULT", rows)
        one, other, *_ = FORMS[channels].values()
        assert choose(channels, kind, inputs, training=True) is one
        assert choose(channels, kind, inputs, training=False) is other


def test_a_form_can_be_asked_for(rng):
    inputs = rng.normal(size=(1, 2, 3, 3, 2)).astype("float32")
    kernel = rng.normal(size=(1, 3, 3, 2, 1)).astype("float32")
    with pytest.raises(ValueError, match="Received: form=looped"):
        ops.depthwise_conv3d(inputs, kernel, form="looped")


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("form", FORMS["full"])
def test_bias_and_relu_have_gradients(form, relu, rng):
    """As in fine-tuning with norms that are folded into kernel and bias."""
    inputs = rng.normal(size=(2, 4, 5, 6, 3)).astype("float32")
    kernel = rng.normal(size=(3, 1, 1, 3, 4)).astype("float32")
    bias = rng.normal(size=4).astype("float32")

    def plain(inputs, kernel, bias):
        outputs = ops.conv3d(inputs, kernel, padding="same", form="direct") + bias
        return K.sum(K.square(K.relu(outputs) if relu else outputs))

    def fused(inputs, kernel, bias):
        end = {"bias": bias, "relu": relu}
        return K.sum(K.square(ops.conv3d(inputs, kernel, padding="same", form=form, **end)))

    got = gradients(fused, inputs, kernel, bias)
    for one, other in zip(got, gradients(plain, inputs, kernel, bias), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)

"""The layers against NumPy, and everything Keras expects of a layer."""

import inspect

import keras
import numpy as np
import pytest
import reference
from checks import randomize
from keras import ops as K

from keras_ctsep.layers import (
    BatchNormalization,
    Conv2Plus1D,
    Conv3D,
    CTSeparableConv3D,
    DepthwiseConv3D,
)

SETTINGS = [
    {"strides": 1, "padding": "same", "dilation_rate": 1},
    {"strides": 1, "padding": "valid", "dilation_rate": (1, 2, 1)},
    {"strides": 2, "padding": "same", "dilation_rate": 1},
    {"strides": (2, 1, 3), "padding": (1, 0, 2), "dilation_rate": 1},
    {"strides": 1, "padding": "same", "dilation_rate": 2},
    {"strides": 2, "padding": "causal", "dilation_rate": 1},
    {"strides": 1, "padding": ("causal", 1, 0), "dilation_rate": (2, 1, 1)},
]
SIZES = [(7, 8, 9), (6, 9, 8)]
CT_KINDS = [
    {"spatial": spatial, "temporal": temporal, "depth_multiplier": multiplier}
    for spatial in ("depthwise", "full")
    for temporal in ("depthwise", "full")
    for multiplier in (1, 2)
]
NORM = {"use_norm": True, "use_bias": False}
LINEAR = [{"temporal": temporal, "use_mid_norm": False} for temporal in ("full", "depthwise")]
LAYERS = [
    (Conv3D, {"filters": 5, "kernel_size": (2, 3, 3)}),
    (Conv3D, {"filters": 4, "kernel_size": 1, **NORM}),
    (DepthwiseConv3D, {"kernel_size": (3, 2, 3), "depth_multiplier": 2}),
    (DepthwiseConv3D, {"kernel_size": (1, 3, 3), **NORM}),
    (Conv2Plus1D, {"filters": 5, "kernel_size": 3}),
    (Conv2Plus1D, {"filters": 4, "kernel_size": (3, 2, 1), "mid_filters": 6, **NORM}),
    *((CTSeparableConv3D, {"filters": 5, "kernel_size": 3, **kinds}) for kinds in CT_KINDS),
    *((CTSeparableConv3D, {"filters": 5, "kernel_size": 3, **kinds, **NORM}) for kinds in CT_KINDS),
    *((CTSeparableConv3D, {"filters": 5, "kernel_size": 3, **kinds, **NORM}) for kinds in LINEAR),
]


def expected(layer, inputs):
    """What a layer puts out at inference, from its weights and NumPy."""
    strides, dilation = layer.strides, layer.dilation_rate
    named = isinstance(layer.padding, str)
    kernels = {
        weight.name: K.convert_to_numpy(weight.value)
        for weight in layer.weights
        if "kernel" in weight.name
    }
    if isinstance(layer, DepthwiseConv3D):
        kernel = kernels["depthwise_kernel"]
        outputs = reference.depthwise_conv3d(inputs, kernel, strides, layer.padding, dilation)
    elif isinstance(layer, Conv3D):
        outputs = reference.conv3d(inputs, kernels["kernel"], strides, layer.padding, dilation)
    else:
        depthwise_space = getattr(layer, "spatial", "full") == "depthwise"
        depthwise_time = getattr(layer, "temporal", "full") == "depthwise"
        function = reference.depthwise_conv3d if depthwise_space else reference.conv3d
        outputs = function(
            inputs,
            kernels["spatial_kernel"],
            (1, *strides[1:]),
            layer.padding if named else (0, *layer.padding[1:]),
            (1, *dilation[1:]),
        )
        if "pointwise_kernel" in kernels:
            outputs = reference.conv3d(outputs, kernels["pointwise_kernel"])
        if layer.mid_norm is not None:
            outputs = reference.relu(reference.batch_norm(outputs, layer.mid_norm))
        function = reference.depthwise_conv3d if depthwise_time else reference.conv3d
        outputs = function(
            outputs,
            kernels["temporal_kernel"],
            (strides[0], 1, 1),
            layer.padding if named else (layer.padding[0], 0, 0),
            (dilation[0], 1, 1),
        )
    if layer.use_bias:
        outputs = outputs + K.convert_to_numpy(layer.bias.value)
    if layer.use_norm:
        outputs = reference.batch_norm(outputs, layer.norm)
    return np.tanh(outputs)


@pytest.mark.parametrize("layer_class, arguments", LAYERS)
def test_values_equal_numpy(layer_class, arguments, rng):
    """One model with unknown sizes; clips of odd and of even ones."""
    inputs = keras.Input((None, None, None, 3))
    made = [layer_class(activation="tanh", **arguments, **setting) for setting in SETTINGS]
    model = keras.Model(inputs, [layer(inputs) for layer in made])
    randomize(model)
    for sizes in SIZES:
        clip = rng.normal(size=(2, *sizes, 3)).astype("float32")
        for layer, got in zip(made, model.predict(clip, verbose=0), strict=True):
            want = expected(layer, clip)
            np.testing.assert_allclose(got, want, atol=1e-5)
            assert layer.compute_output_shape(clip.shape) == want.shape
            assert layer.compute_output_shape((None, None, None, None, 3)) == (
                *[None] * 4,
                want.shape[-1],
            )


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("layer_class, arguments", LAYERS[:7])
def test_use_norm_is_a_norm_after(activation, layer_class, arguments, rng):
    arguments = {**arguments, "use_norm": False, "use_bias": True}
    plain = layer_class(**arguments)
    norm = BatchNormalization(momentum=0.9, epsilon=1e-5)
    both = layer_class(**{**arguments, "use_norm": True}, activation=activation)
    clips = rng.normal(size=(2, 4, 6, 6, 3)).astype("float32")
    norm(plain(clips)), both(clips)
    randomize(both)
    kernels = [weight.value for weight in both.weights if "/norm/" not in weight.path]
    for weight, value in zip(plain.weights, kernels, strict=True):
        weight.assign(value)
    norm.set_weights(both.norm.get_weights())
    for frozen in (False, True):
        norm.trainable = both.norm.trainable = not frozen
        for training in (False, True, False):
            outputs = norm(plain(clips, training=training), training=training)
            want = K.convert_to_numpy(getattr(K, activation)(outputs))
            got = K.convert_to_numpy(both(clips, training=training))
            np.testing.assert_allclose(got, want, atol=1e-5)
    for got, want in zip(both.norm.get_weights(), norm.get_weights(), strict=True):
        np.testing.assert_allclose(got, want, atol=1e-5)


def test_depthwise_conv3d_by_hand():
    """Two frames of 1 x 2 pixels, two channels, counted on paper."""
    layer = DepthwiseConv3D((2, 1, 1), use_bias=False)
    clip = np.array([[[[[1, 10], [2, 20]]], [[[3, 30], [4, 40]]]]], "float32")
    layer.build(clip.shape)
    layer.set_weights([np.array([[1, 2], [3, 4]], "float32").reshape(2, 1, 1, 2, 1)])
    np.testing.assert_array_equal(
        K.convert_to_numpy(layer(clip)), [[[[[1 + 9, 20 + 120], [2 + 12, 40 + 160]]]]]
    )


def test_mid_filters_of_the_paper():
    """Section 3.5 of arXiv 1711.11248; 144 and 230 stand in torchvision's r2plus1d_18."""
    assert Conv2Plus1D(64, 3).mid_filters_for(64) == 144
    assert Conv2Plus1D(128, 3).mid_filters_for(64) == 230
    assert Conv2Plus1D(64, 3, mid_filters=7).mid_filters_for(64) == 7


@pytest.mark.parametrize("layer_class, arguments", LAYERS)
def test_every_weight_learns(layer_class, arguments, rng):
    arguments = {**arguments, "padding": "same"}
    model = keras.Sequential([keras.Input((None, None, None, 3)), layer_class(**arguments)])
    randomize(model)
    before = [K.convert_to_numpy(weight.value).copy() for weight in model.weights]
    model.compile(keras.optimizers.SGD(0.1), "mse")
    clips = rng.normal(size=(2, 4, 6, 6, 3)).astype("float32")
    model.fit(clips, rng.normal(size=model(clips).shape), epochs=1, verbose=0)
    for weight, old in zip(model.weights, before, strict=True):
        assert np.all(K.convert_to_numpy(weight.value) != old), weight.path


@pytest.mark.parametrize("layer_class, arguments", LAYERS)
def test_config_and_file_bring_the_layer_back(layer_class, arguments, rng, tmp_path):
    own = inspect.signature(layer_class).parameters
    options = {
        **{name: "orthogonal" for name in own if name.endswith("_initializer")},
        "kernel_regularizer": keras.regularizers.L2(0.5),
        "kernel_constraint": keras.constraints.NonNeg(),
        "bias_initializer": "ones",
    }
    layer = layer_class(**arguments, **options, activation="relu", name="it", strides=(1, 2, 1))
    config = layer.get_config()
    again = layer_class.from_config(config)
    assert again.get_config() == config
    for name in config:
        if name not in ("dtype",):
            assert hasattr(again, name), name
    model = keras.Sequential([keras.Input((5, 6, 6, 3)), layer])
    randomize(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    clip = rng.normal(size=(1, 5, 6, 6, 3)).astype("float32")
    np.testing.assert_array_equal(K.convert_to_numpy(model(clip)), K.convert_to_numpy(loaded(clip)))
    squares = sum(
        0.5 * np.sum(np.square(K.convert_to_numpy(weight.value)))
        for weight in model.weights
        if "kernel" in weight.name
    )
    np.testing.assert_allclose(float(sum(model.losses)), squares, rtol=1e-5)
    kernels = [weight for weight in layer.weights if weight.name.endswith("kernel")]
    assert len(kernels) == sum(name != "bias_initializer" and "_init" in name for name in options)
    assert all(weight.constraint is layer.kernel_constraint for weight in kernels)


@pytest.mark.parametrize("layer_class, arguments", LAYERS[1:8:2])
def test_a_norm_changed_by_hand_is_saved(layer_class, arguments, rng, tmp_path):
    layer = layer_class(**arguments, norm_momentum=0.8, norm_epsilon=0.5)
    model = keras.Sequential([keras.Input((4, 6, 6, 3)), layer])
    norm = layer.norm if layer.use_norm else layer.mid_norm
    assert (norm.momentum, norm.epsilon) == (0.8, 0.5)
    norm.momentum, norm.epsilon = 0.25, 2.0
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras").layers[0]
    assert (loaded.norm_momentum, loaded.norm_epsilon) == (0.25, 2.0)
    norm = loaded.norm if layer.use_norm else loaded.mid_norm
    assert (norm.momentum, norm.epsilon) == (0.25, 2.0)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("layer_class, arguments", LAYERS[1:8:2])
def test_mixed_precision_is_near_float32(policy, layer_class, arguments, rng):
    clip = rng.normal(size=(2, 4, 6, 6, 3)).astype("float32")
    exact = layer_class(**arguments, padding="same")
    mixed = layer_class(**arguments, padding="same", dtype=policy)
    want = K.convert_to_numpy(exact(clip))
    got = mixed(clip)
    mixed.set_weights(exact.get_weights())
    got = mixed(clip)
    assert keras.backend.standardize_dtype(got.dtype) == policy.removeprefix("mixed_")
    assert all(
        keras.backend.standardize_dtype(weight.dtype) == "float32" for weight in mixed.weights
    )
    got = K.convert_to_numpy(K.cast(got, "float32"))
    assert np.max(np.abs(got - want)) < 0.03 * np.max(np.abs(want))


def test_training_mode_reaches_the_inner_norm(rng):
    layer = CTSeparableConv3D(4, 3, padding="same")
    clip = rng.normal(size=(2, 4, 6, 6, 3)).astype("float32")
    layer.build(clip.shape)
    mean = K.convert_to_numpy(layer.mid_norm.moving_mean.value).copy()
    layer(clip, training=False)
    np.testing.assert_array_equal(K.convert_to_numpy(layer.mid_norm.moving_mean.value), mean)
    pointwise = reference.conv3d(
        reference.depthwise_conv3d(
            clip, K.convert_to_numpy(layer.spatial_kernel.value), padding="same"
        ),
        K.convert_to_numpy(layer.pointwise_kernel.value),
    )
    layer(clip, training=True)
    np.testing.assert_allclose(
        K.convert_to_numpy(layer.mid_norm.moving_mean.value),
        0.1 * pointwise.mean(axis=(0, 1, 2, 3)),
        atol=1e-5,
    )


@pytest.mark.parametrize(
    "change",
    [
        {"kernel_size": (3, 3)},
        {"kernel_size": 0},
        {"strides": (2, 0, 1)},
        {"padding": "full"},
        {"strides": 2, "dilation_rate": 2},
        {"filters": 0},
        {"filters": 2.5},
        {"spatial": "both"},
        {"temporal": "none"},
        {"depth_multiplier": -1},
    ],
)
def test_bad_arguments_say_what_came(change):
    with pytest.raises(ValueError, match="Received: .*" + next(iter(change))):
        CTSeparableConv3D(**{"filters": 4, "kernel_size": 3, **change})


def test_other_axis_orders_are_refused():
    keras.config.set_image_data_format("channels_first")
    try:
        with pytest.raises(ValueError, match="channels_first"):
            DepthwiseConv3D(3)
    finally:
        keras.config.set_image_data_format("channels_last")


def test_unknown_channels_and_small_inputs_are_refused():
    with pytest.raises(ValueError, match="known size"):
        DepthwiseConv3D(3).build((None, 4, 4, 4, None))
    with pytest.raises(ValueError, match="frames=2"):
        DepthwiseConv3D(3).compute_output_shape((None, 2, 4, 4, 1))

"""Gradients of the layers where they are hardest: of gradients, in each type, with frozen norms."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from checks import gradients, randomize, second_gradients
from keras import ops as K

from keras_ctsep import layers

LAYERS = [
    (layers.CTSeparableConv3D, {"temporal": "full"}),
    (layers.CTSeparableConv3D, {"temporal": "depthwise"}),
    (layers.CTSeparableConv3D, {"temporal": "full", "use_mid_norm": False}),
    (layers.Conv2Plus1D, {}),
]
SIZES = (2, 4, 5, 6, 3)
NORM = {"use_norm": True, "use_bias": False}


def made(layer_class, arguments, **options):
    layer = layer_class(4, 3, padding="same", activation="relu", **NORM, **arguments, **options)
    layer.build(SIZES)
    randomize(layer)
    return layer


def spelled(layer, training):
    """The same function in operations of Keras, whose gradients are the backend's own."""

    def convolve(inputs, kernel, depthwise):
        groups = inputs.shape[-1] if depthwise else 1
        if depthwise:
            kernel = K.reshape(kernel, (*kernel.shape[:3], 1, -1))
        inputs = K.pad(inputs, ((0, 0), *((size // 2,) * 2 for size in kernel.shape[:3]), (0, 0)))
        # A sum over groups: not every backend differentiates a grouped convolution twice.
        parts = [
            K.conv(part, of_part, strides=1, padding="valid", data_format="channels_last")
            for part, of_part in zip(
                K.split(inputs, groups, axis=-1), K.split(kernel, groups, axis=-1), strict=True
            )
        ]
        return K.concatenate(parts, axis=-1)

    def normalize(inputs, norm):
        mean, variance = norm.moving_mean.value, norm.moving_variance.value
        if training:
            mean = K.mean(inputs, (0, 1, 2, 3))
            variance = K.mean(K.square(inputs - mean), (0, 1, 2, 3))
        unit = (inputs - mean) / K.sqrt(variance + norm.epsilon)
        return K.relu(unit * norm.gamma.value + norm.beta.value)

    def function(inputs, *kernels):
        space_depthwise = getattr(layer, "spatial", "full") == "depthwise"
        for kernel, depthwise in zip(kernels, (space_depthwise, False), strict=False):
            if kernel is not kernels[-1]:
                inputs = convolve(inputs, kernel, depthwise)
        if layer.mid_norm is not None:
            inputs = normalize(inputs, layer.mid_norm)
        inputs = convolve(inputs, kernels[-1], layer.temporal == "depthwise")
        return normalize(inputs, layer.norm)

    return function


def called(layer, training):
    """The layer as a function of its inputs and kernels."""
    variables = [*layer.first_kernels(), layer.temporal_kernel]
    places = [next(i for i, w in enumerate(layer.weights) if w is v) for v in variables]

    def function(inputs, *kernels):
        values = [weight.value for weight in layer.weights]
        for place, kernel in zip(places, kernels, strict=True):
            values[place] = kernel
        mapping = list(zip(layer.weights, values, strict=True))
        with keras.StatelessScope(state_mapping=mapping):
            return layer(inputs, training=training)

    return function, [K.convert_to_numpy(variable.value) for variable in variables]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("layer_class, arguments", LAYERS)
def test_second_derivatives(layer_class, arguments, training, rng):
    """Also through the moments of a batch, which are computed once and saved."""
    layer = made(layer_class, arguments)
    function, kernels = called(layer, training)
    arrays = [rng.normal(size=SIZES).astype("float32"), *kernels]
    weights = rng.normal(size=(*SIZES[:-1], 4)).astype("float32")
    ways = [rng.normal(size=array.shape).astype("float32") for array in arrays]

    def loss(function):
        return lambda *args: K.sum(function(*args) * K.convert_to_tensor(weights))

    wanted = loss(spelled(layer, training))
    pairs = zip(gradients(loss(function), *arrays), gradients(wanted, *arrays), strict=True)
    for got, want in pairs:
        np.testing.assert_allclose(got, want, atol=2e-4 * np.max(np.abs(want)))
    got = second_gradients(loss(function), ways, *arrays)
    want = second_gradients(wanted, ways, *arrays)
    for one, other in zip(got, want, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3 * np.max(np.abs(other)))


@pytest.mark.parametrize("policy", ["float16", "bfloat16", "float32", "float64", "mixed_float16"])
@pytest.mark.parametrize("layer_class, arguments", LAYERS)
def test_each_type_trains(policy, layer_class, arguments, rng):
    clips, targets = rng.normal(size=SIZES), rng.normal(size=(*SIZES[:-1], 4))
    layer = layer_class(4, 3, padding="same", use_norm=True, dtype=policy, **arguments)
    model = keras.Sequential([keras.Input(SIZES[1:], dtype="float32"), layer])
    before = [K.convert_to_numpy(K.cast(weight, "float32")) for weight in model.weights]
    model.compile(keras.optimizers.SGD(0.1), "mse")
    loss = model.train_on_batch(clips.astype("float32"), targets.astype("float32"))
    assert np.isfinite(loss)
    for weight, old in zip(model.weights, before, strict=True):
        if "kernel" in weight.name or "moving" in weight.name:  # others may round to what they were
            assert np.any(K.convert_to_numpy(K.cast(weight, "float32")) != old), weight.path
    outputs = model(clips.astype("float32"))
    # Without `jax_enable_x64`, JAX makes float32 of float64.
    wide = keras.backend.standardize_dtype(K.cast(clips, "float64").dtype) == "float64"
    want = policy.removeprefix("mixed_") if policy != "float64" or wide else "float32"
    assert keras.backend.standardize_dtype(outputs.dtype) == want


PRECISE = """
import numpy as np
import reference
from checks import gradients
from keras import ops as K
from keras_ctsep import ops
from keras_ctsep.ops.forms import FORMS

rng = np.random.default_rng(0)
inputs = rng.normal(size=(2, 3, 6, 5, 2))
pads, kinds = (0, 1, 1), {"full": reference.conv3d, "depthwise": reference.depthwise_conv3d}
for channels, function in (("full", ops.conv3d), ("depthwise", ops.depthwise_conv3d)):
    kernel, way = rng.normal(size=(2, 1, 3, 3, 2, 2))
    slopes = kinds[channels](inputs, way, padding=pads)
    upstream = rng.normal(size=slopes.shape)
    for form in FORMS[channels]:
        def loss(inputs, kernel):
            return K.sum(function(inputs, kernel, padding=pads, form=form) * K.array(upstream))

        got, want = np.sum(gradients(loss, inputs, kernel)[1] * way), np.sum(slopes * upstream)
        assert abs(got - want) < 1e-11 * np.sum(np.abs(slopes * upstream)), (channels, form)
"""


def test_gradients_in_float64_are_exact_to_eleven_places():
    """In a process of its own, since JAX decides once whether it has float64."""
    paths = os.pathsep.join([os.path.dirname(os.path.dirname(__file__)), *sys.path])
    environment = os.environ | {"JAX_ENABLE_X64": "1", "PYTHONPATH": paths}
    subprocess.run([sys.executable, "-c", PRECISE], env=environment, check=True)


def test_frozen_norms_and_stages_learn_nothing(rng):
    layer = made(layers.CTSeparableConv3D, {})
    layer.mid_norm.trainable = layer.norm.trainable = False
    model = keras.Sequential([keras.Input(SIZES[1:]), layer])
    before = [K.convert_to_numpy(weight.value).copy() for weight in model.weights]
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(rng.normal(size=SIZES), rng.normal(size=(*SIZES[:-1], 4)), verbose=0)
    for weight, old in zip(model.weights, before, strict=True):
        same = np.array_equal(K.convert_to_numpy(weight.value), old)
        assert same == ("norm" in weight.path), weight.path


@pytest.mark.parametrize("eager", [False, True])
def test_compiled_and_eager_steps_are_the_same(eager, rng):
    """`jit_compile=True` needs a C++ compiler on PyTorch: there `torch.compile` alone is tested."""
    layer = made(layers.CTSeparableConv3D, {"temporal": "depthwise"})
    model = keras.Sequential([keras.Input(SIZES[1:]), layer])
    start = [K.convert_to_numpy(weight.value).copy() for weight in model.weights]
    clips, targets = rng.normal(size=SIZES), rng.normal(size=(*SIZES[:-1], 4))
    results = []
    compiled = {"jit_compile": True} if keras.backend.backend() != "torch" else {}
    for options in ({}, {"run_eagerly": True} if eager else compiled):
        model.set_weights(start)
        model.compile(keras.optimizers.SGD(0.1), "mse", **options)
        model.fit(clips, targets, epochs=2, verbose=0)
        results.append([K.convert_to_numpy(weight.value).copy() for weight in model.weights])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


def test_torch_compile_traces_the_layer(rng):
    if keras.backend.backend() != "torch":
        pytest.skip("torch.compile is PyTorch's")
    import torch

    layer = made(layers.CTSeparableConv3D, {})
    inputs = torch.tensor(rng.normal(size=SIZES).astype("float32"), requires_grad=True)

    def slope(function):
        inputs.grad = None
        function(inputs).square().sum().backward()
        return inputs.grad.clone()

    want = slope(lambda inputs: layer(inputs, training=True))
    compiled = torch.compile(lambda inputs: layer(inputs, training=True), backend="aot_eager")
    np.testing.assert_allclose(slope(compiled), want, rtol=1e-3, atol=1e-4)


class ChangingSizes(keras.utils.PyDataset):
    """Two batches of other frames, height and width."""

    def __init__(self, rng):
        super().__init__()
        self.batches = [
            (rng.normal(size=(2, *sizes, 3)).astype("float32"), np.ones((2, 4), "float32"))
            for sizes in ((5, 6, 7), (6, 9, 8))
        ]

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        return self.batches[index]


@pytest.mark.parametrize(
    "layer",
    [
        layers.Conv3D(4, 3, strides=2, padding="same"),
        layers.Conv3D(4, 1, strides=2, padding=1),
        layers.Conv3D(4, (3, 1, 1), padding="causal"),
        layers.DepthwiseConv3D(3, strides=(1, 2, 2), padding=1),
        layers.DepthwiseConv3D((1, 3, 3), padding="same"),
        layers.CTSeparableConv3D(4, 3, strides=2, padding="same", temporal="depthwise"),
        layers.CTSeparableConv3D(4, 3, padding="same", dilation_rate=2),
        layers.Conv2Plus1D(4, 3, strides=(2, 1, 1), padding=1),
    ],
    ids=lambda layer: layer.name,
)
def test_clips_of_changing_sizes_train(layer, rng):
    """TensorFlow then computes gradients without knowing any size."""

    def train(fit):
        clips = keras.Input((None, None, None, 3))
        x = keras.layers.Dense(3)(clips)  # so that the layer gives a gradient of its inputs
        x = keras.layers.GlobalAveragePooling3D()(type(layer).from_config(layer.get_config())(x))
        model = keras.Model(clips, keras.layers.Dense(4)(x))
        model.set_weights(weights or [rng.normal(size=w.shape) for w in model.get_weights()])
        start = model.get_weights()
        model.compile("sgd", "mse")
        fit(model)
        return start, model.get_weights()

    weights, data = None, ChangingSizes(rng)
    weights, found = train(lambda model: model.fit(data, shuffle=False, verbose=0))
    _, expected = train(lambda model: [model.train_on_batch(*batch) for batch in data.batches])
    for one, other, before in zip(found, expected, weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
        assert np.any(one != before)


@pytest.mark.parametrize("policy", ["float64", "mixed_float16", "float32"])
@pytest.mark.parametrize("window", [(1, 3, 3), (3, 1, 1), (3, 3, 3)])
def test_one_filter_trains(policy, window, rng):
    layer = layers.Conv3D(1, window, padding="same", dtype=policy)
    model = keras.Sequential([keras.Input((4, 8, 8, 3)), layer])
    model.compile("sgd", "mse")
    before = [K.convert_to_numpy(weight) for weight in layer.weights]
    model.train_on_batch(rng.normal(size=(2, 4, 8, 8, 3)), np.ones((2, 4, 8, 8, 1)))
    for weight, start in zip(layer.weights, before, strict=True):
        assert np.all(K.convert_to_numpy(weight) != start)

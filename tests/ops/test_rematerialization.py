"""Layers that compute again in the backward pass what they do not keep."""

import keras
import numpy as np
import pytest
from checks import gradients, randomize
from keras import ops as K

from keras_ctsep import layers, ops
from keras_ctsep.ops.custom_gradient import custom_gradient

LAYERS = [
    (layers.CTSeparableConv3D, {"temporal": "full"}),
    (layers.CTSeparableConv3D, {"temporal": "depthwise"}),
    (layers.CTSeparableConv3D, {"depth_multiplier": 24}),  # so many channels that outputs are saved
    (layers.Conv2Plus1D, {}),
]


def test_gradients_are_those_of_the_function(rng):
    numbers = rng.normal(size=(4, 3)).astype("float32"), rng.normal(size=3).astype("float32")

    told = []

    def function(inputs, scale, saved=None):
        told.append(saved)
        return K.tanh(inputs * scale), (K.stop_gradient(K.sum(scale)),) if saved is None else saved

    def loss(function, *args):
        outputs, (total,) = function(*args)
        return K.sum(outputs) * total

    got = gradients(lambda *args: loss(ops.rematerialized(function), *args), *numbers)
    assert told[0] is None and len(told[1]) == 1
    want = gradients(lambda *args: loss(function, *args), *numbers)
    for one, other in zip(got, want, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_what_has_its_own_gradient_is_not_run_again(rng):
    if keras.backend.backend() != "torch":
        pytest.skip("the other backends leave out by themselves what nobody reads")
    runs = []

    def double(inputs):
        runs.append(inputs)
        return 2 * inputs

    doubled = custom_gradient(double, lambda upstream, inputs: (2 * upstream + 0 * inputs,))
    inputs = rng.normal(size=(3, 2)).astype("float32")

    def function(inputs, saved=None):
        return doubled(K.sin(inputs)), ()

    (got,) = gradients(lambda inputs: K.sum(ops.rematerialized(function)(inputs)[0]), inputs)
    np.testing.assert_allclose(got, 2 * np.cos(inputs), rtol=1e-6)
    assert len(runs) == 1


def trained(layer_class, arguments, norms_learn):
    keras.utils.set_random_seed(3)
    clips = keras.Input((4, 6, 6, 3))
    x = layer_class(8, 3, padding="same", **arguments)(clips)
    model = keras.Model(clips, keras.layers.GlobalAveragePooling3D()(x))
    randomize(model)
    if not norms_learn:
        model.layers[1].mid_norm.trainable = False
    model.compile(keras.optimizers.SGD(0.1), "mse")
    rng = np.random.default_rng(5)
    inputs, targets = rng.normal(size=(2, 4, 6, 6, 3)), rng.normal(size=(2, 8))
    for _ in range(2):
        model.train_on_batch(inputs.astype("float32"), targets.astype("float32"))
    return model.get_weights()


@pytest.mark.parametrize(
    "layer_class, arguments, norms_learn",
    [(*row, norms_learn) for row in LAYERS for norms_learn in (True, False)]
    + [(layers.CTSeparableConv3D, {"use_mid_norm": False}, True)],
)
def test_training_is_the_same_without(layer_class, arguments, norms_learn, monkeypatch):
    """Moving statistics too, which must move once a step and not twice."""
    got = trained(layer_class, arguments, norms_learn)
    monkeypatch.setenv("KERAS_CTSEP_REMAT", "0")
    for one, other in zip(got, trained(layer_class, arguments, norms_learn), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def kept_bytes(layer, inputs):
    """Counts what a layer keeps for its backward pass, or None where the backend does not tell."""
    if keras.backend.backend() == "torch":
        import torch

        kept = {}
        own = {weight.value.data_ptr() for weight in layer.weights}

        def keep(tensor):
            if tensor.data_ptr() not in own:
                kept[tensor.data_ptr()] = tensor.nbytes
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            outputs = layer(K.convert_to_tensor(inputs), training=True)
        del outputs
        return sum(kept.values())
    if keras.backend.backend() == "jax":
        import jax

        weights = [variable.value for variable in layer.trainable_variables]
        others = [variable.value for variable in layer.non_trainable_variables]

        def twice(weights, inputs):
            for _ in range(4):
                inputs, _ = layer.stateless_call(weights, others, inputs, training=True)
            return K.sum(K.square(inputs))

        program = jax.jit(jax.grad(twice)).lower(weights, inputs).compile()
        return program.memory_analysis().temp_size_in_bytes
    return None


@pytest.mark.parametrize("use_mid_norm", [True, False])
def test_less_is_kept(use_mid_norm, monkeypatch, rng):
    inputs = rng.normal(size=(2, 8, 16, 16, 16)).astype("float32")
    settings = {"use_bias": False, "use_mid_norm": use_mid_norm}
    layer = layers.CTSeparableConv3D(16, 3, padding="same", **settings)
    layer.build(inputs.shape)
    kept = kept_bytes(layer, inputs)
    if kept is None:
        pytest.skip("TensorFlow does not tell what a backward pass keeps")
    monkeypatch.setenv("KERAS_CTSEP_REMAT", "0")
    # XLA's temporary memory also holds what is no activation, so less of it goes away.
    share = 0.75 if keras.backend.backend() == "torch" else 0.95
    assert kept < share * kept_bytes(layer, inputs)

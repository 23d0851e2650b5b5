"""Batch normalization against NumPy and against Keras's own layer."""

import keras
import numpy as np
import pytest
from checks import gradients
from keras import ops as K

from keras_ctsep import ops
from keras_ctsep.layers.add_relu import AddReLU
from keras_ctsep.layers.batch_normalization import BatchNormalization

EPSILON = 1e-3


def normalized(inputs, gamma, beta):
    inputs = inputs.astype("float64")
    axes = tuple(range(inputs.ndim - 1))
    mean, variance = inputs.mean(axes), inputs.var(axes)
    return (inputs - mean) / np.sqrt(variance + EPSILON) * gamma + beta, mean, variance


@pytest.fixture
def numbers(rng):
    inputs = rng.normal(3.0, 2.0, size=(2, 3, 4, 5, 6)).astype("float32")
    return inputs, *rng.uniform(0.5, 1.5, size=(2, 6)).astype("float32")


def test_batch_norm_equals_numpy(numbers):
    outputs, moments = ops.batch_norm(*map(K.array, numbers), EPSILON)
    again, _ = ops.batch_norm(*map(K.array, numbers), EPSILON, moments=moments)
    want, mean, variance = normalized(*numbers)
    pairs = (outputs, want), (again, want), (moments.mean, mean), (moments.variance, variance)
    for got, number in pairs:
        np.testing.assert_allclose(K.convert_to_numpy(got), number, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("is_known", [False, True])
def test_gradients_equal_differences(is_known, numbers, rng):
    upstream = rng.normal(size=numbers[0].shape).astype("float32")
    moments = ops.batch_norm(*map(K.array, numbers), EPSILON)[1] if is_known else None

    def loss(*args):
        outputs, _ = ops.batch_norm(*args, EPSILON, moments=moments)
        return K.sum(outputs * K.convert_to_tensor(upstream))

    def value(*args):
        return np.sum(normalized(*args)[0] * upstream)

    got = gradients(loss, *numbers)
    for index, gradient in enumerate(got):
        for _ in range(3):
            way = [np.zeros(array.shape) for array in numbers]
            way[index] = rng.normal(size=numbers[index].shape)
            more, less = (
                value(
                    *(array + sign * 1e-4 * step for array, step in zip(numbers, way, strict=True))
                )
                for sign in (1, -1)
            )
            slope = (more - less) / 2e-4
            np.testing.assert_allclose(np.sum(gradient * way[index]), slope, rtol=1e-3, atol=1e-3)


def test_moments_of_16_bit_inputs_are_exact(numbers):
    inputs = K.cast(K.array(numbers[0]) + 100.0, "bfloat16")
    outputs, moments = ops.batch_norm(inputs, K.ones(6), K.zeros(6), EPSILON)
    wide = K.convert_to_numpy(K.cast(inputs, "float32"))
    _, want_mean, want_variance = normalized(wide, 1, 0)
    assert keras.backend.standardize_dtype(outputs.dtype) == "bfloat16"
    np.testing.assert_allclose(K.convert_to_numpy(moments.mean), want_mean, rtol=1e-5)
    np.testing.assert_allclose(K.convert_to_numpy(moments.variance), want_variance, rtol=1e-3)


@pytest.mark.parametrize("activation", [None, "relu"])
@pytest.mark.parametrize("options", [{}, {"axis": 1}, {"scale": False}, {"center": False}])
def test_layer_equals_keras(activation, options, numbers):
    ours = BatchNormalization(activation=activation, momentum=0.8, **options)
    keras_own = keras.layers.BatchNormalization(momentum=0.8, **options)
    for training in (True, True, False):
        want = keras_own(numbers[0], training=training)
        want = K.relu(want) if activation else want
        got = ours(numbers[0], training=training)
        np.testing.assert_allclose(K.convert_to_numpy(got), K.convert_to_numpy(want), atol=2e-4)
    for got, want in zip(ours.get_weights(), keras_own.get_weights(), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


def test_frozen_layer_keeps_its_moments(numbers):
    layer = BatchNormalization()
    layer.build(numbers[0].shape)
    layer.trainable = False
    outputs = layer(numbers[0], training=True)
    np.testing.assert_allclose(K.convert_to_numpy(outputs), numbers[0] / np.sqrt(1.001), rtol=1e-5)
    np.testing.assert_array_equal(layer.get_weights()[2], np.zeros(6))


def test_other_activations_are_refused():
    with pytest.raises(ValueError, match="Received: activation=gelu"):
        BatchNormalization(activation="gelu")


def test_add_relu_leaves_its_inputs_alone():
    one, other = K.array([[-3.0, 1.0, 2.0]]), K.array([[1.0, -4.0, 0.5]])
    np.testing.assert_array_equal(K.convert_to_numpy(AddReLU()([one, other])), [[0, 0, 2.5]])
    np.testing.assert_array_equal(K.convert_to_numpy(one), [[-3, 1, 2]])
    np.testing.assert_array_equal(K.convert_to_numpy(other), [[1, -4, 0.5]])
    got = gradients(
        lambda *pair: K.sum(AddReLU()(list(pair)) * 3), *map(K.convert_to_numpy, (one, other))
    )
    for gradient in got:
        np.testing.assert_array_equal(gradient, [[0, 0, 3]])

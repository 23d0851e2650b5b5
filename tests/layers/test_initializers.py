"""Starts of weights: the distributions of Keras, from one seed the same on every backend."""

import math

import keras
import numpy as np
import pytest

from keras_ctsep.layers import GlorotUniform, HeNormal, RandomNormal

SHAPE = (3, 1, 1, 64, 96)


def draw(initializer, shape=SHAPE):
    return keras.ops.convert_to_numpy(initializer(shape)).astype("float64")


@pytest.mark.parametrize(
    ("initializer", "shape", "variance", "largest"),
    [
        # Cut off at two standard deviations of the distribution before the cut.
        (HeNormal, SHAPE, 2 / 192, 2 * math.sqrt(2 / 192) / 0.8796),
        (RandomNormal, SHAPE, 0.05**2, math.inf),
        (GlorotUniform, (150, 90), 2 / 240, math.sqrt(6 / 240)),
    ],
)
def test_moments(initializer, shape, variance, largest):
    values = draw(initializer(seed=3), shape)
    assert abs(values.mean()) < 4 * math.sqrt(variance / values.size)
    assert values.var() == pytest.approx(variance, rel=0.03)
    assert 0.999 * min(largest, 3 * math.sqrt(variance)) < abs(values).max() * 1.05
    assert abs(values).max() <= largest * 1.0001


def test_numbers_are_those_of_numpy():
    """Of the generator itself: so they are the same on every backend."""
    want = 0.05 * np.random.default_rng(7).standard_normal((3, 1, 1, 4, 1), "float32")
    np.testing.assert_allclose(draw(RandomNormal(seed=7), want.shape), want, rtol=1e-6)


@pytest.mark.parametrize("initializer", [HeNormal, RandomNormal, GlorotUniform])
def test_seeds(initializer):
    keras.utils.set_random_seed(5)
    first, second = draw(initializer(), (8, 8)), draw(initializer(), (8, 8))
    keras.utils.set_random_seed(5)
    np.testing.assert_array_equal(draw(initializer(), (8, 8)), first)
    assert abs(first - second).max() > 0
    again = initializer.from_config(initializer(seed=9).get_config())
    np.testing.assert_array_equal(draw(again, (8, 8)), draw(initializer(seed=9), (8, 8)))


def test_other_types():
    assert keras.backend.standardize_dtype(HeNormal()((4, 4), "bfloat16").dtype) == "bfloat16"

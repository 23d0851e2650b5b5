"""Max pooling: the maximum of what is inside of a window, on every backend."""

import keras
import numpy as np
import pytest
import reference
from checks import gradients

from keras_ctsep.layers import MaxPooling3D


def places_of_maxima(x, pool_size, strides, padding):
    """Where the maximum of each window lies, as an index into the flat clip of one channel."""
    numbers = np.arange(1, x.size + 1).reshape(1, *x.shape, 1)
    seen = reference.windows_of(numbers, pool_size, strides, padding, (1, 1, 1)).astype(int)
    seen = seen.reshape(*seen.shape[1:4], -1)
    values = np.concatenate([[-np.inf], x.ravel()])  # number 0 is outside of the clip
    first = values[seen].argmax(axis=-1, keepdims=True)
    return np.take_along_axis(seen, first, axis=-1)[..., 0] - 1


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("sizes", [(3, 6, 7), (4, 5, 4)])
@pytest.mark.parametrize(
    "window", [((1, 3, 3), (1, 2, 2)), ((3, 3, 3), (1, 1, 1)), ((2, 3, 2), (2, 1, 3))]
)
def test_against_numpy(padding, sizes, window, rng):
    # All values differ, and there are negative ones, which zeros around would hide.
    x = rng.permutation(2 * np.prod(sizes)).reshape(1, *sizes, 2).astype("float32") - 100
    upstream = rng.normal(size=x.shape).astype("float32")
    expected, slopes = [], np.zeros_like(x)
    for channel in range(2):
        places = places_of_maxima(x[0, ..., channel], *window, padding)
        expected.append(x[0, ..., channel].ravel()[places])
        part = upstream[0, : places.shape[0], : places.shape[1], : places.shape[2], channel]
        flat = slopes[0, ..., channel].ravel()
        np.add.at(flat, places.ravel(), part.ravel())
        slopes[0, ..., channel] = flat.reshape(sizes)
    expected = np.stack(expected, -1)[None]
    upstream = upstream[:, : expected.shape[1], : expected.shape[2], : expected.shape[3]]
    pool = MaxPooling3D(*window, padding)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(pool(x)), expected)
    assert pool.compute_output_shape(x.shape) == expected.shape
    # As part of a model for clips of any size.
    clips = keras.Input((None, None, None, 2))
    model = keras.Model(clips, MaxPooling3D.from_config(pool.get_config())(clips))
    np.testing.assert_array_equal(model.predict_on_batch(x), expected)
    found, _ = gradients(lambda x, w: keras.ops.sum(pool(x) * w), x, upstream)
    np.testing.assert_allclose(found, slopes, atol=1e-6)


def test_the_first_of_equal_maxima_gets_the_gradient():
    x = np.zeros((1, 3, 4, 4, 1), "float32")
    x[0, 1, 1:, :3] = 5.0
    # Windows of two rows and columns; the first one of 5 in each, row by row.
    expected = np.zeros_like(x)
    expected[0, 1, 1:3, ::2] = 1.0
    pool = MaxPooling3D((3, 2, 2), strides=2)
    (found,) = gradients(lambda x: keras.ops.sum(pool(x)), x)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64"])
def test_other_types(dtype, rng):
    if dtype == "float64" and keras.backend.backend() == "jax":
        pytest.skip("JAX has no float64 unless it is told to")
    x = keras.ops.convert_to_tensor(rng.normal(size=(1, 3, 6, 6, 2)), dtype)
    maxima = MaxPooling3D((1, 3, 3), 2, "same", dtype=dtype)(x)
    assert keras.backend.standardize_dtype(maxima.dtype) == dtype
    whole = MaxPooling3D((1, 3, 3), 2, "same")(keras.ops.cast(x, "float32"))
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(keras.ops.cast(maxima, "float32")),
        keras.ops.convert_to_numpy(whole),
    )

"""Average pooling with strides: the mean of what is inside of a window, on every backend."""

import keras
import numpy as np
import pytest
from checks import assert_close, gradients

from keras_ctsep.layers import AveragePooling3D


def windows(size, window, stride, same):
    """The places of each window; TensorFlow puts the smaller half of the padding in front."""
    if not same:
        return [range(start, start + window) for start in range(0, size - window + 1, stride)]
    places = -(-size // stride)
    before = max((places - 1) * stride + window - size, 0) // 2
    starts = [place * stride - before for place in range(places)]
    return [range(max(start, 0), min(start + window, size)) for start in starts]


def averages(x, pool_size, strides, same):
    sizes = zip(x.shape[1:4], pool_size, strides, strict=True)
    for axis, (size, window, stride) in enumerate(sizes, start=1):
        # Windows are boxes, whose mean is the mean of the means along each axis.
        means = [x.take(range_, axis).mean(axis) for range_ in windows(size, window, stride, same)]
        x = np.stack(means, axis)
    return x


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("sizes", [(3, 6, 7), (2, 5, 4)])
@pytest.mark.parametrize("window", [((1, 3, 3), (1, 2, 2)), ((2, 3, 2), (2, 1, 3))])
def test_against_numpy(padding, sizes, window, rng):
    x = rng.normal(size=(2, *sizes, 3)).astype("float32")
    pool = AveragePooling3D(*window, padding)
    expected = averages(x, *window, padding == "same")
    assert_close(pool(x), expected)
    assert pool.compute_output_shape(x.shape) == expected.shape
    # As part of a model for clips of any size.
    clips = keras.Input((None, None, None, 3))
    model = keras.Model(clips, AveragePooling3D.from_config(pool.get_config())(clips))
    assert_close(model.predict_on_batch(x), expected)


def test_gradient_is_one_over_the_places_of_each_window():
    x = np.zeros((1, 1, 1, 4, 1), "float32")
    pool = AveragePooling3D((1, 1, 3), (1, 1, 2), "same")
    (found,) = gradients(lambda x: keras.ops.sum(pool(x)), x)
    np.testing.assert_allclose(found.flatten(), [1 / 3, 1 / 3, 1 / 3 + 1 / 2, 1 / 2], atol=1e-6)

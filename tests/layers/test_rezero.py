"""ReZero: one weight that is 0 at the start and learns."""

import keras
import numpy as np

from keras_ctsep.layers import ReZero


def test_a_step_by_hand(rng):
    """The gradient of mean((x + alpha x - 3 x)^2) by alpha is 2 (alpha - 2) mean(x^2)."""
    x = rng.normal(size=(2, 3, 4, 5, 6)).astype("float32")
    inputs = keras.Input(x.shape[1:])
    layer = ReZero()
    model = keras.Model(inputs, keras.layers.Add()([layer(inputs), inputs]))
    np.testing.assert_array_equal(model.predict_on_batch(x), x)
    model.compile(keras.optimizers.SGD(0.125), "mse")
    model.train_on_batch(x, 3 * x)
    (alpha,) = model.get_weights()
    np.testing.assert_allclose(alpha, 0.5 * np.mean(x**2), rtol=1e-5)

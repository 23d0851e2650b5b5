"""The end of a residual block."""

import keras
import numpy as np
import pytest

from keras_ctsep.layers import AddReLU


def test_shapes_that_would_be_broadcast_are_refused():
    layer = AddReLU()
    assert layer.compute_output_shape([(None, 4, 8), (2, None, 8)]) == (2, 4, 8)
    for other in [(2, 4, 1), (2, 1, 8), (4, 8), (1, 4, 8)]:
        with pytest.raises(ValueError, match="of one shape. Received: input_shape="):
            layer.compute_output_shape([(2, 4, 8), other])
        with pytest.raises(ValueError, match="of one shape. Received: input_shape="):
            AddReLU()([np.ones((2, 4, 8), "float32"), np.ones(other, "float32")])
    with pytest.raises(ValueError, match="of one shape. Received: input_shape="):
        AddReLU()([keras.Input((4, 8)), keras.Input((4, 1))])

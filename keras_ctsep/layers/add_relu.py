"""Where a residual block ends."""

import keras

from keras_ctsep import ops


@keras.saving.register_keras_serializable(package="keras_ctsep")
class AddReLU(keras.layers.Layer):
    """ReLU of the sum of two tensors of one shape, in one pass where the backend can.

    Example:
    >>> import keras
    >>> clip = keras.Input((16, 56, 56, 64))
    >>> AddReLU()([clip, clip]).shape
    (None, 16, 56, 56, 64)
    """

    def build(self, input_shape):
        self.compute_output_shape(input_shape)  # has no weights; broadcasting is refused

    def call(self, inputs):
        one, other = inputs
        return ops.relu_inplace(one + other)

    def compute_output_shape(self, input_shape):
        one, other = (tuple(shape) for shape in input_shape)
        sizes = zip(one, other, strict=False)
        if len(one) != len(other) or any(a != b and None not in (a, b) for a, b in sizes):
            raise ValueError(
                f"AddReLU adds two tensors of one shape. Received: input_shape={input_shape}"
            )
        return tuple(b if a is None else a for a, b in zip(one, other, strict=True))

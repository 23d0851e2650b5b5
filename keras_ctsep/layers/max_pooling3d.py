"""Max pooling that is the same on all backends."""

import keras

from keras_ctsep import ops


@keras.saving.register_keras_serializable(package="keras_ctsep")
class MaxPooling3D(keras.layers.MaxPooling3D):
    """Keras's max pooling, with one gradient on all backends, and fast on each.

    Its arguments and its numbers are those of `keras.layers.MaxPooling3D`. The first of equal
    maxima of a window gets its gradient; with Keras 3.15.1 on TensorFlow each of them gets it,
    which multiplies it where frames are even.

    Example:
    >>> from keras import ops
    >>> pool = MaxPooling3D((1, 3, 3), strides=(1, 2, 2), padding="same")
    >>> tuple(pool(ops.ones((2, 4, 8, 8, 3))).shape)
    (2, 4, 4, 4, 3)
    """

    def call(self, inputs):
        if self.data_format == "channels_first":
            return super().call(inputs)
        return ops.max_pool3d(inputs, self.pool_size, self.strides, self.padding)

"""Average pooling that is the same on all backends."""

import keras

from keras_ctsep import ops


@keras.saving.register_keras_serializable(package="keras_ctsep")
class AveragePooling3D(keras.layers.AveragePooling3D):
    """Keras's average pooling, computed as a depthwise convolution.

    Its arguments and its numbers are those of `keras.layers.AveragePooling3D`: with
    `padding="same"` the mean of those places of a window that are inside. On PyTorch, Keras
    3.15.1 takes edge values twice instead (keras-team/keras, pull request 23233).

    Example:
    >>> from keras import ops
    >>> places = ops.reshape(ops.array([1.0, 2.0, 3.0, 5.0]), (1, 1, 4, 1, 1))
    >>> means = AveragePooling3D((1, 3, 1), strides=(1, 2, 1), padding="same")(places)
    >>> ops.convert_to_numpy(means).flatten().tolist()
    [2.0, 4.0]
    """

    def call(self, inputs):
        if self.data_format == "channels_first":
            return super().call(inputs)
        sums, counts = (
            ops.depthwise_conv3d(
                tensor,
                keras.ops.ones((*self.pool_size, tensor.shape[-1], 1), tensor.dtype),
                self.strides,
                self.padding,
            )
            for tensor in (inputs, keras.ops.ones_like(inputs[:1, ..., :1]))
        )
        return sums / counts

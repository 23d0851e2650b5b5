"""The weight of a residual, which is 0 at the start."""

import keras


@keras.saving.register_keras_serializable(package="keras_ctsep")
class ReZero(keras.layers.Layer):
    """Multiplies by one weight that is 0 at the start, so that a residual block starts as nothing.

    Example:
    >>> import keras
    >>> layer = ReZero()
    >>> layer(keras.Input((16, 56, 56, 64))).shape, layer.count_params()
    ((None, 16, 56, 56, 64), 1)

    Reference:
        Bachlechner et al. 2020, "ReZero is All You Need", arXiv 2003.04887, section 3.
    """

    def build(self, input_shape):
        del input_shape
        self.alpha = self.add_weight(name="alpha", shape=(), initializer="zeros")

    def call(self, inputs):
        return self.alpha * inputs

    def compute_output_shape(self, input_shape):
        return input_shape

"""Batch normalization that keeps little for its backward pass."""

import keras

from keras_ctsep import ops

# Defaults of convolutions with a norm: torchvision's and VMZ's batch norm, in Keras's words (their
# momentum 0.1 is Keras's 0.9), so that their running statistics can be taken over.
BATCH_NORM_MOMENTUM = 0.9
BATCH_NORM_EPSILON = 1e-5


@keras.saving.register_keras_serializable(package="keras_ctsep")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras's batch normalization of the last axis, in fewer passes over memory.

    Weights, numbers and configuration are those of `keras.layers.BatchNormalization`. Options of
    it that change the computation (another axis, no scale or offset, masks, synchronization,
    renormalization) compute as there.

    Args:
        activation: None or `"relu"`, applied to the outputs.
        **kwargs: the arguments of `keras.layers.BatchNormalization`.

    Example:
    >>> import keras
    >>> BatchNormalization(activation="relu")(keras.Input((16, 56, 56, 64))).shape
    (None, 16, 56, 56, 64)
    """

    def __init__(self, activation=None, **kwargs):
        super().__init__(**kwargs)
        if activation not in (None, "relu"):
            raise ValueError(
                f'`activation` must be None or "relu". Received: activation={activation}'
            )
        self.activation = activation

    def call(self, inputs, training=None, mask=None):
        relu = self.activation == "relu"
        if mask is not None or not self._is_plain(inputs):
            outputs = super().call(inputs, training=training, mask=mask)
            return keras.ops.relu(outputs) if relu else outputs
        if not self.by_batch(training):
            return self._normalize(inputs, relu)
        outputs, moments = ops.batch_norm(inputs, *self.gamma_and_beta(), self.epsilon, relu)
        self.update_moving(moments.mean, moments.variance)
        return outputs

    def by_batch(self, training):
        """Returns whether the statistics of the batch are taken: in training, unless frozen."""
        return bool(training) and self.trainable

    def fold_into(self, kernel, bias=None):
        """Returns `(kernel, bias)` of a convolution that normalizes by the moving statistics too.

        Args:
            kernel: `(frames, height, width, channels, filters)`, or a depthwise one
                `(frames, height, width, channels, depth_multiplier)`.
            bias: None or `(new_channels,)`.
        """
        scale, offset = ops.scale_and_offset(
            *self.gamma_and_beta(), *self._moving_moments(), self.epsilon
        )
        if bias is not None:
            offset = offset + keras.ops.cast(bias, scale.dtype) * scale
        scale = keras.ops.reshape(scale, (-1, kernel.shape[-1]))
        scaled = keras.ops.cast(kernel, scale.dtype) * scale
        return keras.ops.cast(scaled, kernel.dtype), keras.ops.cast(offset, kernel.dtype)

    def gamma_and_beta(self):
        """Returns scale and offset `(channels,)` in the type that the norm computes in."""
        return self._float(self.gamma), self._float(self.beta)

    def update_moving(self, mean, variance):
        """Lets the moving statistics follow those of a batch, each `(channels,)` or longer.

        Channels beyond those of the norm are left out.
        """
        pairs = ((self.moving_mean, mean), (self.moving_variance, variance))
        for moving, new in pairs:
            new = keras.ops.stop_gradient(new)[: moving.shape[0]]
            old = keras.ops.cast(moving, new.dtype)
            updated = old * self.momentum + new * (1.0 - self.momentum)
            moving.assign(keras.ops.cast(updated, moving.dtype))

    def _normalize(self, inputs, relu):
        settings = (*self.gamma_and_beta(), *self._moving_moments(), self.epsilon)
        return ops.normalize(inputs, *settings, relu)

    def _is_plain(self, inputs):
        last = self.axis in (-1, len(inputs.shape) - 1)
        return last and self.scale and self.center and not (self.synchronized or self.renorm)

    def _moving_moments(self):
        return self._float(self.moving_mean), self._float(self.moving_variance)

    def _float(self, weight):
        # Of weights in 16 bits too, as `dtype="float16"` makes them, statistics want 32.
        return keras.ops.cast(weight, ops.sum_dtype(weight))

    def get_config(self):
        return {**super().get_config(), "activation": self.activation}

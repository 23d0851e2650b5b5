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
        if not (training and self.trainable):
            return self._normalize(inputs, relu)
        outputs, moments = ops.batch_norm(inputs, *self._scale(), self.epsilon, relu)
        self._update(moments)
        return outputs

    def relu_between(self, first, last, inputs, *kernels):
        """Returns `last(relu(self(first(inputs, *kernels[:-1]))), kernels[-1])`, in training.

        The backward pass computes all but `last` again, so that only `inputs` are kept. Where
        `first` gives more channels than this layer has, the others are zeros and stay so.
        """
        more = kernels[-1].shape[-2] - self.gamma.shape[0]

        def widened(vectors):
            return [keras.ops.pad(vector, ((0, more),)) for vector in vectors] if more else vectors

        # Handed in: in the backward pass Keras's scope, in which JAX reads variables, is over.
        moving = [] if self.trainable else widened(self._moving_moments())

        def computed(inputs, gamma, beta, *others, known=None):
            moving_moments, kernels = others[: len(moving)], others[len(moving) :]
            outputs = first(inputs, *kernels[:-1])
            if self.trainable:
                settings = {"relu": True, "known": known}
                outputs, known = ops.batch_norm(outputs, gamma, beta, self.epsilon, **settings)
            else:
                settings = (gamma, beta, *moving_moments, self.epsilon)
                outputs, known = ops.normalize(outputs, *settings, relu=True), ()
            return last(outputs, kernels[-1]), known

        tensors = (*widened(self._scale()), *moving, *kernels)
        outputs, moments = ops.recomputed(computed)(inputs, *tensors)
        if self.trainable:
            self._update(moments)
        return outputs

    def folded_into(self, kernel, bias=None):
        """Returns `(kernel, bias)` of a convolution that normalizes too, out of training.

        The kernel is a dense one or a depthwise one.
        """
        scale, offset = ops.scale_and_offset(*self._scale(), *self._moving_moments(), self.epsilon)
        if bias is not None:
            offset = offset + keras.ops.cast(bias, scale.dtype) * scale
        scale = keras.ops.reshape(scale, (-1, kernel.shape[-1]))
        scaled = keras.ops.cast(kernel, scale.dtype) * scale
        return keras.ops.cast(scaled, kernel.dtype), keras.ops.cast(offset, kernel.dtype)

    def _normalize(self, inputs, relu):
        return ops.normalize(inputs, *self._scale(), *self._moving_moments(), self.epsilon, relu)

    def _is_plain(self, inputs):
        last = self.axis in (-1, len(inputs.shape) - 1)
        return last and self.scale and self.center and not (self.synchronized or self.renorm)

    def _scale(self):
        return self._float(self.gamma), self._float(self.beta)

    def _moving_moments(self):
        return self._float(self.moving_mean), self._float(self.moving_variance)

    def _float(self, weight):
        # Under mixed precision too: Keras would hand it out in 16 bits.
        return keras.ops.cast(weight, keras.backend.result_type(weight.dtype, "float32"))

    def _update(self, moments):
        news = (moments.mean, moments.variance)
        for moving, new in zip((self.moving_mean, self.moving_variance), news, strict=True):
            new = keras.ops.stop_gradient(new)[: moving.shape[0]]
            moving.assign(moving * self.momentum + new * (1.0 - self.momentum))

    def get_config(self):
        return {**super().get_config(), "activation": self.activation}

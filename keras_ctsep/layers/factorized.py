"""A separable convolution, read in one place: its factors, its norm, and what is saved of them."""

import keras

from keras_ctsep import ops
from keras_ctsep.layers.base import BaseConv3D

CONVOLUTIONS = {"depthwise": ops.depthwise_conv3d, "full": ops.conv3d}


class FactorizedConv3D(BaseConv3D):
    """First factors, batch norm and ReLU, then a factor over time, which is the last kernel.

    Sub-classes make `mid_norm`, whose batch norm and ReLU follow the first factors, unless it is
    None, and `temporal_kernel`; they name the other kernels in `first_kernels` and apply them in
    `first_factors`.
    """

    # Whether the backward pass computes the first factors again, or only norm and ReLU after them.
    rematerializes_first_factors = True
    # Kind of the temporal factor.
    temporal = "full"

    @property
    def last_kernel(self):
        return self.temporal_kernel

    def first_kernels(self):
        """Returns the kernels of the first factors, in order."""
        raise NotImplementedError

    def first_factors(self, inputs, *kernels, **end):
        """Applies the kernels before the norm, then `bias` and `relu` of `end`."""
        raise NotImplementedError

    def apply_first(self, inputs, training):
        kernels = self._first_kernel_tensors()
        if self.mid_norm is None:
            return self.first_factors(inputs, *kernels, training=training)
        kernels[-1], bias = self.mid_norm.fold_into(kernels[-1])
        return self.first_factors(inputs, *kernels, bias=bias, relu=True, training=training)

    def apply_last(self, inputs, kernel, window, **end):
        return CONVOLUTIONS[self.temporal](inputs, kernel, *ops.over_time(*window), **end)

    def convolve(self, inputs, last_kernel, bias, relu, training):
        if self.mid_norm is None:
            train, applies = self._without_norm, training and self.rematerializes_first_factors
        else:
            train, applies = self._normalized_by_batch, self.mid_norm.by_batch(training)
        if not applies:
            return super().convolve(inputs, last_kernel, bias, relu, training)
        outputs = train(inputs, last_kernel)
        outputs = outputs if bias is None else outputs + bias
        return keras.ops.relu(outputs) if relu else outputs

    def sizes_before_last(self, input_shape):
        window = (1, *self.kernel_size[1:]), *ops.over_space(*self.window)
        return ops.output_sizes(input_shape[1:4], *window)[1:]

    def _first_kernel_tensors(self):
        return [keras.ops.convert_to_tensor(kernel) for kernel in self.first_kernels()]

    def _without_norm(self, inputs, temporal_kernel):
        def forward(inputs, temporal_kernel, *kernels, saved=None):
            del saved
            outputs = self.first_factors(inputs, *kernels)
            return self.apply_last(outputs, temporal_kernel, self.window), ()

        kernels = self._first_kernel_tensors()
        outputs, _ = ops.rematerialized(forward)(inputs, temporal_kernel, *kernels)
        return outputs

    def _normalized_by_batch(self, inputs, temporal_kernel):
        kernels = self._first_kernel_tensors()
        gamma, beta = self.mid_norm.gamma_and_beta()
        kernels, gamma, beta, temporal_kernel = self.widened(
            inputs, kernels, gamma, beta, temporal_kernel
        )
        if not self.rematerializes_first_factors:
            inputs, kernels = self.first_factors(inputs, *kernels), []

        def forward(inputs, gamma, beta, temporal_kernel, *kernels, saved=None):
            if kernels:
                inputs = self.first_factors(inputs, *kernels)
            epsilon = self.mid_norm.epsilon
            inputs, moments = ops.batch_norm(inputs, gamma, beta, epsilon, True, saved)
            return self.apply_last(inputs, temporal_kernel, self.window), moments

        tensors = (gamma, beta, temporal_kernel, *kernels)
        outputs, moments = ops.rematerialized(forward)(inputs, *tensors)
        self.mid_norm.update_moving(moments.mean, moments.variance)
        return outputs

    def widened(self, inputs, kernels, gamma, beta, temporal_kernel):
        """Returns the last four, with more channels between the factors where that is faster."""
        del inputs
        return kernels, gamma, beta, temporal_kernel

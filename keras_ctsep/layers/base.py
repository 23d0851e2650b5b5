"""What the convolutions share: window arguments, bias, norm, activation, output shape."""

import keras

from keras_ctsep import ops
from keras_ctsep.layers.batch_normalization import (
    BATCH_NORM_EPSILON,
    BATCH_NORM_MOMENTUM,
    BatchNormalization,
)
from keras_ctsep.ops.arguments import refuse_strided_dilation, standardize_padding, triple


def require_channels_last():
    """Raises ValueError when Keras is set to another axis order than this package has."""
    if keras.config.image_data_format() != "channels_last":
        raise ValueError(
            "keras_ctsep works on (batch, frames, height, width, channels) only. Received: "
            f"keras.config.image_data_format()={keras.config.image_data_format()}"
        )


class BaseConv3D(keras.layers.Layer):
    """What every convolution of this package has, whatever its kernels.

    Sub-classes make their kernels in `build`, which also calls `build_end`, name the last one in
    `last_kernel`, and apply them in `convolve`.

    Args:
        kernel_size: int or `(frames, height, width)`.
        strides: int or `(frames, height, width)`.
        padding: `"valid"`, `"same"`, `"causal"` (over time as in Keras's `Conv1D`, over space
            `"same"`), or a tuple of a value for each axis: an int, the zeros on both sides,
            `"same"`, or for the frames `"causal"`.
        dilation_rate: int or `(frames, height, width)`; not together with strides above 1.
        activation: function or name of it, applied at the end.
        use_bias: whether to add a bias at the end.
        use_norm: whether batch norm comes before the activation. At inference it is folded into
            the last kernel.
        norm_momentum: momentum of the moving mean and variance of all norms in the layer.
        norm_epsilon: float that all norms in the layer add to the variance.
        bias_initializer: initializer of the bias.
        bias_regularizer: regularizer of the bias.
        bias_constraint: constraint of the bias.
        kernel_regularizer: regularizer of each kernel.
        kernel_constraint: constraint of each kernel.
        **kwargs: `name`, `dtype` and the other arguments of every Keras layer.

    Raises:
        ValueError: for a window, stride, padding or dilation out of range.
    """

    def __init__(
        self,
        kernel_size,
        strides=1,
        padding="valid",
        dilation_rate=1,
        activation=None,
        use_bias=True,
        use_norm=False,
        norm_momentum=BATCH_NORM_MOMENTUM,
        norm_epsilon=BATCH_NORM_EPSILON,
        bias_initializer="zeros",
        bias_regularizer=None,
        bias_constraint=None,
        kernel_regularizer=None,
        kernel_constraint=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        require_channels_last()
        self.kernel_size = triple(kernel_size, "kernel_size")
        self.strides = triple(strides, "strides")
        self.padding = standardize_padding(padding)
        self.dilation_rate = triple(dilation_rate, "dilation_rate")
        refuse_strided_dilation(self.strides, self.dilation_rate)
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.use_norm = use_norm
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.bias_constraint = keras.constraints.get(bias_constraint)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.input_spec = keras.layers.InputSpec(ndim=5)
        self.bias = None
        self._norm_settings = {"momentum": norm_momentum, "epsilon": norm_epsilon}
        self.norm = self.mid_norm = None
        if use_norm:
            self.norm = self.make_norm("norm", "relu" if self._ends_in_relu() else None)

    def _ends_in_relu(self):
        return self.activation is keras.activations.relu

    def make_norm(self, name, activation):
        """Returns a norm with the momentum, epsilon and dtype of this layer."""
        return BatchNormalization(
            activation, name=name, dtype=self.dtype_policy, **self._norm_settings
        )

    @property
    def norm_momentum(self):
        """The momentum of the norm, also where it was changed after the layer was made."""
        return self._norm_setting("momentum")

    @property
    def norm_epsilon(self):
        """The epsilon of the norm, also where it was changed after the layer was made."""
        return self._norm_setting("epsilon")

    def _norm_setting(self, name):
        norm = self.norm if self.use_norm else self.mid_norm
        return getattr(norm, name, self._norm_settings[name])

    def add_kernel(self, name, shape, initializer):
        """Returns a new weight with the regularizer and constraint of all kernels."""
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )

    def build_end(self, filters):
        """Makes the bias and builds the norm of the outputs, where they are asked for."""
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(filters,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        if self.use_norm:
            self.norm.build((*[None] * 4, filters))

    def check_channels(self, input_shape):
        """Returns the number of input channels and fixes it from here on.

        Raises:
            ValueError: if it is unknown.
        """
        channels = input_shape[-1]
        if channels is None:
            raise ValueError(
                f"The channel axis must have a known size. Received: input_shape={input_shape}"
            )
        self.input_spec = keras.layers.InputSpec(ndim=5, axes={-1: channels})
        return channels

    @property
    def last_kernel(self):
        """The kernel that the norm is folded into at inference."""
        raise NotImplementedError

    @property
    def window(self):
        """Strides, padding and dilation, as the operations take them."""
        return self.strides, self.padding, self.dilation_rate

    def convolve(self, inputs, last_kernel, bias, relu, training):
        """Applies all kernels, the last one as it is handed in, then bias and ReLU.

        Args:
            inputs: tensor `(batch, frames, height, width, channels)`.
            last_kernel: tensor of the shape of `last_kernel`.
            bias: None or `(filters,)`.
            relu: whether ReLU follows.
            training: whether norms between the kernels normalize by the batch.
        """
        raise NotImplementedError

    def call(self, inputs, training=None):
        kernel = keras.ops.convert_to_tensor(self.last_kernel)
        bias, relu = self.bias, self._ends_in_relu()
        normalizes = self.use_norm and self.norm.by_batch(training)
        if self.use_norm and not normalizes:
            # A pass of its own over all outputs would take longer than many a convolution.
            kernel, bias = self.norm.fold_into(kernel, bias)
        outputs = self.convolve(inputs, kernel, bias, relu and not normalizes, bool(training))
        if normalizes:
            outputs = self.norm(outputs, training=True)
        return outputs if relu else self.activation(outputs)

    def output_shape_with(self, input_shape, filters):
        """Returns the output shape for an input shape; unknown sizes stay None."""
        places = ops.output_sizes(input_shape[1:4], self.kernel_size, *self.window)
        return (input_shape[0], *places, filters)

    def get_config(self):
        return {
            **super().get_config(),
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "dilation_rate": self.dilation_rate,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "use_norm": self.use_norm,
            "norm_momentum": self.norm_momentum,
            "norm_epsilon": self.norm_epsilon,
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "bias_regularizer": keras.regularizers.serialize(self.bias_regularizer),
            "bias_constraint": keras.constraints.serialize(self.bias_constraint),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "kernel_constraint": keras.constraints.serialize(self.kernel_constraint),
        }

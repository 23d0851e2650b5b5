"""What the three convolutions share: window arguments, bias, activation, output shape."""

import keras

from keras_ctsep import ops
from keras_ctsep.layers.batch_normalization import BatchNormalization


def require_channels_last():
    """Raises ValueError when Keras is set to another axis order than this package has."""
    if keras.config.image_data_format() != "channels_last":
        raise ValueError(
            "keras_ctsep works on (batch, frames, height, width, channels) only. Received: "
            f"keras.config.image_data_format()={keras.config.image_data_format()}"
        )


class BaseConv3D(keras.layers.Layer):
    """A convolution whose sub-classes hold the kernels and say how they are applied.

    Sub-classes implement `build(input_shape)`, which calls `add_end(filters)`, and
    `convolve(inputs, last_kernel, training, bias, relu)`, which ends with that kernel, bias and
    ReLU (there are none of these two in training). They name in `KERNELS`, in order, the prefixes
    of their `<prefix>_kernel`, `<prefix>_initializer`, `<prefix>_regularizer` and
    `<prefix>_constraint`.
    """

    KERNELS = ()

    def __init__(
        self,
        kernel_size,
        strides,
        padding,
        dilation_rate,
        activation,
        use_bias,
        use_norm,
        norm_momentum,
        norm_epsilon,
        options,
        **kwargs,
    ):
        super().__init__(**kwargs)
        require_channels_last()
        self.kernel_size = ops.triple(kernel_size, "kernel_size")
        self.strides = ops.triple(strides, "strides")
        self.padding = ops.standardize_padding(padding)
        self.dilation_rate = ops.triple(dilation_rate, "dilation_rate")
        ops.refuse_strided_dilation(self.strides, self.dilation_rate)
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.use_norm = use_norm
        for prefix in (*self.KERNELS, "bias"):
            for kind in ("initializer", "regularizer", "constraint"):
                name = f"{prefix}_{kind}"
                setattr(self, name, getattr(keras, f"{kind}s").get(options[name]))
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

    def add_kernel(self, prefix, shape):
        """Returns a new weight `<prefix>_kernel` with the options of that prefix."""
        options = self._options_of(prefix)
        return self.add_weight(name=_kernel_name(prefix), shape=shape, **options)

    def add_end(self, filters):
        """Makes the bias and builds the norm of the outputs, where they are asked for."""
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=(filters,), **self._options_of("bias"))
        if self.use_norm:
            self.norm.build((*[None] * 4, filters))

    def _options_of(self, prefix):
        return {
            kind: getattr(self, f"{prefix}_{kind}")
            for kind in ("initializer", "regularizer", "constraint")
        }

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

    def call(self, inputs, training=None):
        kernel = keras.ops.convert_to_tensor(getattr(self, _kernel_name(self.KERNELS[-1])))
        relu = self._ends_in_relu()
        if training:
            outputs = self.convolve(inputs, kernel, training, None, False)
            outputs = outputs if self.bias is None else outputs + self.bias
            if not self.use_norm:
                return self.activation(outputs)
            outputs = self.norm(outputs, training=True)
        else:
            bias = self.bias
            if self.use_norm:
                # A pass of its own over all outputs would take longer than many a convolution.
                kernel, bias = self.norm.folded_into(kernel, bias)
            outputs = self.convolve(inputs, kernel, training, bias, relu)
        return outputs if relu else self.activation(outputs)

    def output_shape_with(self, input_shape, filters):
        """Returns the output shape for an input shape; unknown sizes stay None."""
        places = ops.output_sizes(
            input_shape[1:4], self.kernel_size, self.strides, self.padding, self.dilation_rate
        )
        return (input_shape[0], *places, filters)

    def get_config(self):
        config = super().get_config()
        config.update(
            kernel_size=self.kernel_size,
            strides=self.strides,
            padding=self.padding,
            dilation_rate=self.dilation_rate,
            activation=keras.activations.serialize(self.activation),
            use_bias=self.use_bias,
            use_norm=self.use_norm,
            norm_momentum=self.norm_momentum,
            norm_epsilon=self.norm_epsilon,
        )
        for prefix in (*self.KERNELS, "bias"):
            for kind in ("initializer", "regularizer", "constraint"):
                name = f"{prefix}_{kind}"
                config[name] = getattr(keras, f"{kind}s").serialize(getattr(self, name))
        return config


def _kernel_name(prefix):
    # A layer of one kernel calls it as Keras does.
    return "kernel" if prefix == "kernel" else f"{prefix}_kernel"

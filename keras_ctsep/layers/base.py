"""What the convolutions share: window arguments, bias, norm, activation, output shape."""

import keras

from keras_ctsep import ops
from keras_ctsep.layers.batch_normalization import (
    BATCH_NORM_EPSILON,
    BATCH_NORM_MOMENTUM,
    BatchNormalization,
)
from keras_ctsep.ops.arguments import refuse_strided_dilation, standardize_padding, triple
from keras_ctsep.ops.shapes import padding_of_axes


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
    `last_kernel`, apply it in `apply_last` and those before it in `apply_first`.

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

    def apply_first(self, inputs, training):
        """Applies the kernels before the last one, where there are any, and what follows them."""
        del training
        return inputs

    def apply_last(self, inputs, kernel, window, **end):
        """Applies the last kernel with these strides, padding and dilation, then that `end`.

        Args:
            inputs: tensor, what `apply_first` returned.
            kernel: tensor of the shape of `last_kernel`.
            window: as the property.
            **end: `bias`, `relu` and `training`.
        """
        raise NotImplementedError

    def convolve(self, inputs, last_kernel, bias, relu, training):
        """Applies all kernels, the last one as it is handed in, then bias and ReLU.

        Args:
            inputs: tensor `(batch, frames, height, width, channels)`.
            last_kernel: tensor of the shape of `last_kernel`.
            bias: None or `(filters,)`.
            relu: whether ReLU follows.
            training: whether norms between the kernels normalize by the batch.
        """
        end = {"bias": bias, "relu": relu, "training": training}
        return self.apply_last(self.apply_first(inputs, training), last_kernel, self.window, **end)

    def call(self, inputs, training=None):
        relu = self._ends_in_relu()
        normalizes = self.use_norm and self.norm.by_batch(training)
        kernel, bias = self._last_kernel_and_bias(with_norm=not normalizes)
        outputs = self.convolve(inputs, kernel, bias, relu and not normalizes, bool(training))
        if normalizes:
            outputs = self.norm(outputs, training=True)
        return outputs if relu else self.activation(outputs)

    def _last_kernel_and_bias(self, with_norm):
        kernel = keras.ops.convert_to_tensor(self.last_kernel)
        if self.use_norm and with_norm:
            # A pass of its own over all outputs would take longer than many a convolution.
            return self.norm.fold_into(kernel, self.bias)
        return kernel, self.bias

    @property
    def looks_back_only(self):
        """Whether no output depends on frames after its own."""
        padding = padding_of_axes(self.padding)[0]
        return padding == "causal" or (self.kernel_size[0] == 1 and padding in (0, "same"))

    @property
    def num_remembered(self):
        """The number of frames before the present one that an output depends on."""
        return self.dilation_rate[0] * (self.kernel_size[0] - 1)

    def sizes_before_last(self, input_shape):
        """Returns height and width of what the last kernel is applied to."""
        return input_shape[2:4]

    def state_shape(self, input_shape):
        """Returns `(frames, height * width, channels)` of what a streaming step remembers."""
        height, width = self.sizes_before_last(input_shape)
        return self.num_remembered, height * width, self.last_kernel.shape[-2]

    def streaming_step(self, inputs, state):
        """Convolves the next frames of a video, as at inference.

        Args:
            inputs: tensor `(batch, frames, height, width, channels)`, a multiple of the stride.
            state: tensor `(batch, *state_shape)`, the last frames before these as the last kernel
                saw them: what this function returned before, and zeros for the first frames.

        Returns:
            A tuple `(outputs, new_state)`.
        """
        kernel, bias = self._last_kernel_and_bias(with_norm=True)
        seen = self.apply_first(inputs, training=False)
        before = keras.ops.reshape(state, (-1, self.num_remembered, *seen.shape[2:]))
        seen = keras.ops.concatenate([before, seen], axis=1)
        # Instead of zeros, the frames before stand in front.
        window = self.strides, (0, *padding_of_axes(self.padding)[1:]), self.dilation_rate
        end = {"bias": bias, "relu": self._ends_in_relu(), "training": False}
        outputs = self.apply_last(seen, kernel, window, **end)
        new_state = keras.ops.reshape(
            seen[:, -self.num_remembered :], (-1, *self.state_shape(inputs.shape))
        )
        return outputs if end["relu"] else self.activation(outputs), new_state

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

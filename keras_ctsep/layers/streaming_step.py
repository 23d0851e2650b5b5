"""A convolution that takes a video as it comes."""

import keras

from keras_ctsep import ops


@keras.saving.register_keras_serializable(package="keras_ctsep")
class StreamingStep(keras.layers.Wrapper):
    """A causal layer that takes a few frames at a time and what it remembers of those before.

    Over a whole video its outputs are those of the layer on the whole video. The layer offers
    `streaming_step`, `state_shape`, `looks_back_only`, `num_remembered` and `strides`, as the
    convolutions of this package do, and `CausalMeans`.

    Args:
        layer: a layer that looks back only, and remembers frames.
        **kwargs: `name`, `dtype` and the other arguments of every Keras layer.

    Call arguments:
        inputs: `(batch, frames, height, width, channels)`, as many frames as you like that are a
            multiple of the layer's stride over time.
        state: `(batch, *state_shape)`, zeros before the first frame, then the one returned.

    Returns:
        A tuple `(outputs, new_state)`.

    Raises:
        ValueError: for a layer that looks ahead, or at one frame at a time and so needs no step,
            and for frames that its stride does not divide. In a graph of TensorFlow that is made
            for any number of frames the latter is its InvalidArgumentError.

    Example:
    >>> import keras
    >>> from keras_ctsep.layers import DepthwiseConv3D
    >>> step = StreamingStep(DepthwiseConv3D((3, 1, 1), padding="causal"))
    >>> outputs, state = step(keras.Input((4, 8, 8, 2)), keras.Input((2, 64, 2)))
    >>> outputs.shape, state.shape
    ((None, 4, 8, 8, 2), (None, 2, 64, 2))
    """

    def __init__(self, layer, **kwargs):
        super().__init__(layer, **kwargs)
        if not layer.looks_back_only or not layer.num_remembered:
            raise ValueError(
                f'{layer.name}: Expected padding="causal" and two frames or more in the window. '
                f"Received: kernel_size={layer.kernel_size}, padding={layer.padding}"
            )

    def build(self, inputs_shape, state_shape):
        del state_shape
        if not self.layer.built:
            self.layer.build(inputs_shape)

    def call(self, inputs, state):
        num_frames, stride = inputs.shape[1], self.layer.strides[0]
        expected = f"{self.layer.name}: Expected a multiple of {stride} frames at a time."
        if num_frames is None:
            ops.require_multiple(inputs, 1, stride, expected)
        elif num_frames % stride:
            raise ValueError(f"{expected} Received: {num_frames}")
        return self.layer.streaming_step(inputs, state)

    def compute_output_shape(self, inputs_shape, state_shape):
        return self.layer.compute_output_shape(inputs_shape), state_shape

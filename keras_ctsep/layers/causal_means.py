"""Means over space, of each frame and of the frames so far."""

import keras
from keras import ops

from keras_ctsep.layers.running_mean import counting_dtype


@keras.saving.register_keras_serializable(package="keras_ctsep")
class CausalMeans(keras.layers.Layer):
    """Means over height and width: of all frames so far, and of each frame alone.

    It looks back only, as a convolution with causal padding does, and runs on a video as it comes
    in the same way, see `StreamingStep`.

    Args:
        dtype: as of every Keras layer, but never of 16 bits.
        **kwargs: `name` and the other arguments of every Keras layer.

    Input shape:
        `(batch, frames, height, width, channels)`.

    Output shape:
        `(batch, frames, 1, 1, 2 * channels)`: the means of all frames so far, this one among them,
        then those of this one.

    Example:
    >>> from keras import ops
    >>> means = CausalMeans()(ops.reshape(ops.array([1.0, 3.0, 8.0]), (1, 3, 1, 1, 1)))
    >>> ops.convert_to_numpy(means)[0, :, 0, 0].tolist()
    [[1.0, 1.0], [2.0, 3.0], [4.0, 8.0]]

    Reference:
        Kondratyuk et al. 2021, "MoViNets: Mobile Video Networks for Efficient Video Recognition",
        arXiv 2103.11511, section 3.2, "Causal SE".
    """

    looks_back_only = True
    num_remembered = 1  # the sum over all frames before
    strides = (1, 1, 1)

    def __init__(self, dtype=None, **kwargs):
        super().__init__(dtype=counting_dtype(dtype), **kwargs)

    def build(self, input_shape):
        del input_shape  # has no weights

    def call(self, inputs):
        return self.streaming_step(inputs)[0]

    def state_shape(self, input_shape):
        """Returns the shape of what a streaming step remembers: a count and a sum per channel."""
        return 1, 1 + input_shape[-1]

    def streaming_step(self, inputs, state=None):
        """Takes the next frames of a video.

        Args:
            inputs: tensor `(batch, frames, height, width, channels)`.
            state: tensor `(batch, *state_shape)`: what this function returned before, and zeros, or
                None, for the first frames.

        Returns:
            A tuple `(outputs, new_state)`.
        """
        means = ops.mean(inputs, axis=(2, 3))
        sums = ops.cumsum(ops.concatenate([ops.ones_like(means[..., :1]), means], axis=-1), axis=1)
        if state is not None:
            sums = sums + state
        outputs = ops.concatenate([sums[..., 1:] / sums[..., :1], means], axis=-1)
        return outputs[:, :, None, None], sums[:, -1:]

    def compute_output_shape(self, input_shape):
        return (*input_shape[:2], 1, 1, 2 * input_shape[-1])

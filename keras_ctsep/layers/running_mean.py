"""The mean over space and over the frames so far."""

import keras
from keras import ops


def counting_dtype(dtype=None):
    """Returns the type for a layer that counts: 16 bits would count no further than 256.

    Example:
    >>> counting_dtype("mixed_bfloat16"), counting_dtype("float64")
    ('float32', 'float64')
    """
    policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
    return "float64" if policy.compute_dtype == "float64" else "float32"


@keras.saving.register_keras_serializable(package="keras_ctsep")
class RunningMean(keras.layers.Layer):
    """Mean over height, width and the frames so far: `GlobalAveragePooling3D` that looks back only.

    Args:
        num_frames: None for the mean over all frames so far, or how many of the latest ones.
        dtype: as of every Keras layer, but never of 16 bits.
        **kwargs: `name` and the other arguments of every Keras layer.

    Call arguments:
        inputs: `(batch, frames, height, width, channels)`, the next frames.
        state: `(batch, *state_shape)`, zeros before the first frame, then the one returned.

    Returns:
        A tuple `(means, new_state)`, the means `(batch, channels)`.

    Raises:
        ValueError: for a number of frames below 1.

    Example:
    >>> from keras import ops
    >>> mean = RunningMean()
    >>> state = ops.zeros((1, *mean.state_shape((1, 2, 1, 1, 1))))
    >>> for frames in ([1.0, 2.0], [6.0, 7.0]):
    ...     means, state = mean(ops.reshape(ops.array(frames), (1, 2, 1, 1, 1)), state)
    >>> float(means[0, 0])
    4.0
    """

    def __init__(self, num_frames=None, dtype=None, **kwargs):
        super().__init__(dtype=counting_dtype(dtype), **kwargs)
        if num_frames is not None and num_frames < 1:
            raise ValueError(f"`num_frames` must be above 0. Received: num_frames={num_frames}")
        self.num_frames = num_frames

    def state_shape(self, input_shape):
        """Returns the shape of the state: rows of a count and the sum of each channel."""
        return self.num_frames or 1, 1 + input_shape[-1]

    def build(self, inputs_shape, state_shape):
        del inputs_shape, state_shape  # has no weights

    def call(self, inputs, state):
        means = ops.mean(inputs, axis=(2, 3))
        rows = ops.concatenate([ops.ones_like(means[..., :1]), means], axis=-1)
        rows = ops.concatenate([state, rows], axis=1)
        if self.num_frames:
            rows = rows[:, -self.num_frames :]
        total = ops.sum(rows, axis=1, keepdims=True)
        return total[:, 0, 1:] / total[:, 0, :1], rows if self.num_frames else total

    def compute_output_shape(self, inputs_shape, state_shape):
        return (inputs_shape[0], inputs_shape[-1]), state_shape

    def get_config(self):
        return {**super().get_config(), "num_frames": self.num_frames}

"""Weights of TensorFlow's checkpoints into models: names decide, and kernels get all their axes."""

import numpy as np

from keras_ctsep.weights.assign import assign_state
from keras_ctsep.weights.names_movinet_tensorflow import kinds_of_names


def load_tensorflow_state(model, state, source):
    """Fills a model with the weights of the same network in tensorflow/models.

    Args:
        model: one of the MoViNets.
        state: dictionary from names to NumPy arrays, as `read_tensorflow_checkpoint` returns it.
        source: what to name in messages, such as the path.

    Raises:
        ValueError: when names or shapes of `state` and of the model differ.
    """
    kinds, expected = kinds_of_names(model), "a MoViNet of tensorflow/models"
    assign_state(model, state, kinds, _as_here, expected, source)


def _as_here(array, variable):
    if variable is None or array.ndim < 4:
        return array
    is_depthwise = variable.name == "depthwise_kernel"
    if is_depthwise and array.ndim == 5:
        # In as many groups as channels, each reads one: (frames, height, width, 1, channels).
        array = array.swapaxes(3, 4)
    if array.ndim == 4:
        # A 2-D convolution there: over time where the kernel here is flat in space.
        array = np.expand_dims(array, 2 if tuple(variable.shape[1:3]) == (1, 1) else 0)
    return array

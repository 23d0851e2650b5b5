"""Weights of TensorFlow's checkpoints into models: names decide, and kernels get all their axes."""

import numpy as np

from keras_ctsep.weights.assign import assign_all, variables_by_name
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
    names = next((names for names in kinds_of_names(model) if names.sign in state), None)
    if names is None:
        raise ValueError(
            f"{source}: Expected the names of a MoViNet of tensorflow/models. "
            f"Received: {sorted(state)[:3]}"
        )
    variables = variables_by_name(model, names, source)
    arrays = {name: _as_here(array, variables.get(name)) for name, array in state.items()}
    assign_all(variables, arrays, names.head, names.top, model, source)


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
    if len(variable.shape) == 2:
        # A classifier that is a convolution over one place there.
        array = array.reshape(array.shape[-2:])
    return array

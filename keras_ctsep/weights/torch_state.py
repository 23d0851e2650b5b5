"""State dicts of PyTorch networks into models: names decide, and kernels are turned around."""

import numpy as np

from keras_ctsep.weights import (
    names_mmaction2,
    names_movinet,
    names_pytorchvideo,
    names_torchvision,
    names_torchvision_s3d,
)
from keras_ctsep.weights.assign import assign_state

_KINDS = (
    names_torchvision.NAMES,
    names_torchvision_s3d.NAMES,
    names_pytorchvideo.X3D,
    names_pytorchvideo.CSN,
    names_mmaction2.IPCSN,
    names_mmaction2.IRCSN,
    names_movinet.BASE,
    names_movinet.STREAM,
)
HEADS = tuple(names.head for names in _KINDS)


def load_torch_state(model, state, source):
    """Fills a model with a state dict of the same network in PyTorch, in one of the packages above.

    Kernels come outputs first, `(out, in, frames, height, width)`, and are turned around. Counters
    of batches, which Keras does not have, are left out.

    Args:
        model: an `R3D18` or another network that those packages have.
        state: dictionary from PyTorch's names to NumPy arrays.
        source: what to name in messages, such as the path.

    Raises:
        ValueError: when names or shapes of `state` and of the model differ.
    """
    state = {
        name: array
        for name, array in state.items()
        if not str(name).endswith(".num_batches_tracked")
    }
    expected = "a network of torchvision, PyTorchVideo, MMAction2 or MoViNet-pytorch"
    assign_state(model, state, _KINDS, _as_here, expected, source)


def _as_here(array, variable):
    if array.ndim == 4 and variable is not None:
        # A 2-D convolution there: over time where the kernel here is flat in space.
        array = np.expand_dims(array, 4 if tuple(variable.shape[1:3]) == (1, 1) else 2)
    if array.ndim == 5:
        # A depthwise kernel reads one channel an output there, and has one output a channel here.
        is_depthwise = variable is not None and variable.name == "depthwise_kernel"
        array = array.transpose(2, 3, 4, *((0, 1) if is_depthwise else (1, 0)))
    else:
        array = array.T
    return np.asarray(array, order="C")

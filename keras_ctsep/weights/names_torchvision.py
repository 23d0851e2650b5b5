"""torchvision's names for the weights of R3D, MC3 and R(2+1)D."""

import re

from keras_ctsep.weights.assign import assign_all

HEAD = ("fc.weight", "fc.bias")

# Names of one layer's weights here and in PyTorch, where the norm of a convolution's outputs is a
# module of its own, and a (2+1)D convolution a sequence of four modules.
_OF_NORM = {
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
_OF_LAYER = {"kernel": "weight", "bias": "bias"}
_OF_2PLUS1D = {
    "spatial_kernel": "0.weight",
    **{name: f"1.{torch_name}" for name, torch_name in _OF_NORM.items()},
    "temporal_kernel": "3.weight",
}


def load_torch_state(model, state, source):
    """Fills a model with a state dict of torchvision's network of the same name.

    Kernels come outputs first, `(out, in, frames, height, width)`, and are turned around. Counters
    of batches, which Keras does not have, are left out.

    Args:
        model: an `R3D18` or another network with torchvision's layers.
        state: dictionary from PyTorch's names to NumPy arrays.
        source: what to name in messages, such as the path.

    Raises:
        ValueError: when names or shapes of `state` and of the model differ.
    """
    variables = _variables_by_torch_name(model, source)
    arrays = {
        name: _inputs_first(array)
        for name, array in state.items()
        if not str(name).endswith(".num_batches_tracked")
    }
    assign_all(variables, arrays, HEAD, model, source)


def _inputs_first(array):
    return array.transpose(2, 3, 4, 1, 0) if array.ndim == 5 else array.T


def _variables_by_torch_name(model, source):
    stem_is_2plus1d = any(
        layer.name == "stem_conv" and _is_2plus1d(layer) for layer in model.layers
    )
    variables = {}
    for layer in model.layers:
        conv, norm = _modules(layer.name, stem_is_2plus1d)
        names = _OF_2PLUS1D if _is_2plus1d(layer) else _OF_LAYER
        for variable in layer.weights:
            of_norm = "/norm/" in variable.path
            module, known = (norm, _OF_NORM) if of_norm else (conv, names)
            if variable.name not in known or module is None:
                raise ValueError(
                    f"{source}: {model.name} has no counterpart in torchvision; only R3D, MC3 and "
                    f"R(2+1)D networks take a PyTorch checkpoint. Received: {variable.path}"
                )
            variables[f"{module}.{known[variable.name]}"] = variable
    return variables


def _is_2plus1d(layer):
    return hasattr(layer, "spatial_kernel") and hasattr(layer, "temporal_kernel")


def _modules(name, stem_is_2plus1d):
    """Returns torchvision's modules for a layer and for the norm of its outputs, or None."""
    if name == "classifier":
        return "fc", None
    if name == "stem_conv":
        return ("stem", "stem.4") if stem_is_2plus1d else ("stem.0", "stem.1")
    place = re.fullmatch(r"stage(\d+)_block(\d+)_(shortcut_conv|conv\d)", name)
    if place is None:
        return None, None
    stage, block, conv = place.groups()
    module = f"layer{stage}.{int(block) - 1}.{'downsample' if conv == 'shortcut_conv' else conv}"
    return f"{module}.0", f"{module}.1"

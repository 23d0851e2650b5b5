"""torchvision's names for the weights of R3D, MC3 and R(2+1)D."""

import re

HEAD = ("fc.weight", "fc.bias")
NETWORKS = "torchvision's R3D, MC3 and R(2+1)D"


def torch_names(layer, places):
    """Returns a dictionary from the places of a layer's weights to torchvision's names.

    The norm of a convolution's outputs is a module of its own there, and a (2+1)D convolution a
    sequence of four modules.

    Args:
        layer: name of the layer.
        places: set of the places of its weights, such as `"norm/gamma"`.
    """
    is_2plus1d = "spatial_kernel" in places
    conv, norm = _modules(layer, is_2plus1d)
    if conv is None:
        return {}
    if not is_2plus1d:
        return {"kernel": f"{conv}.weight", "bias": f"{conv}.bias", **of_norm("norm", norm)}
    return {
        "spatial_kernel": f"{conv}.0.weight",
        **of_norm("mid_norm", f"{conv}.1"),
        "temporal_kernel": f"{conv}.3.weight",
        **of_norm("norm", norm),
    }


def of_norm(place, module):
    """Returns the names of a batch norm in PyTorch by the places of its weights here."""
    return {
        f"{place}/gamma": f"{module}.weight",
        f"{place}/beta": f"{module}.bias",
        f"{place}/moving_mean": f"{module}.running_mean",
        f"{place}/moving_variance": f"{module}.running_var",
    }


def _modules(name, is_2plus1d):
    """Returns torchvision's modules for a layer and for the norm of its outputs, or None."""
    if name == "classifier":
        return "fc", None
    if name == "stem_conv":
        return ("stem", "stem.4") if is_2plus1d else ("stem.0", "stem.1")
    place = re.fullmatch(r"stage(\d+)_block(\d+)_(shortcut_conv|conv\d)", name)
    if place is None:
        return None, None
    stage, block, conv = place.groups()
    module = f"layer{stage}.{int(block) - 1}.{'downsample' if conv == 'shortcut_conv' else conv}"
    return f"{module}.0", f"{module}.1"

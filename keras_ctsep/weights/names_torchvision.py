"""torchvision's names for the weights of R3D, MC3 and R(2+1)D."""

import re

from keras_ctsep.weights.saved_names import SavedNames, of_torch_convolution, of_torch_norm


def _of_layer(layer, places):
    # The norm of a convolution's outputs is a module of its own there, and a (2+1)D convolution a
    # sequence of four modules.
    is_2plus1d = "spatial_kernel" in places
    conv, norm = _modules(layer, is_2plus1d)
    if conv is None:
        return {}
    if not is_2plus1d:
        return of_torch_convolution(conv) | of_torch_norm("norm", norm)
    return {
        "spatial_kernel": f"{conv}.0.weight",
        **of_torch_norm("mid_norm", f"{conv}.1"),
        "temporal_kernel": f"{conv}.3.weight",
        **of_torch_norm("norm", norm),
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


NAMES = SavedNames(
    sign="stem.0.weight",
    head=("fc.weight", "fc.bias"),
    top="fc.",
    networks="torchvision's R3D, MC3 and R(2+1)D",
    of_layer=_of_layer,
)

"""PyTorchVideo's names for the weights of X3D and CSN."""

import re

from keras_ctsep.weights.names_torchvision import of_norm

HEAD = ("blocks.5.proj.weight", "blocks.5.proj.bias")
NETWORKS = "PyTorchVideo's X3D and CSN"
_OUTSIDE_BLOCKS = {
    # Of X3D, whose names of the two are swapped, and then of CSN.
    "stem_spatial_conv": ("blocks.0.conv.conv_t", None),
    "stem_temporal_conv": ("blocks.0.conv.conv_xy", "blocks.0.norm"),
    "stem_conv": ("blocks.0.conv", "blocks.0.norm"),
    "head_conv1": ("blocks.5.pool.pre_conv", "blocks.5.pool.pre_norm"),
    "head_conv2": ("blocks.5.pool.post_conv", None),
    "classifier": ("blocks.5.proj", None),
}
_CONVS = {"conv1": "conv_a", "conv2": "conv_b", "conv3": "conv_c"}
# After the norm of conv_b, which is then the first of two modules.
_EXCITE = {"squeeze": "norm_b.1.block.0", "excite": "norm_b.1.block.2"}


def torch_names(layer, places):
    """Returns a dictionary from the places of a layer's weights to PyTorchVideo's names.

    Args:
        layer: name of the layer.
        places: set of the places of its weights, such as `"norm/gamma"`.
    """
    conv, norm = _OUTSIDE_BLOCKS.get(layer) or _of_block(layer)
    if conv is None:
        return {}
    kernel = "depthwise_kernel" if "depthwise_kernel" in places else "kernel"
    return {kernel: f"{conv}.weight", "bias": f"{conv}.bias", **of_norm("norm", norm)}


def _of_block(layer):
    """Returns PyTorchVideo's modules for a layer of a block and for its norm, or None."""
    place = re.fullmatch(r"stage(\d+)_block(\d+)_(\w+)", layer)
    if place is None:
        return None, None
    stage, block, part = place.groups()
    module = f"blocks.{stage}.res_blocks.{int(block) - 1}"
    if part == "shortcut_conv":
        return f"{module}.branch1_conv", f"{module}.branch1_norm"
    if part in _EXCITE:
        return f"{module}.branch2.{_EXCITE[part]}", None
    if part not in _CONVS:
        return None, None
    conv = _CONVS[part]
    return f"{module}.branch2.{conv}", f"{module}.branch2.{conv.replace('conv', 'norm')}"

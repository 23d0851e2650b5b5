"""PyTorchVideo's names for the weights of X3D and CSN."""

import functools
import re

from keras_ctsep.weights.saved_names import SavedNames, of_torch_convolution, of_torch_norm

_HEAD = ("blocks.5.proj.weight", "blocks.5.proj.bias")
# Modules of a layer and of its norm.
_OUTSIDE_BLOCKS = {
    # Of X3D, whose names of the two are swapped, and then of CSN.
    "stem_spatial_conv": ("blocks.0.conv.conv_t", None),
    "stem_temporal_conv": ("blocks.0.conv.conv_xy", "blocks.0.norm"),
    "stem_conv": ("blocks.0.conv", "blocks.0.norm"),
    "head_conv1": ("blocks.5.pool.pre_conv", "blocks.5.pool.pre_norm"),
    "head_conv2": ("blocks.5.pool.post_conv", None),
    "classifier": ("blocks.5.proj", None),
}
_IN_BLOCKS = {
    "shortcut_conv": ("branch1_conv", "branch1_norm"),
    "conv1": ("branch2.conv_a", "branch2.norm_a"),
    "conv2": ("branch2.conv_b", "branch2.norm_b"),
    "conv3": ("branch2.conv_c", "branch2.norm_c"),
    "squeeze": ("branch2.norm_b.1.block.0", None),
    "excite": ("branch2.norm_b.1.block.2", None),
}


def _of_layer(layer, places, in_blocks):
    conv, norm = _OUTSIDE_BLOCKS.get(layer, (None, None))
    place = re.fullmatch(r"stage(\d+)_block(\d+)_(\w+)", layer)
    if place and place[3] in in_blocks:
        prefix = f"blocks.{place[1]}.res_blocks.{int(place[2]) - 1}"
        conv, norm = (f"{prefix}.{module}" for module in in_blocks[place[3]])
    if conv is None:
        return {}
    return of_torch_convolution(conv) | of_torch_norm("norm", norm)


CSN = SavedNames(
    sign="blocks.0.conv.weight",
    head=_HEAD,
    top="blocks.5.",
    networks="PyTorchVideo's CSN",
    of_layer=functools.partial(_of_layer, in_blocks=_IN_BLOCKS),
)
# There the norm of the middle convolution and what follows it are one module.
_X3D_BLOCKS = _IN_BLOCKS | {"conv2": ("branch2.conv_b", "branch2.norm_b.0")}
X3D = SavedNames(
    sign="blocks.0.conv.conv_t.weight",
    head=_HEAD,
    top="blocks.5.",
    networks="PyTorchVideo's X3D",
    of_layer=functools.partial(_of_layer, in_blocks=_X3D_BLOCKS),
)

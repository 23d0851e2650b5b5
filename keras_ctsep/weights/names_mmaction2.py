"""MMAction2's names for the weights of CSN."""

import functools
import re

from keras_ctsep.weights.saved_names import SavedNames, of_torch_convolution, of_torch_norm

_HEAD = ("cls_head.fc_cls.weight", "cls_head.fc_cls.bias")
_IN_BLOCKS = {"shortcut_conv": "downsample", "conv1": "conv1", "conv3": "conv3"}
# What the middle of a block consists of is numbered.
_REDUCED = _IN_BLOCKS | {"conv2": "conv2.0"}
_PRESERVED = _IN_BLOCKS | {"conv2_pointwise": "conv2.0", "conv2": "conv2.1"}


def _of_layer(layer, places, in_blocks):
    if layer == "classifier":
        return dict(zip(("kernel", "bias"), _HEAD, strict=True))
    place = re.fullmatch(r"stage(\d)_block(\d+)_(\w+)", layer)
    if layer == "stem_conv":
        module = "backbone.conv1"
    elif place and place[3] in in_blocks:
        module = f"backbone.layer{place[1]}.{int(place[2]) - 1}.{in_blocks[place[3]]}"
    else:
        return {}
    return of_torch_convolution(f"{module}.conv") | of_torch_norm("norm", f"{module}.bn")


# Its norms add 1e-3 to a variance, those of the networks here 1e-5.
_csn = functools.partial(SavedNames, head=_HEAD, top="cls_head.", added_to_variances=1e-3 - 1e-5)
IPCSN = _csn(
    sign="backbone.layer1.0.conv2.1.conv.weight",
    networks="MMAction2's ip-CSN",
    of_layer=functools.partial(_of_layer, in_blocks=_PRESERVED),
)
# To be asked after the other, which has this name too.
IRCSN = _csn(
    sign="backbone.layer1.0.conv2.0.conv.weight",
    networks="MMAction2's ir-CSN",
    of_layer=functools.partial(_of_layer, in_blocks=_REDUCED),
)

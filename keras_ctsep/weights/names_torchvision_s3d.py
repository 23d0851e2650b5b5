"""torchvision's names for the weights of S3D, whose layers are numbered through."""

import re

from keras_ctsep.weights.saved_names import SavedNames, of_torch_norm

_HEAD = ("classifier.1.weight", "classifier.1.bias")
_OUTSIDE_BLOCKS = {"stem_conv": 0, "stage2_conv1": 2, "stage2_conv2": 3}
# Number of the first block of a stage; pooling layers take numbers too.
_FIRST_BLOCK = {"3": 5, "4": 8, "5": 14}
# A branch of one convolution, and the last one after its pooling, are counted in other ways.
_OF_BRANCH = {"0": {"1": ""}, "1": {"1": ".0", "2": ".1"}, "2": {"1": ".0", "2": ".1"}}
_OF_BRANCH["3"] = {"1": ".1"}


def _of_layer(layer, places):
    if layer == "classifier":
        return dict(zip(("kernel", "bias"), _HEAD, strict=True))
    module = _module(layer)
    if module is None:
        return {}
    if "kernel" in places:
        return {"kernel": f"{module}.0.weight", **of_torch_norm("norm", f"{module}.1")}
    return {
        "spatial_kernel": f"{module}.0.0.weight",
        **of_torch_norm("mid_norm", f"{module}.0.1"),
        "temporal_kernel": f"{module}.1.0.weight",
        **of_torch_norm("norm", f"{module}.1.1"),
    }


def _module(layer):
    if layer in _OUTSIDE_BLOCKS:
        return f"features.{_OUTSIDE_BLOCKS[layer]}"
    place = re.fullmatch(r"stage(\d)_block(\d)_branch(\d)_conv(\d)", layer)
    if place is None:
        return None
    stage, block, branch, conv = place.groups()
    number = _FIRST_BLOCK[stage] + int(block) - 1
    return f"features.{number}.branch{branch}{_OF_BRANCH[branch][conv]}"


NAMES = SavedNames(
    sign="features.0.0.0.weight",
    head=_HEAD,
    top="classifier.",
    networks="torchvision's S3D",
    of_layer=_of_layer,
)

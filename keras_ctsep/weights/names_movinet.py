"""The names of Atze00/MoViNet-pytorch for the weights of MoViNets."""

import functools
import re

from keras_ctsep.weights.saved_names import SavedNames, of_torch_convolution, of_torch_norm

_OUTSIDE_BLOCKS = {
    "stem_conv": "conv1",
    "last_conv": "conv7",
    "head_dense": "classifier.0",
    "classifier": "classifier.3",
}
_IN_BLOCKS = {
    "shortcut_conv": "res.1.conv_1",
    "conv1": "expand.conv_1",
    "conv2": "deep.conv_1",
    "temporal_conv": "deep.conv_2",
    "squeeze": "se.fc1.conv_1",
    "excite": "se.fc2.conv_1",
    "conv3": "project.conv_1",
}


def _of_layer(layer, places, conv):
    module = None
    if layer in _OUTSIDE_BLOCKS:
        module = f"{_OUTSIDE_BLOCKS[layer]}.conv_1"
    place = re.fullmatch(r"stage(\d+)_block(\d+)_(\w+)", layer)
    if place:
        block = f"blocks.b{int(place[1]) - 1}_l{int(place[2]) - 1}"
        if place[3] == "rezero":
            return {"alpha": f"{block}.alpha"}
        if place[3] in _IN_BLOCKS:
            module = f"{block}.{_IN_BLOCKS[place[3]]}"
    if module is None:
        return {}
    return of_torch_convolution(f"{module}.{conv}") | of_torch_norm("norm", f"{module}.norm")


def _names(conv, networks):
    # A network for clips has 3-D convolutions there, one for video as it comes 2-D ones.
    return SavedNames(
        sign=f"conv1.conv_1.{conv}.weight",
        top="classifier.",
        head=(f"classifier.3.conv_1.{conv}.weight", f"classifier.3.conv_1.{conv}.bias"),
        networks=networks,
        of_layer=functools.partial(_of_layer, conv=conv),
    )


BASE = _names("conv3d", "MoViNets for clips")
STREAM = _names("conv2d", "MoViNets for video frame by frame")

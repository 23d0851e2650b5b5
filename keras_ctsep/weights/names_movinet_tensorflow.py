"""The names in TensorFlow's checkpoints (tensorflow/models) for the weights of MoViNets.

Names are paths through attributes. Layers of a network are numbered there: the stem, all blocks one
after the other, and the last convolution, which are the first layer of the whole, and the
classifier, which is its second layer.
"""

import functools
import re

from keras_ctsep.weights.saved_names import SavedNames

_MODULES = {
    "stem_conv": "_stem",
    "shortcut_conv": "_skip/_projection",
    "conv1": "_expansion",
    "conv2": "_feature",
    "temporal_conv": "_feature",
    "squeeze": "_attention/_se_reduce",
    "excite": "_attention/_se_expand",
    "conv3": "_projection",
    "rezero": "_mobile_bottleneck/_rezero",
    "last_conv": "_project",
    "head_dense": "_head",
    "classifier": "_classifier",
}
_STATISTICS = ("gamma", "beta", "moving_mean", "moving_variance")
# A network for clips has 3-D convolutions there, one for video frame by frame 2-D ones inside of
# a layer that reshapes.
_KINDS = {"": "MoViNets for clips", "/_conv": "MoViNets for video frame by frame"}
HEADS = tuple(
    tuple(f"layer_with_weights-1/_classifier/_conv{inner}/{name}" for name in ("kernel", "bias"))
    for inner in _KINDS
)


def kinds_of_names(model):
    """Returns the `SavedNames` of both kinds of network, for a model with so many blocks."""
    blocks = [_split(layer.name)[0] for layer in model.layers if layer.weights]
    numbers = {block: number for number, block in enumerate(dict.fromkeys(blocks))}
    numbers |= {"head_dense": 1, "classifier": 1}
    return [
        SavedNames(
            sign=f"layer_with_weights-0/_stem/_conv{inner}/kernel",
            head=head,
            top="layer_with_weights-1/",
            networks=f"tensorflow/models' {networks}",
            of_layer=functools.partial(_of_layer, numbers=numbers, inner=inner),
        )
        for (inner, networks), head in zip(_KINDS.items(), HEADS, strict=True)
    ]


def _split(layer):
    """Returns the block that a layer is in, or else its own name, and its name there."""
    block, name = re.fullmatch(r"(?:(stage\d+_block\d+)_)?(\w+)", layer).groups()
    return block or name, name


def _of_layer(layer, places, numbers, inner):
    block, name = _split(layer)
    if block not in numbers or name not in _MODULES:
        return {}
    module = f"layer_with_weights-{numbers[block]}/{_MODULES[name]}"
    end = "_temporal" if name == "temporal_conv" else ""
    conv, norm = f"{module}/_conv{end}{inner}", f"{module}/_batch_norm{end}"
    # The 3-D convolution of each channel is one in as many groups there.
    depthwise_kernel = "depthwise_kernel" if inner else "kernel"
    return {
        "alpha": f"{module}/scale",
        "kernel": f"{conv}/kernel",
        "depthwise_kernel": f"{conv}/{depthwise_kernel}",
        "bias": f"{conv}/bias",
        **{f"norm/{name}": f"{norm}/{name}" for name in _STATISTICS},
    }

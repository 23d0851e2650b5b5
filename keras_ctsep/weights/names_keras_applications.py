"""keras.applications' names for the weights of Xception."""

import re

import keras

from keras_ctsep.weights import keras_file
from keras_ctsep.weights.assign import assign_all

HEAD = ("predictions/0", "predictions/1")
IMAGENET_CLASSES = 1000
# keras.applications leaves the convolutions on the shortcuts, and their norms, without names;
# their filters tell which block they belong to.
_SHORTCUT_BLOCKS = {128: "block2", 256: "block3", 728: "block4", 1024: "block13"}
# There, norms are layers; here, the last factor of a convolution has its norm.
_NORM_HERE = re.compile("(?:_pointwise|_temporal|_conv)?/norm(/.)")


def load_image_weights(model, weights):
    """Fills a model of `CTSepXception` from a file of it or of the image network.

    What the image network lacks, the convolutions over time, stays the identity that it starts as.

    Args:
        model: a `CTSepXception` or `XceptionFrames`.
        weights: `"imagenet"`, or the path of a saved `keras.applications.Xception` or of a model
            of this package.

    Raises:
        ValueError: when the weights cannot be had or do not fit.
    """
    if weights == "imagenet":
        arrays = _imagenet(model)
    elif str(weights).endswith((".h5", ".keras")):
        arrays = keras_file.read_keras_file(weights)
    else:
        raise ValueError(
            '`weights` must be None, "imagenet", or end in .keras, .weights.h5 or .h5. '
            f"Received: weights={weights}"
        )
    variables = keras_file.variables_by_place(model)
    # Kernels of videos have an axis more than those of images.
    if not any(array.ndim == 5 for array in arrays.values()):
        arrays = _as_video(arrays, weights)
        variables = {
            _NORM_HERE.sub(r"_norm\1", place): variable
            for place, variable in variables.items()
            if not place.endswith("_temporal/0")
        }
    assign_all(variables, arrays, keras_file.HEAD, keras_file.TOP, model, weights)


def _imagenet(model):
    wanted = [layer.units for layer in model.layers if layer.name == "classifier"]
    try:
        network = keras.applications.Xception(include_top=wanted == [IMAGENET_CLASSES])
    except Exception as error:  # Keras raises a bare Exception when it cannot download.
        raise ValueError(
            'weights="imagenet" needs a connection the first time, to download what Keras then '
            "keeps in ~/.keras/models. Offline, give the path of a saved "
            f"keras.applications.Xception. {error}"
        ) from error
    return {
        place: keras.ops.convert_to_numpy(variable.value)
        for place, variable in keras_file.variables_by_place(network).items()
    }


def _as_video(arrays, source):
    """Returns the arrays of the image network by their places here, norms as layers."""
    found = {}
    for place, array in arrays.items():
        layer, _, number = place.rpartition("/")
        name = _name_here(layer, array)
        if name is None:
            raise ValueError(
                f"{source}: the weights do not match keras.applications.Xception. "
                f"Received: {place} {array.shape}"
            )
        # A separable convolution has two kernels there, and is two layers here.
        if "_sepconv" in name and array.ndim == 4:
            name, number = f"{name}_{('depthwise', 'pointwise')[int(number)]}", 0
        found[f"{name}/{number}"] = array[None] if array.ndim == 4 else array
    return found


def _name_here(layer, array):
    if layer == "predictions":
        return "classifier"
    if layer.startswith("block"):
        return layer.removesuffix("_bn") + ("_norm" if layer.endswith("_bn") else "")
    block = _SHORTCUT_BLOCKS.get(array.shape[-1] if array.ndim else None)
    return block and f"{block}_shortcut_{'conv' if array.ndim == 4 else 'norm'}"

"""Weights of keras.applications' Xception for the video networks of the same layers."""

import re

import keras

from keras_ctsep.weights.load import (
    assign_all,
    load_weights,
    require_known,
    require_same_shapes,
    saved_shapes,
)

IMAGENET_CLASSES = 1000
# keras.applications leaves the convolutions on the shortcuts without names; their filters tell
# which block they belong to.
_SHORTCUT_BLOCKS = {128: "block2", 256: "block3", 728: "block4", 1024: "block13"}


def load_image_weights(model, weights, head="fresh"):
    """Fills a model of `CTSepXception` from a file of it or of the image network.

    What the image network lacks, the convolutions over time, stays the identity that it starts as.

    Args:
        model: a `CTSepXception` or `XceptionFrames`.
        weights: `"imagenet"`, or the path of a saved `keras.applications.Xception` or of a model
            of this package.
        head: as in `keras_ctsep.weights.load.load_weights`.

    Raises:
        ValueError: when the weights cannot be had or do not fit.
    """
    require_known(head)
    if weights == "imagenet":
        _take_over(model, _imagenet(model), weights, head)
    elif str(weights).endswith((".h5", ".keras")):
        shapes = saved_shapes(weights)
        # Kernels of videos have an axis more than those of images.
        if any(len(shape) == 5 for shape in shapes.values()):
            load_weights(model, weights, head)
        else:
            _take_over(model, _saved_image_network(weights, shapes), weights, head)
    else:
        raise ValueError(
            '`weights` must be None, "imagenet", or end in .keras, .weights.h5 or .h5. '
            f"Received: weights={weights}"
        )


def _imagenet(model):
    wanted = [layer.units for layer in model.layers if layer.name == "classifier"]
    try:
        return keras.applications.Xception(include_top=wanted == [IMAGENET_CLASSES])
    except Exception as error:  # Keras raises a bare Exception when it cannot download.
        raise ValueError(
            'weights="imagenet" needs a connection the first time, to download what Keras then '
            "keeps in ~/.keras/models. Offline, give the path of a saved "
            f"keras.applications.Xception. {error}"
        ) from error


def _saved_image_network(path, shapes):
    classes = [shape[1] for shape in shapes.values() if len(shape) == 2]
    network = keras.applications.Xception(
        weights=None, include_top=bool(classes), classes=classes[0] if classes else 1
    )
    require_same_shapes(network, shapes, "keras.applications.Xception", path)
    network.load_weights(path)
    return network


def _take_over(model, image_network, source, head):
    variables = {}
    for layer in model.layers:
        for variable in layer.weights:
            name = layer.name
            if "/norm/" in variable.path:
                # There, norms are layers; here, the last factor of a convolution has its norm.
                name = re.sub("_(pointwise|temporal|conv)$", "", name) + "_norm"
            elif name.endswith("_temporal"):
                continue  # it stays the identity
            variables[f"{name}/{variable.name}"] = variable
    arrays = {}
    for layer in image_network.layers:
        name = _name_here(layer)
        for variable in layer.weights:
            array = keras.ops.convert_to_numpy(variable.value)
            kind = variable.name
            if kind == "depthwise_kernel":
                arrays[f"{name}_depthwise/{kind}"] = array[None]
            elif kind == "pointwise_kernel":
                arrays[f"{name}_pointwise/kernel"] = array[None]
            elif array.ndim == 4:
                arrays[f"{name}/{kind}"] = array[None]
            else:
                arrays[f"{name}/{kind}"] = array
    head_names = ("classifier/kernel", "classifier/bias")
    assign_all(variables, arrays, head_names, model, source, head)


def _name_here(layer):
    if layer.name == "predictions":
        return "classifier"
    if layer.name.startswith("block"):
        return layer.name.removesuffix("_bn") + ("_norm" if layer.name.endswith("_bn") else "")
    if not layer.weights:
        return layer.name
    block = _SHORTCUT_BLOCKS[layer.weights[0].shape[-1]]
    is_norm = isinstance(layer, keras.layers.BatchNormalization)
    return f"{block}_shortcut_{'norm' if is_norm else 'conv'}"

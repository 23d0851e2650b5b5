"""How much a model computes."""

import math

import keras

from keras_ctsep.layers import Conv2Plus1D, CTSeparableConv3D


def count_multiply_adds(model, input_shape):
    """Counts the multiply-adds of convolutions and dense layers for one clip.

    Norms, activations, pooling and additions are left out, as is usual in publications. Models
    inside the model count, and a layer that is called twice counts twice.

    Args:
        model: functional or sequential `keras.Model` on clips.
        input_shape: `(frames, height, width, channels)` of the clip.

    Returns:
        An int.

    Raises:
        ValueError: when a model is neither functional nor sequential.

    Example:
    >>> import keras
    >>> clips = keras.Input((None, None, None, 3))
    >>> model = keras.Model(clips, keras.layers.Conv3D(8, (1, 3, 3), padding="same")(clips))
    >>> count_multiply_adds(model, (4, 10, 10, 3))  # 3 * 3 * 3 * 8 weights at 4 * 10 * 10 places
    86400
    """
    counts = []
    _count(model, keras.Input(batch_shape=(1, *input_shape)), counts)
    return sum(counts)


def _count(model, inputs, counts):
    """Appends the multiply-adds of each call of a layer in the model to `counts`."""

    def call(layer, inputs, *args, **kwargs):
        outputs = layer(inputs, *args, **kwargs)
        if isinstance(layer, keras.Model):
            # On inputs of its own, as two graphs in one would use names twice.
            new = keras.tree.map_structure(lambda x: keras.Input(batch_shape=x.shape), inputs)
            _count(layer, new, counts)
        else:
            counts.append(_layer_multiply_adds(layer, inputs, outputs))
        return outputs

    if isinstance(model, keras.Sequential):
        for layer in keras.models.clone_model(model).layers:
            inputs = call(layer, inputs)
    else:
        keras.models.clone_model(model, input_tensors=inputs, call_function=call)


def _layer_multiply_adds(layer, inputs, outputs):
    # Each weight of a kernel is used once at each place that it computes.
    total = 0
    for weight in layer.weights:
        if weight.name.endswith("kernel"):
            places = list(outputs.shape[:-1])
            if isinstance(layer, (Conv2Plus1D, CTSeparableConv3D)):
                if weight is not layer.temporal_kernel:
                    places[1] = inputs.shape[1]  # these come before frames are dropped
            total += math.prod(weight.shape) * math.prod(places)
    return total

"""How much a model computes."""

import math

import keras

from keras_ctsep.layers import Conv2Plus1D, CTSeparableConv3D


def count_multiply_adds(model, input_shape):
    """Counts the multiply-adds of convolutions and dense layers for one clip.

    Norms, activations, pooling and additions are left out, as is usual in publications.

    Args:
        model: functional `keras.Model` on clips.
        input_shape: `(frames, height, width, channels)` of the clip.

    Returns:
        An int.

    Example:
    >>> import keras
    >>> clips = keras.Input((None, None, None, 3))
    >>> model = keras.Model(clips, keras.layers.Conv3D(8, (1, 3, 3), padding="same")(clips))
    >>> count_multiply_adds(model, (4, 10, 10, 3))  # 3 * 3 * 3 * 8 weights at 4 * 10 * 10 places
    86400
    """
    fixed = keras.models.clone_model(
        model, input_tensors=keras.Input(batch_shape=(1, *input_shape))
    )
    return sum(_layer_multiply_adds(layer) for layer in fixed.layers)


def _layer_multiply_adds(layer):
    # Each weight of a kernel is used once at each place that it computes.
    total = 0
    for weight in layer.weights:
        if weight.name.endswith("kernel"):
            places = list(layer.output.shape[:-1])
            if isinstance(layer, (Conv2Plus1D, CTSeparableConv3D)):
                if weight is not layer.temporal_kernel:
                    places[1] = layer.input.shape[1]  # these come before frames are dropped
            total += math.prod(weight.shape) * math.prod(places)
    return total

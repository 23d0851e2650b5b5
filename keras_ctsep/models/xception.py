"""Xception for video: on every frame, and made channel- and time-separable from there.

The network is that of arXiv 1610.02357, figure 5, layer for layer keras.applications' Xception, so
that weights of the image network fit.
"""

import keras
import numpy as np
from keras import layers

from keras_ctsep.layers import Conv3D, DepthwiseConv3D, MaxPooling3D
from keras_ctsep.layers.initializers import HeNormal
from keras_ctsep.models import blocks
from keras_ctsep.weights.names_keras_applications import load_image_weights

STEM_FILTERS = (32, 64)
# Filters of the separable convolutions of the blocks with a strided shortcut, by their number;
# blocks 5 to 12 between them have three of MIDDLE_FILTERS and a plain shortcut.
STRIDED_BLOCKS = {2: (128, 128), 3: (256, 256), 4: (728, 728), 13: (728, 1024)}
MIDDLE_FILTERS = (728, 728, 728)
LAST_FILTERS = (1536, 2048)
# A norm after a convolution, with the epsilon of keras.applications.
NORM = {"use_bias": False, "use_norm": True, "norm_epsilon": 1e-3}
TEMPORAL = ("depthwise", "full", "none")


@keras.saving.register_keras_serializable(package="keras_ctsep")
class TemporalIdentity(keras.initializers.Initializer):
    """Fills a kernel `(frames, 1, 1, channels, outputs)` so that it hands every frame through.

    The centre is 1 for each channel separately, all else 0; `outputs` is the number of channels, or
    1 for a depthwise kernel.
    """

    def __call__(self, shape, dtype=None):
        kernel = np.zeros(shape, "float32")
        kernel[shape[0] // 2, 0, 0] = 1.0 if shape[-1] == 1 else np.eye(*shape[-2:])
        return keras.ops.convert_to_tensor(kernel, dtype=dtype)


def XceptionFrames(num_classes=400, **kwargs):
    """Xception on every frame, its features averaged over time: the image parent as a video model.

    Takes the arguments of `CTSepXception` but for `temporal`.

    Example:
    >>> model = XceptionFrames(num_classes=5, width=0.125)
    >>> model.output_shape
    (None, 5)

    Reference:
        Chollet 2017, "Xception", arXiv 1610.02357, figure 5.
    """
    kwargs.setdefault("name", "XceptionFrames")
    return CTSepXception(num_classes, temporal="none", **kwargs)


def CTSepXception(
    num_classes=400,
    *,
    input_shape=(None, None, None, 3),
    include_top=True,
    weights=None,
    include_preprocessing=True,
    pooling=None,
    classifier_activation="softmax",
    dropout=0.0,
    width=1.0,
    temporal="depthwise",
    name="CTSepXception",
):
    """Xception made channel- and time-separable, starting as the image network on every frame.

    The last separable convolution of each block (13 of the 34) is followed by a convolution
    `(3, 1, 1)` over time that starts as the identity. It stands between the pointwise convolution
    and its batch norm, with no norm of its own and no activation, so that nothing else needs to
    be an identity: at the start the features are, for any clip, the mean over frames of the image
    network's, and the norm's statistics are those that were trained.

    Both choices are measured, on clips of drawn shapes that differ by motion alone (12 classes,
    width 1/8, 10 epochs from a random start, one seed, accuracy on 240 held-out clips): 0.63 with
    these 13, 0.56 with a convolution over time after each of the 34 pointwise ones, 0.36 with 13
    before the depthwise ones, 0.12 without any.

    Args:
        num_classes: number of classes.
        input_shape: `(frames, height, width, channels)`; frames, height and width may be None.
        include_top: whether the mean over frames, height and width and the classifier follow.
        weights: None for a random start; `"imagenet"` for the weights that
            `keras.applications.Xception` downloads and keeps; or the path of a saved
            `keras.applications.Xception` (`.keras`, `.weights.h5`, `.h5`) or of a saved model of
            this function (`.keras`, `.weights.h5`). A head for another number of classes is left
            fresh, and one line says so.
        include_preprocessing: whether the model takes RGB frames in 0..255, uint8 or float, and
            brings them to -1..1 itself. Otherwise it takes frames in -1..1 of any number of
            channels.
        pooling: without the top: None for the features `(batch, frames, height, width, 2048)`,
            `"avg"` or `"max"` for `(batch, 2048)`. With the top it has no meaning.
        classifier_activation: activation of the classifier; None for logits.
        dropout: share of features dropped before the classifier, 0 to 1.
        width: factor on the number of filters; weights of the image network need 1.
        temporal: `"depthwise"`: the convolution over time takes each channel separately; `"full"`:
            all channels into each; `"none"`: there is none, which is `XceptionFrames`.
        name: name of the model.

    Returns:
        A `keras.Model`. Under mixed precision its classifier computes in float32.

    Raises:
        ValueError: for an argument out of range, and for weights that cannot be had or do not fit.

    Example:
    >>> model = CTSepXception(num_classes=5, width=0.125)
    >>> model.output_shape
    (None, 5)

    Reference:
        Chollet 2017, "Xception", arXiv 1610.02357, figure 5; for the convolution over time Tran et
        al. 2018, arXiv 1711.11248, section 3.5.
    """
    num_classes = blocks.check_arguments(
        num_classes, input_shape, include_preprocessing, pooling, dropout, width
    )
    if temporal not in TEMPORAL:
        raise ValueError(f"`temporal` must be one of {TEMPORAL}. Received: temporal={temporal}")
    clips = keras.Input(input_shape, name="clips")
    x = clips
    if include_preprocessing:
        x = layers.Rescaling(1 / 127.5, offset=-1.0, dtype="float32", name="normalization")(x)
    x = _features(x, width, temporal)
    outputs = blocks.top(
        x, num_classes if include_top else None, pooling, dropout, classifier_activation
    )
    model = keras.Model(clips, outputs, name=name)
    if weights is not None:
        load_image_weights(model, weights)
    return model


def _features(x, width, temporal):
    for number, filters in enumerate(STEM_FILTERS, start=1):
        x = Conv3D(
            blocks.scale_filters(filters, width),
            (1, 3, 3),
            strides=(1, 2, 2) if number == 1 else 1,
            activation="relu",
            kernel_initializer=HeNormal(),
            name=f"block1_conv{number}",
            **NORM,
        )(x)
    for block in range(2, 14):
        filters = STRIDED_BLOCKS.get(block, MIDDLE_FILTERS)
        filters = [blocks.scale_filters(count, width) for count in filters]
        x = _residual_block(x, filters, block in STRIDED_BLOCKS, temporal, f"block{block}")
    for number, filters in enumerate(LAST_FILTERS, start=1):
        x = _separable_conv(
            x,
            blocks.scale_filters(filters, width),
            temporal if number == len(LAST_FILTERS) else "none",
            f"block14_sepconv{number}",
            activation="relu",
        )
    return x


def _residual_block(x, filters, strided, temporal, name):
    shortcut = x
    for number, count in enumerate(filters, start=1):
        x = layers.ReLU(name=f"{name}_relu{number}")(x)
        over_time = temporal if number == len(filters) else "none"
        x = _separable_conv(x, count, over_time, f"{name}_sepconv{number}")
    if strided:
        strides = (1, 2, 2)
        x = MaxPooling3D((1, 3, 3), strides, padding="same", name=f"{name}_pool")(x)
        end = {"strides": strides, "name": f"{name}_shortcut_conv", **NORM}
        shortcut = Conv3D(filters[-1], 1, kernel_initializer=HeNormal(), **end)(shortcut)
    return layers.Add(name=f"{name}_add")([x, shortcut])


def _separable_conv(x, filters, temporal, name, activation=None):
    x = DepthwiseConv3D(
        (1, 3, 3),
        padding="same",
        use_bias=False,
        depthwise_initializer=blocks.depthwise_initializer(9, gain=1),
        name=f"{name}_depthwise",
    )(x)
    # The norm comes after the last of the factors.
    end = {"activation": activation, **NORM}
    pointwise = {"kernel_initializer": HeNormal(), "name": f"{name}_pointwise"}
    if temporal == "none":
        return Conv3D(filters, 1, **pointwise, **end)(x)
    x = Conv3D(filters, 1, use_bias=False, **pointwise)(x)
    over_time = {"kernel_size": (3, 1, 1), "padding": "same", "name": f"{name}_temporal", **end}
    identity = TemporalIdentity()
    if temporal == "depthwise":
        return DepthwiseConv3D(depthwise_initializer=identity, **over_time)(x)
    return Conv3D(filters, kernel_initializer=identity, **over_time)(x)

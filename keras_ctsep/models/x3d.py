"""X3D: narrow, deep networks of depthwise 3x3x3 convolutions.

The networks are those of arXiv 2004.04730, table 3, layer for layer PyTorchVideo's, so that its
weights fit. XS, S and M are one network for clips of different sizes.
"""

import keras
from keras import layers

from keras_ctsep.layers import Conv3D
from keras_ctsep.layers.add_relu import AddReLU
from keras_ctsep.layers.initializers import HeNormal
from keras_ctsep.models import blocks
from keras_ctsep.weights.load import load_weights
from keras_ctsep.weights.published import published_like

STAGE_FILTERS = (24, 48, 96, 192)
HEAD_FILTERS = 2048
INNER = 2.25  # channels of a block's depthwise convolution per channel that it puts out
SQUEEZED = 1 / 16

# Number of blocks of each stage.
VARIANTS = {
    "X3D_XS": (3, 5, 11, 7),
    "X3D_S": (3, 5, 11, 7),
    "X3D_M": (3, 5, 11, 7),
    "X3D_L": (5, 10, 25, 15),
}


def X3D(
    variant,
    num_classes=400,
    *,
    input_shape=(None, None, None, 3),
    include_top=True,
    weights=None,
    include_preprocessing=True,
    pooling=None,
    classifier_activation="softmax",
    dropout=0.5,
    width=1.0,
    name=None,
):
    """Returns one of the X3D networks as a functional `keras.Model`.

    The functions named after the variants (`X3D_S`, `X3D_M`, ...) are this one with `variant`
    filled in, and take all its other arguments.

    Args:
        variant: name of a row of `VARIANTS`.
        num_classes: number of classes.
        input_shape: `(frames, height, width, channels)`. Unknown (None) frames, height and width
            make a model for clips of any size.
        include_top: whether the head follows: one more convolution, the mean over frames, height
            and width, a wide layer and the classifier.
        weights: None for a random start; `"kinetics400"` for what PyTorchVideo trained, downloaded
            once; or a file or an address that `fsspec` opens: `.keras`, `.weights.h5`, or
            PyTorchVideo's `.pyth`. A head for another number of classes is left fresh.
        include_preprocessing: whether the model takes RGB frames in 0..255, uint8 or float, and
            normalizes them itself, as the weights want it. Otherwise it takes normalized float
            frames of any number of channels.
        pooling: without the top: None for the features `(batch, frames, height, width, channels)`,
            `"avg"` or `"max"` for `(batch, channels)`. With the top it has no meaning.
        classifier_activation: activation of the classifier; None for logits.
        dropout: share of features dropped before the classifier, 0 to 1.
        width: factor on the number of filters of every layer.
        name: name of the model; default: the variant's.

    Returns:
        A `keras.Model`. Under mixed precision its classifier computes in float32.

    Raises:
        ValueError: for an argument out of range, and for weights that do not fit.

    Example:
    >>> X3D("X3D_S", num_classes=5, width=0.25).output_shape
    (None, 5)

    Reference:
        Feichtenhofer 2020, "X3D: Expanding Architectures for Efficient Video Recognition",
        arXiv 2004.04730, sections 3 and 4.
    """
    if variant not in VARIANTS:
        raise ValueError(f"`variant` must be one of {list(VARIANTS)}. Received: variant={variant}")
    num_classes = blocks.check_arguments(
        num_classes, input_shape, include_preprocessing, pooling, dropout, width
    )
    clips = keras.Input(input_shape, name="clips")
    x = clips
    if include_preprocessing:
        x = blocks.normalize(x, published_like(variant, weights))
    x = _stem(x, blocks.scale_filters(STAGE_FILTERS[0], width))
    for stage, num_blocks in enumerate(VARIANTS[variant]):
        filters = blocks.scale_filters(STAGE_FILTERS[stage], width)
        for block in range(num_blocks):
            strides = (1, 2, 2) if block == 0 else (1, 1, 1)
            excites = block % 2 == 0
            x = _block(x, filters, strides, excites, f"stage{stage + 1}_block{block + 1}")
    if include_top:
        x = _head(x, int(INNER * filters), blocks.scale_filters(HEAD_FILTERS, width))
    outputs = blocks.top(
        x, num_classes if include_top else None, pooling, dropout, classifier_activation
    )
    model = keras.Model(clips, outputs, name=name or variant)
    if weights is not None:
        load_weights(model, weights, variant)
    return model


def _stem(x, filters):
    """A convolution over space, and a depthwise one over time, with nothing in between."""
    x = Conv3D(
        filters,
        (1, 3, 3),
        strides=(1, 2, 2),
        padding=(0, 1, 1),
        use_bias=False,
        kernel_initializer=HeNormal(),
        name="stem_spatial_conv",
    )(x)
    return blocks.depthwise_conv3d(x, (5, 1, 1), activation="relu", name="stem_temporal_conv")


def _block(x, filters, strides, excites, name):
    """Widen, convolve each channel, weigh the channels, narrow, and a shortcut (section 3.1)."""
    shortcut = x
    inner = int(INNER * filters)
    x = blocks.conv3d(x, inner, (1, 1, 1), activation="relu", name=f"{name}_conv1")
    x = blocks.depthwise_conv3d(x, (3, 3, 3), strides=strides, name=f"{name}_conv2")
    if excites:
        x = blocks.squeeze_excite(x, blocks.round_to_eight(SQUEEZED * inner), name)
    x = layers.Activation("silu", name=f"{name}_swish")(x)
    x = blocks.conv3d(x, filters, (1, 1, 1), name=f"{name}_conv3")
    if max(strides) > 1:
        # PyTorchVideo normalizes a shortcut only where the number of channels changes.
        shortcut = Conv3D(
            filters,
            (1, 1, 1),
            strides=strides,
            use_bias=False,
            use_norm=shortcut.shape[-1] != filters,
            kernel_initializer=HeNormal(),
            name=f"{name}_shortcut_conv",
        )(shortcut)
    return AddReLU(name=f"{name}_add")([x, shortcut])


def _head(x, filters, wide_filters):
    """The wide layer comes after the mean, where it costs next to nothing."""
    x = blocks.conv3d(x, filters, (1, 1, 1), activation="relu", name="head_conv1")
    x = layers.GlobalAveragePooling3D(keepdims=True, dtype="float32", name="head_mean")(x)
    end = {"use_bias": False, "activation": "relu", "kernel_initializer": HeNormal()}
    return Conv3D(wide_filters, (1, 1, 1), name="head_conv2", **end)(x)


def X3D_XS(num_classes=400, **kwargs):
    """X3D for clips of 4 frames of 160 pixels, 2.5 a second. Takes the arguments of `X3D`."""
    return X3D("X3D_XS", num_classes, **kwargs)


def X3D_S(num_classes=400, **kwargs):
    """X3D for clips of 13 frames of 160 pixels, 5 a second. Takes the arguments of `X3D`."""
    return X3D("X3D_S", num_classes, **kwargs)


def X3D_M(num_classes=400, **kwargs):
    """X3D for clips of 16 frames of 224 pixels, 6 a second. Takes the arguments of `X3D`."""
    return X3D("X3D_M", num_classes, **kwargs)


def X3D_L(num_classes=400, **kwargs):
    """X3D of 55 blocks for clips of 16 frames of 312 pixels. Takes the arguments of `X3D`."""
    return X3D("X3D_L", num_classes, **kwargs)

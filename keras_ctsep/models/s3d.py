"""S3D, and its channel-separable child: Inception over space and time, in separable convolutions.

The network is that of arXiv 1712.04851, section 4, figure 6, without gates, layer for layer
torchvision's, so that its weights fit.
"""

import functools

import keras
from keras import layers

from keras_ctsep.layers import AveragePooling3D, MaxPooling3D
from keras_ctsep.models import blocks
from keras_ctsep.weights.load import load_weights
from keras_ctsep.weights.published import published_like

# Batch norm of the authors. A momentum of 0.001 in PyTorch's words is this one in Keras's.
NORM = {"norm_epsilon": 1e-3, "norm_momentum": 0.999}
STEM_FILTERS = 64
STAGE2_FILTERS = (64, 192)
# Filters of a block: its branch of one convolution, two branches of two, and one after pooling.
STAGES = {
    3: ((64, (96, 128), (16, 32), 32), (128, (128, 192), (32, 96), 64)),
    4: (
        (192, (96, 208), (16, 48), 64),
        (160, (112, 224), (24, 64), 64),
        (128, (128, 256), (24, 64), 64),
        (112, (144, 288), (32, 64), 64),
        (256, (160, 320), (32, 128), 128),
    ),
    5: ((256, (160, 320), (32, 128), 128), (384, (192, 384), (48, 128), 128)),
}
MIN_FRAMES = 13  # of which two are left at the end


def conv2plus1d(x, filters, kernel_size, **kwargs):
    """S3D's unit: as many channels between space and time as after them."""
    return blocks.conv2plus1d(x, filters, kernel_size, mid_filters=filters, **kwargs)


# The convolution over space and time of stages 2 to 5, a function as in `blocks`. The stem, which
# reads three channels, is `conv2plus1d` in both.
VARIANTS = {
    "S3D": conv2plus1d,
    "CTSepS3D": functools.partial(blocks.ct_separable_conv3d, temporal="full"),
}


def SeparableInception(
    variant,
    num_classes=400,
    *,
    input_shape=(None, None, None, 3),
    include_top=True,
    weights=None,
    include_preprocessing=True,
    pooling=None,
    classifier_activation="softmax",
    dropout=0.2,
    width=1.0,
    name=None,
):
    """Returns `S3D` or `CTSepS3D` as a functional `keras.Model`.

    The functions of these names are this one with `variant` filled in, and take all its other
    arguments.

    Args:
        variant: name of a row of `VARIANTS`.
        num_classes: number of classes.
        input_shape: `(frames, height, width, channels)`. Unknown (None) frames, height and width
            make a model for clips of any size from 13 frames of 32x32 pixels on.
        include_top: whether the mean over frames, height and width and the classifier follow.
        weights: None for a random start; `"kinetics400"` for what torchvision trained as S3D,
            downloaded once; or a file or an address that `fsspec` opens: `.keras`, `.weights.h5`,
            or torchvision's `.pth`. A head for another number of classes is left fresh.
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
    >>> SeparableInception("S3D", num_classes=5, width=0.125).output_shape
    (None, 5)

    Reference:
        Xie et al. 2018, "Rethinking Spatiotemporal Feature Learning", arXiv 1712.04851, section 4.
    """
    if variant not in VARIANTS:
        raise ValueError(f"`variant` must be one of {list(VARIANTS)}. Received: variant={variant}")
    num_classes = blocks.check_arguments(
        num_classes, input_shape, include_preprocessing, pooling, dropout, width
    )
    if include_top and (input_shape[0] or MIN_FRAMES) < MIN_FRAMES:
        raise ValueError(
            f"`input_shape` must have {MIN_FRAMES} frames or more. "
            f"Received: input_shape={input_shape}"
        )
    clips = keras.Input(input_shape, name="clips")
    x = clips
    if include_preprocessing:
        x = blocks.normalize(x, published_like(variant, weights))
    x = _features(x, VARIANTS[variant], width)
    if include_top:
        # The first and the last frame are in one pair of frames each, all others in two.
        x = AveragePooling3D((2, 1, 1), strides=1, name="pairs_of_frames")(x)
    outputs = blocks.top(
        x, num_classes if include_top else None, pooling, dropout, classifier_activation
    )
    model = keras.Model(clips, outputs, name=name or variant)
    if weights is not None:
        load_weights(model, weights, variant)
    return model


def _features(x, conv, width):
    def filters(number):
        return blocks.scale_filters(number, width)

    unit = {"activation": "relu", **NORM}
    x = conv2plus1d(x, filters(STEM_FILTERS), (7, 7, 7), strides=2, name="stem_conv", **unit)
    x = blocks.max_pool(x, (1, 3, 3), (1, 2, 2), "stem_pool")
    first, second = map(filters, STAGE2_FILTERS)
    x = blocks.conv3d(x, first, (1, 1, 1), name="stage2_conv1", **unit)
    x = conv(x, second, (3, 3, 3), name="stage2_conv2", **unit)
    x = blocks.max_pool(x, (1, 3, 3), (1, 2, 2), "stage2_pool")
    for stage, rows in STAGES.items():
        for number, row in enumerate(rows, start=1):
            row = keras.tree.map_structure(filters, row)
            x = _inception_block(x, conv, row, f"stage{stage}_block{number}", unit)
        if stage == 3:
            x = blocks.max_pool(x, (3, 3, 3), (2, 2, 2), "stage3_pool")
        elif stage == 4:
            x = MaxPooling3D((2, 2, 2), name="stage4_pool")(x)
    return x


def _inception_block(x, conv, filters, name, unit):
    """Four branches side by side (arXiv 1712.04851, figure 4)."""
    alone, *pairs, after_pooling = filters
    branches = [blocks.conv3d(x, alone, (1, 1, 1), name=f"{name}_branch0_conv1", **unit)]
    for branch, (narrow, wide) in enumerate(pairs, start=1):
        prefix = f"{name}_branch{branch}"
        y = blocks.conv3d(x, narrow, (1, 1, 1), name=f"{prefix}_conv1", **unit)
        branches.append(conv(y, wide, (3, 3, 3), name=f"{prefix}_conv2", **unit))
    y = MaxPooling3D((3, 3, 3), 1, padding="same", name=f"{name}_branch3_pool")(x)
    branches.append(
        blocks.conv3d(y, after_pooling, (1, 1, 1), name=f"{name}_branch3_conv1", **unit)
    )
    return layers.Concatenate(name=f"{name}_concat")(branches)


def S3D(num_classes=400, **kwargs):
    """S3D without gates (torchvision's s3d). Takes the arguments of `SeparableInception`."""
    return SeparableInception("S3D", num_classes, **kwargs)


def CTSepS3D(num_classes=400, **kwargs):
    """S3D made channel-separable too. Takes the arguments of `SeparableInception`."""
    return SeparableInception("CTSepS3D", num_classes, **kwargs)

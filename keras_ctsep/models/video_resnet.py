"""Residual networks for video: CTSepResNet, and R3D, MC3, rMC3 and R(2+1)D beside it.

All are one network (arXiv 1711.11248, section 3, table 1): a stem, four stages of residual blocks,
a mean over space and time, a classifier. They differ in the convolution of each stage, in the kind
and number of blocks and in the strides: a row of `VARIANTS`.
"""

from typing import NamedTuple

import keras
from keras import layers

from keras_ctsep.layers.conv2plus1d import default_mid_filters
from keras_ctsep.models import blocks
from keras_ctsep.weights.load import load_weights

# Mean and standard deviation of the three colours over Kinetics-400, of frames in 0..1. The
# published weights of this family were trained with them.
RGB_MEAN = (0.43216, 0.394666, 0.37645)
RGB_STD = (0.22803, 0.22145, 0.216989)

STAGE_FILTERS = (64, 128, 256, 512)
STEM_MID_FILTERS = 45
TEMPORAL = ("full", "depthwise")

SPACE_TIME = (2, 2, 2)
SPACE = (1, 2, 2)

R2PLUS1D_STEM = blocks.conv2plus1d((3, 7, 7))
CONV3D = blocks.full_conv((3, 3, 3))
CONV2D = blocks.full_conv((1, 3, 3))
CONV2PLUS1D = blocks.conv2plus1d((3, 3, 3))
CT_SEPARABLE = {kind: blocks.ct_separable_conv((3, 3, 3), kind) for kind in TEMPORAL}


class Variant(NamedTuple):
    """A row: the stem, the convolution, strides and number of blocks of each stage."""

    stem: object
    convs: tuple
    num_blocks: tuple
    strides: tuple = (SPACE_TIME,) * 3  # of stages 2, 3 and 4; stage 1 has none
    block: object = blocks.basic_block


VARIANTS = {
    "CTSepResNet10": Variant(R2PLUS1D_STEM, (CT_SEPARABLE,) * 4, (1, 1, 1, 1)),
    "CTSepResNet18": Variant(R2PLUS1D_STEM, (CT_SEPARABLE,) * 4, (2, 2, 2, 2)),
    "CTSepResNet34": Variant(R2PLUS1D_STEM, (CT_SEPARABLE,) * 4, (3, 4, 6, 3)),
    "CTSepResNet50": Variant(
        R2PLUS1D_STEM, (CT_SEPARABLE,) * 4, (3, 4, 6, 3), block=blocks.bottleneck_block
    ),
    "R3D18": Variant(blocks.full_conv((3, 7, 7)), (CONV3D,) * 4, (2, 2, 2, 2)),
    "R3D34": Variant(blocks.full_conv((3, 7, 7)), (CONV3D,) * 4, (3, 4, 6, 3)),
    "MC3_18": Variant(
        blocks.full_conv((3, 7, 7)), (CONV3D, *(CONV2D,) * 3), (2, 2, 2, 2), (SPACE,) * 3
    ),
    "RMC3_18": Variant(blocks.full_conv((1, 7, 7)), (CONV2D, *(CONV3D,) * 3), (2, 2, 2, 2)),
    "R2Plus1D18": Variant(R2PLUS1D_STEM, (CONV2PLUS1D,) * 4, (2, 2, 2, 2)),
    "R2Plus1D34": Variant(R2PLUS1D_STEM, (CONV2PLUS1D,) * 4, (3, 4, 6, 3)),
}


def VideoResNet(
    variant,
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
    temporal=None,
    name=None,
):
    """Returns one of the residual networks as a functional `keras.Model`.

    The functions named after the variants (`CTSepResNet18`, `R2Plus1D18`, ...) are this one with
    `variant` filled in, and take all its other arguments.

    Args:
        variant: name of a row of `VARIANTS`.
        num_classes: number of classes.
        input_shape: `(frames, height, width, channels)`. Unknown (None) frames, height and width
            make a model for clips of any size.
        include_top: whether the mean over frames, height and width and the classifier follow.
        weights: None for a random start, or the path of a file: `.keras`, `.weights.h5`, or
            torchvision's `.pth`. A head for another number of classes is left fresh.
        include_preprocessing: whether the model takes RGB frames in 0..255, uint8 or float, and
            normalizes them itself. Otherwise it takes normalized float frames of any number of
            channels.
        pooling: without the top: None for the features `(batch, frames, height, width, channels)`,
            `"avg"` or `"max"` for `(batch, channels)`. With the top it has no meaning.
        classifier_activation: activation of the classifier; None for logits.
        dropout: share of features dropped before the classifier, 0 to 1.
        width: factor on the number of filters of every layer.
        temporal: of CTSepResNets only: `"full"` (as None) or `"depthwise"`, the temporal factor of
            the separable convolutions.
        name: name of the model; default: the variant's.

    Returns:
        A `keras.Model`. Under mixed precision its classifier computes in float32.

    Raises:
        ValueError: for an unknown variant or an argument out of range, and for weights that do not
            fit.

    Example:
    >>> model = VideoResNet("CTSepResNet10", num_classes=5, width=0.25)
    >>> model.output_shape
    (None, 5)

    Reference:
        Tran et al. 2018, arXiv 1711.11248, sections 3 and 4; He et al. 2016, arXiv 1512.03385.
    """
    _check_variant(variant, temporal)
    num_classes = blocks.check_arguments(
        num_classes, input_shape, include_preprocessing, pooling, dropout, width
    )
    row = VARIANTS[variant]
    clips = keras.Input(input_shape, name="clips")
    x = _normalized(clips) if include_preprocessing else clips
    x = row.stem(
        x,
        blocks.scaled(STAGE_FILTERS[0], width),
        blocks.scaled(STEM_MID_FILTERS, width),
        SPACE,
        "relu",
        "stem_conv",
    )
    for stage, filters in enumerate(STAGE_FILTERS, start=1):
        conv = row.convs[stage - 1]
        conv = conv[temporal or "full"] if conv is CT_SEPARABLE else conv
        for block in range(1, row.num_blocks[stage - 1] + 1):
            first_of_later = stage > 1 and block == 1
            strides = row.strides[stage - 2] if first_of_later else (1, 1, 1)
            scaled = blocks.scaled(filters, width)
            x = row.block(
                x,
                conv,
                scaled,
                # torchvision computes them once a block and uses them for both convolutions; VMZ
                # computes them for each.
                default_mid_filters(x.shape[-1], scaled),
                strides,
                f"stage{stage}_block{block}",
            )
    outputs = blocks.top(
        x, num_classes if include_top else None, pooling, dropout, classifier_activation
    )
    model = keras.Model(clips, outputs, name=name or variant)
    if weights is not None:
        load_weights(model, weights)
    return model


def _check_variant(variant, temporal):
    if variant not in VARIANTS:
        raise ValueError(f"`variant` must be one of {list(VARIANTS)}. Received: variant={variant}")
    if temporal is not None and CT_SEPARABLE not in VARIANTS[variant].convs:
        raise ValueError(f"`temporal` belongs to CTSepResNets. Received: variant={variant}")
    if temporal not in (None, *TEMPORAL):
        raise ValueError(f"`temporal` must be one of {TEMPORAL}. Received: temporal={temporal}")


def _normalized(clips):
    return layers.Rescaling(
        scale=[1 / (255 * std) for std in RGB_STD],
        offset=[-mean / std for mean, std in zip(RGB_MEAN, RGB_STD, strict=True)],
        dtype="float32",  # under mixed precision too: 16 bits cannot tell all grey levels apart
        name="normalization",
    )(clips)


def CTSepResNet10(num_classes=400, **kwargs):
    """CTSepResNet of 4 basic blocks. Takes the arguments of `VideoResNet`."""
    return VideoResNet("CTSepResNet10", num_classes, **kwargs)


def CTSepResNet18(num_classes=400, **kwargs):
    """CTSepResNet of 8 basic blocks. Takes the arguments of `VideoResNet`."""
    return VideoResNet("CTSepResNet18", num_classes, **kwargs)


def CTSepResNet34(num_classes=400, **kwargs):
    """CTSepResNet of 16 basic blocks. Takes the arguments of `VideoResNet`."""
    return VideoResNet("CTSepResNet34", num_classes, **kwargs)


def CTSepResNet50(num_classes=400, **kwargs):
    """CTSepResNet of 16 bottleneck blocks. Takes the arguments of `VideoResNet`."""
    return VideoResNet("CTSepResNet50", num_classes, **kwargs)


def R3D18(num_classes=400, **kwargs):
    """3-D ResNet of 8 blocks (torchvision's r3d_18). Takes the arguments of `VideoResNet`."""
    return VideoResNet("R3D18", num_classes, **kwargs)


def R3D34(num_classes=400, **kwargs):
    """3-D ResNet of 16 blocks. Takes the arguments of `VideoResNet`."""
    return VideoResNet("R3D34", num_classes, **kwargs)


def MC3_18(num_classes=400, **kwargs):
    """3-D, then 2-D from stage 2 (torchvision's mc3_18). Takes the arguments of `VideoResNet`."""
    return VideoResNet("MC3_18", num_classes, **kwargs)


def RMC3_18(num_classes=400, **kwargs):
    """2-D stem and stage 1, 3-D after: MC3 reversed. Takes the arguments of `VideoResNet`."""
    return VideoResNet("RMC3_18", num_classes, **kwargs)


def R2Plus1D18(num_classes=400, **kwargs):
    """R(2+1)D of 8 blocks (torchvision's r2plus1d_18). Takes the arguments of `VideoResNet`."""
    return VideoResNet("R2Plus1D18", num_classes, **kwargs)


def R2Plus1D34(num_classes=400, **kwargs):
    """R(2+1)D of 16 blocks. Takes the arguments of `VideoResNet`."""
    return VideoResNet("R2Plus1D34", num_classes, **kwargs)

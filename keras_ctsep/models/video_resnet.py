"""Residual networks for video: CTSepResNet, and R3D, MC3, rMC3, R(2+1)D and CSN, its relatives.

All are one network (arXiv 1711.11248, section 3, table 1): a stem, four stages of residual blocks,
a mean over space and time, a classifier. They differ in the stem, the convolution of each stage,
the kind and number of blocks and the strides: a row of `VARIANTS`.
"""

import functools
from typing import NamedTuple

import keras

from keras_ctsep.layers.conv2plus1d import default_mid_filters
from keras_ctsep.models import blocks
from keras_ctsep.weights.load import load_weights
from keras_ctsep.weights.published import published_like

STAGE_FILTERS = (64, 128, 256, 512)
TEMPORAL = ("full", "depthwise")

# Strides.
NO_STRIDES = (1, 1, 1)
SPACE = (1, 2, 2)
SPACE_TIME = (2, 2, 2)

CONV3D = functools.partial(blocks.conv3d, kernel_size=(3, 3, 3))
CONV2D = functools.partial(blocks.conv3d, kernel_size=(1, 3, 3))
CONV2PLUS1D = functools.partial(blocks.conv2plus1d, kernel_size=(3, 3, 3))
CT_SEPARABLE = functools.partial(blocks.ct_separable_conv3d, kernel_size=(3, 3, 3))
LINEAR = functools.partial(CT_SEPARABLE, use_mid_norm=False)

STEM = {"activation": "relu", "name": "stem_conv"}


def stem3d(x, width, causal, kernel_size=(3, 7, 7)):
    """One convolution that halves height and width."""
    filters = blocks.scale_filters(STAGE_FILTERS[0], width)
    return blocks.conv3d(x, filters, kernel_size, causal=causal, strides=SPACE, **STEM)


def stem2d(x, width, causal):
    """One convolution over space that halves height and width."""
    return stem3d(x, width, causal, kernel_size=(1, 7, 7))


def stem2plus1d(x, width, causal, strides=SPACE):
    """The (2+1)D stem, with 45 mid filters as in the code of its authors and in torchvision's."""
    filters, mid_filters = (blocks.scale_filters(n, width) for n in (STAGE_FILTERS[0], 45))
    stem = {"mid_filters": mid_filters, "causal": causal, "strides": strides, **STEM}
    return blocks.conv2plus1d(x, filters, (3, 7, 7), **stem)


def pooled_stem3d(x, width, causal):
    """The stem of CSN, which halves height and width twice."""
    return blocks.max_pool(stem3d(x, width, causal), (1, 3, 3), SPACE, "stem_pool")


def early_stem(x, width, causal, strides=SPACE_TIME):
    """Halves frames once and height and width twice before the first block, as S3D does."""
    x = stem2plus1d(x, width, causal, strides)
    return blocks.max_pool(x, (1, 3, 3), SPACE, "stem_pool")


def depthwise(x, filters, **kwargs):
    """The convolution of ir-CSN: each channel by itself, so that `filters` is their number."""
    del filters
    return blocks.depthwise_conv3d(x, (3, 3, 3), **kwargs)


def preserved(x, filters, name, **kwargs):
    """That of ip-CSN: first over channels, without ReLU (arXiv 1904.02811, figure 2 b)."""
    x = blocks.conv3d(x, filters, (1, 1, 1), name=f"{name}_pointwise")
    return depthwise(x, filters, name=name, **kwargs)


class Variant(NamedTuple):
    """A row of the table.

    Attributes:
        stem: function `(x, width, causal)`.
        convs: the convolution of each stage, a function as in `blocks` with its kernel size bound.
        num_blocks: the number of blocks of each stage.
        strides: of the first block of each stage.
        block: the block of all stages, a function as in `blocks`.
        temporal: the default of `temporal` where `convs` take it, else None.
        mid_filters: function `(channels, filters)` where the convolutions of a block share one
            number of mid filters; None where each computes its own or has none.
        width: factor on the number of filters of every layer, beside that of the caller.
    """

    stem: object
    convs: tuple
    num_blocks: tuple
    strides: tuple = (NO_STRIDES, *(SPACE_TIME,) * 3)
    block: object = blocks.basic_block
    temporal: str | None = None
    mid_filters: object = None
    width: float = 1.0


_ct_sep_resnet = functools.partial(Variant, stem2plus1d, (CT_SEPARABLE,) * 4, temporal="full")
_early_ct_sep_resnet = functools.partial(Variant, early_stem, (LINEAR,) * 4, temporal="full")
# torchvision computes the mid filters once a block; VMZ, the code of the authors, for each
# convolution.
_r2plus1d = functools.partial(
    Variant, stem2plus1d, (CONV2PLUS1D,) * 4, mid_filters=default_mid_filters
)


def _csn(conv, num_blocks):
    return Variant(pooled_stem3d, (conv,) * 4, num_blocks, block=blocks.bottleneck_block)


VARIANTS = {
    "CTSepResNet_S": _early_ct_sep_resnet((2, 2, 2, 2), width=0.5),
    "CTSepResNet_M": _early_ct_sep_resnet((2, 2, 2, 2)),
    "CTSepResNet10": _ct_sep_resnet((1, 1, 1, 1)),
    "CTSepResNet18": _ct_sep_resnet((2, 2, 2, 2)),
    "CTSepResNet34": _ct_sep_resnet((3, 4, 6, 3)),
    "CTSepResNet50": _ct_sep_resnet((3, 4, 6, 3), block=blocks.bottleneck_block),
    "R3D18": Variant(stem3d, (CONV3D,) * 4, (2, 2, 2, 2)),
    "R3D34": Variant(stem3d, (CONV3D,) * 4, (3, 4, 6, 3)),
    "MC3_18": Variant(stem3d, (CONV3D, *(CONV2D,) * 3), (2, 2, 2, 2), (NO_STRIDES, *(SPACE,) * 3)),
    "RMC3_18": Variant(stem2d, (CONV2D, *(CONV3D,) * 3), (2, 2, 2, 2)),
    "R2Plus1D18": _r2plus1d((2, 2, 2, 2)),
    "R2Plus1D34": _r2plus1d((3, 4, 6, 3)),
    "IRCSN50": _csn(depthwise, (3, 4, 6, 3)),
    "IRCSN101": _csn(depthwise, (3, 4, 23, 3)),
    "IRCSN152": _csn(depthwise, (3, 8, 36, 3)),
    "IPCSN50": _csn(preserved, (3, 4, 6, 3)),
    "IPCSN101": _csn(preserved, (3, 4, 23, 3)),
    "IPCSN152": _csn(preserved, (3, 8, 36, 3)),
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
    causal=False,
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
        weights: None for a random start; `"kinetics400"` for what torchvision trained as R3D18,
            MC3_18 or R2Plus1D18, PyTorchVideo as IRCSN101 and MMAction2 as IRCSN50, IRCSN152 or
            IPCSN152, downloaded once; or a file or an address that `fsspec` opens: `.keras`,
            `.weights.h5`, torchvision's or MMAction2's `.pth`, PyTorchVideo's `.pyth`. A head for
            another number of classes is left fresh.
        include_preprocessing: whether the model takes RGB frames in 0..255, uint8 or float, and
            normalizes them itself, as the weights want it. Otherwise it takes normalized float
            frames of any number of channels.
        pooling: without the top: None for the features `(batch, frames, height, width, channels)`,
            `"avg"` or `"max"` for `(batch, channels)`. With the top it has no meaning.
        classifier_activation: activation of the classifier; None for logits.
        dropout: share of features dropped before the classifier, 0 to 1.
        width: factor on the number of filters of every layer.
        temporal: of CTSepResNets only: `"full"` (as None) or `"depthwise"`, the temporal factor of
            the separable convolutions. Depthwise takes less time, and learns motion more slowly:
            after 9,600 drawn clips CTSepResNet_S told 7 % of 78 motions with it and 24 % with full
            (docs/guides/accuracy.md).
        causal: whether the features of a frame depend on no later frame: all zeros over time are
            put before the first one. Such a network can be run on a video as it comes, see
            `keras_ctsep.inference.streaming`; it takes the weights of one that is not causal, which
            then want fine-tuning.
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
        Tran et al. 2018, arXiv 1711.11248, sections 3 and 4; He et al. 2016, arXiv 1512.03385;
        Tran et al. 2019, arXiv 1904.02811, section 3, for CSN.
    """
    _check_variant(variant, temporal)
    num_classes = blocks.check_arguments(
        num_classes, input_shape, include_preprocessing, pooling, dropout, width
    )
    row = VARIANTS[variant]
    width *= row.width
    clips = keras.Input(input_shape, name="clips")
    x = clips
    if include_preprocessing:
        x = blocks.normalize(x, published_like(variant, weights))
    x = row.stem(x, width, causal)
    for stage, conv in enumerate(row.convs):
        conv = functools.partial(conv, causal=causal)
        if row.temporal is not None:
            conv = functools.partial(conv, temporal=temporal or row.temporal)
        filters = blocks.scale_filters(STAGE_FILTERS[stage], width)
        for block in range(row.num_blocks[stage]):
            strides = row.strides[stage] if block == 0 else NO_STRIDES
            conv_here = conv
            if row.mid_filters is not None:
                mid_filters = row.mid_filters(x.shape[-1], filters)
                conv_here = functools.partial(conv, mid_filters=mid_filters)
            x = row.block(x, conv_here, filters, strides, f"stage{stage + 1}_block{block + 1}")
    outputs = blocks.top(
        x, num_classes if include_top else None, pooling, dropout, classifier_activation
    )
    model = keras.Model(clips, outputs, name=name or variant)
    if weights is not None:
        load_weights(model, weights, variant)
    return model


def _check_variant(variant, temporal):
    if variant not in VARIANTS:
        raise ValueError(f"`variant` must be one of {list(VARIANTS)}. Received: variant={variant}")
    if temporal is not None and VARIANTS[variant].temporal is None:
        raise ValueError(f"`temporal` is for CTSepResNets only. Received: variant={variant}")
    if temporal not in (None, *TEMPORAL):
        raise ValueError(f"`temporal` must be one of {TEMPORAL}. Received: temporal={temporal}")


def CTSepResNet_S(num_classes=400, **kwargs):
    """The small CTSepResNet, to be tried first. Takes the arguments of `VideoResNet`."""
    return VideoResNet("CTSepResNet_S", num_classes, **kwargs)


def CTSepResNet_M(num_classes=400, **kwargs):
    """CTSepResNet_S with twice as many filters. Takes the arguments of `VideoResNet`."""
    return VideoResNet("CTSepResNet_M", num_classes, **kwargs)


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


def IRCSN50(num_classes=400, **kwargs):
    """ir-CSN of 16 blocks, interaction-reduced. Takes the arguments of `VideoResNet`."""
    return VideoResNet("IRCSN50", num_classes, **kwargs)


def IRCSN101(num_classes=400, **kwargs):
    """ir-CSN of 33 blocks, interaction-reduced. Takes the arguments of `VideoResNet`."""
    return VideoResNet("IRCSN101", num_classes, **kwargs)


def IRCSN152(num_classes=400, **kwargs):
    """ir-CSN of 50 blocks, interaction-reduced. Takes the arguments of `VideoResNet`."""
    return VideoResNet("IRCSN152", num_classes, **kwargs)


def IPCSN50(num_classes=400, **kwargs):
    """ip-CSN of 16 blocks, interaction-preserved. Takes the arguments of `VideoResNet`."""
    return VideoResNet("IPCSN50", num_classes, **kwargs)


def IPCSN101(num_classes=400, **kwargs):
    """ip-CSN of 33 blocks, interaction-preserved. Takes the arguments of `VideoResNet`."""
    return VideoResNet("IPCSN101", num_classes, **kwargs)


def IPCSN152(num_classes=400, **kwargs):
    """ip-CSN of 50 blocks, interaction-preserved. Takes the arguments of `VideoResNet`."""
    return VideoResNet("IPCSN152", num_classes, **kwargs)

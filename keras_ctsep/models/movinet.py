"""MoViNets: small networks of depthwise convolutions, for clips and for video frame by frame.

The networks are those of arXiv 2103.11511, layer for layer those that its authors published, so
that their weights fit.
"""

import functools
from typing import NamedTuple

import keras
from keras import layers

from keras_ctsep.layers import AveragePooling3D, ReZero
from keras_ctsep.models import blocks
from keras_ctsep.weights.load import load_weights
from keras_ctsep.weights.published import published_like

# Batch norm of the authors.
NORM = {"norm_epsilon": 1e-3, "norm_momentum": 0.99}
SPACE = (1, 2, 2)
NO_STRIDES = (1, 1, 1)
STRIDES = (SPACE, SPACE, SPACE, NO_STRIDES, SPACE)  # of the first block of each stage
WIDE_FILTERS = 2048
# Windows of the depthwise convolutions.
S3, S5, C3, T5 = (1, 3, 3), (1, 5, 5), (3, 3, 3), (5, 3, 3)


class Row(NamedTuple):
    """What tells the networks apart.

    Attributes:
        stem: filters of the stem.
        stages: for each stage the filters that its blocks put out, and for each block the filters
            and the window of its depthwise convolution.
        head: filters of the last convolution.
        causal: whether features depend on no later frame. Such a network separates its depthwise
            convolutions into space and time, and has activations and a mean of its own.
    """

    stem: int
    stages: tuple
    head: int
    causal: bool = False


_A0 = Row(
    stem=8,
    stages=(
        (8, ((24, S5),)),
        (32, ((80, C3), (80, C3), (80, C3))),
        (56, ((184, T5), (112, C3), (184, C3))),
        (56, ((184, T5), (184, C3), (184, C3), (184, C3))),
        (104, ((384, T5), (280, S5), (280, S5), (344, S5))),
    ),
    head=480,
)
_A1 = Row(
    stem=16,
    stages=(
        (16, ((40, S5), (40, C3))),
        (40, ((96, C3), (120, C3), (96, C3), (96, C3))),
        (64, ((216, T5), (128, C3), (216, C3), (168, C3), (216, C3))),
        (64, ((216, T5), (216, C3), (216, C3), (128, C3), (128, S5), (216, C3))),
        (136, ((456, T5), (360, S5), (360, S5), (360, S5), (456, S5), (456, C3), (544, S3))),
    ),
    head=600,
)
_A2 = Row(
    stem=16,
    stages=(
        (16, ((40, S5), (40, C3), (64, C3))),
        (40, ((96, C3), (120, C3), (96, C3), (96, C3), (120, C3))),
        (72, ((240, T5), (160, C3), (240, C3), (192, C3), (240, C3))),
        (72, ((240, T5), (240, C3), (240, C3), (240, C3), (144, S5), (240, C3))),
        (144, ((480, T5), (384, S5), (384, S5), (480, S5), (480, S5), (480, C3), (576, S3))),
    ),
    head=640,
)
VARIANTS = {
    "MoViNetA0": _A0,
    "MoViNetA1": _A1,
    "MoViNetA2": _A2,
    "MoViNetA0Stream": _A0._replace(causal=True),
    "MoViNetA1Stream": _A1._replace(causal=True),
    "MoViNetA2Stream": _A2._replace(causal=True),
}


def MoViNet(
    variant,
    num_classes=600,
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
    """Returns one of the MoViNets as a functional `keras.Model`.

    The functions named after the variants (`MoViNetA0`, `MoViNetA0Stream`, ...) are this one with
    `variant` filled in, and take all its other arguments.

    Args:
        variant: name of a row of `VARIANTS`. Features of those that end in `Stream` depend on no
            later frame: `keras_ctsep.inference.streaming` runs them on a video as it comes, from
            one frame at a time on.
        num_classes: number of classes.
        input_shape: `(frames, height, width, channels)`. Unknown (None) frames, height and width
            make a model for clips of any size.
        include_top: whether the mean over frames, height and width, a wide layer and the classifier
            follow.
        weights: None for a random start; `"kinetics600"` for what the authors trained, downloaded
            once; or a file or an address that `fsspec` opens: `.keras`, `.weights.h5`, or `.pth`
            with the names of the port to PyTorch, Atze00/MoViNet-pytorch; or a checkpoint of
            tensorflow/models where TensorFlow is installed: what its files begin with, such as
            `"movinet_a0_base/ckpt-1"`, or their folder. A head for another number of classes is
            left fresh.
        include_preprocessing: whether the model takes RGB frames in 0..255, uint8 or float, and
            scales them to 0..1 itself. Otherwise it takes float frames in 0..1, of any number of
            channels.
        pooling: without the top: None for the features `(batch, frames, height, width, channels)`,
            `"avg"` or `"max"` for `(batch, channels)`. With the top it has no meaning.
        classifier_activation: activation of the classifier; None for logits.
        dropout: share of features dropped before the classifier, 0 to 1. The authors trained A0
            with 0.2, A1 and A2 with 0.5.
        width: factor on the number of filters of every layer.
        name: name of the model; default: the variant's.

    Returns:
        A `keras.Model`. Under mixed precision its classifier computes in float32.

    Raises:
        ImportError: for a checkpoint of TensorFlow where TensorFlow is not installed.
        ValueError: for an argument out of range, and for weights that do not fit.

    Example:
    >>> MoViNet("MoViNetA0", num_classes=5, width=0.25).output_shape
    (None, 5)

    Reference:
        Kondratyuk et al. 2021, "MoViNets: Mobile Video Networks for Efficient Video Recognition",
        arXiv 2103.11511, section 3; for the end of a block Bachlechner et al. 2020, "ReZero is All
        You Need", arXiv 2003.04887.
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
    x = _features(x, VARIANTS[variant], width)
    outputs = blocks.top(
        x,
        num_classes if include_top else None,
        pooling,
        dropout,
        classifier_activation,
        wide_filters=blocks.scale_filters(WIDE_FILTERS, width),
    )
    model = keras.Model(clips, outputs, name=name or variant)
    if weights is not None:
        load_weights(model, weights, variant)
    return model


def _features(x, row, width):
    def filters(number):
        return blocks.scale_filters(number, width)

    # These networks are from TensorFlow, and pad as `"same"` does there where they stride.
    stem = {"strides": SPACE, "padding": "same", **_unit(row.causal)}
    x = blocks.conv3d(x, filters(row.stem), (1, 3, 3), name="stem_conv", **stem)
    for stage, (filters_out, inner_filters_and_windows) in enumerate(row.stages):
        for block, (inner, window) in enumerate(inner_filters_and_windows):
            strides = STRIDES[stage] if block == 0 else NO_STRIDES
            name = f"stage{stage + 1}_block{block + 1}"
            sizes = (filters(inner), filters(filters_out), window, strides)
            x = _block(x, *sizes, row.causal, name)
    return blocks.conv3d(x, filters(row.head), (1, 1, 1), name="last_conv", **_unit(row.causal))


def _unit(causal):
    return {"activation": "hard_silu" if causal else "silu", **NORM}


def _block(x, inner, filters, window, strides, causal, name):
    """Widen, convolve each channel, weigh the channels, narrow, and a shortcut."""
    shortcut = x
    x = blocks.conv3d(x, inner, (1, 1, 1), name=f"{name}_conv1", **_unit(causal))
    x = _convolve_each_channel(x, window, strides, causal, name)
    x = _weigh_channels(x, inner, causal, name)
    x = blocks.conv3d(x, filters, (1, 1, 1), name=f"{name}_conv3", **NORM)
    x = ReZero(name=f"{name}_rezero")(x)
    if max(strides) > 1:
        pool = AveragePooling3D((1, 3, 3), strides, "same", name=f"{name}_shortcut_pool")
        shortcut = blocks.conv3d(
            pool(shortcut), filters, (1, 1, 1), name=f"{name}_shortcut_conv", **NORM
        )
    return layers.Add(name=f"{name}_add")([x, shortcut])


def _convolve_each_channel(x, window, strides, causal, name):
    """A causal network has two units instead of one: over space, then over time."""
    conv = functools.partial(blocks.depthwise_conv3d, **_unit(causal))
    if not causal:
        return conv(x, window, strides=strides, padding="same", name=f"{name}_conv2")
    frames, height, width = window
    space = {"strides": strides, "padding": "same"}
    x = conv(x, (1, height, width), name=f"{name}_conv2", **space)
    if frames == 1:
        return x
    return conv(x, (frames, 1, 1), causal=True, name=f"{name}_temporal_conv")


def _weigh_channels(x, inner, causal, name):
    """A causal network has two means instead of one, and activations that cost less."""
    if not causal:
        squeezed = blocks.round_to_eight(inner // 4)
        return blocks.squeeze_excite(x, squeezed, name, activation="silu")
    squeezed = blocks.round_to_eight(inner // 4 * 2)
    ends = {"activation": "hard_silu", "gate": hard_sigmoid}
    return blocks.squeeze_excite(x, squeezed, name, causal=True, **ends)


@keras.saving.register_keras_serializable(package="keras_ctsep")
def hard_sigmoid(x):
    """Keras 2's hard sigmoid, `0.2 x + 0.5` between 0 and 1; in Keras 3 the slope is 1 / 6.

    So it was in tensorflow/models when its weights were published; since then it is 1 / 6 there.

    Example:
    >>> from keras import ops
    >>> [round(float(value), 2) for value in hard_sigmoid(ops.array([-3.0, 1.0, 2.5]))]
    [0.0, 0.7, 1.0]
    """
    return keras.ops.hard_sigmoid(1.2 * x)


def MoViNetA0(num_classes=600, **kwargs):
    """For clips of 50 frames of 172 pixels, 5 a second. Takes the arguments of `MoViNet`."""
    return MoViNet("MoViNetA0", num_classes, **kwargs)


def MoViNetA1(num_classes=600, **kwargs):
    """For clips of 50 frames of 172 pixels, 5 a second. Takes the arguments of `MoViNet`."""
    return MoViNet("MoViNetA1", num_classes, **kwargs)


def MoViNetA2(num_classes=600, **kwargs):
    """For clips of 50 frames of 224 pixels, 5 a second. Takes the arguments of `MoViNet`."""
    return MoViNet("MoViNetA2", num_classes, **kwargs)


def MoViNetA0Stream(num_classes=600, **kwargs):
    """As `MoViNetA0`, and for video frame by frame. Takes the arguments of `MoViNet`."""
    return MoViNet("MoViNetA0Stream", num_classes, **kwargs)


def MoViNetA1Stream(num_classes=600, **kwargs):
    """As `MoViNetA1`, and for video frame by frame. Takes the arguments of `MoViNet`."""
    return MoViNet("MoViNetA1Stream", num_classes, **kwargs)


def MoViNetA2Stream(num_classes=600, **kwargs):
    """As `MoViNetA2`, and for video frame by frame. Takes the arguments of `MoViNet`."""
    return MoViNet("MoViNetA2Stream", num_classes, **kwargs)

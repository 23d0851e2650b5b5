"""Video classifiers, as functions that return a `keras.Model`."""

from keras_ctsep.models.complexity import count_multiply_adds
from keras_ctsep.models.freezing import freeze_norms
from keras_ctsep.models.movinet import (
    MoViNet,
    MoViNetA0,
    MoViNetA0Stream,
    MoViNetA1,
    MoViNetA1Stream,
    MoViNetA2,
    MoViNetA2Stream,
)
from keras_ctsep.models.s3d import S3D, CTSepS3D, SeparableInception
from keras_ctsep.models.video_resnet import (
    IPCSN50,
    IPCSN101,
    IPCSN152,
    IRCSN50,
    IRCSN101,
    IRCSN152,
    MC3_18,
    R3D18,
    R3D34,
    RMC3_18,
    CTSepResNet10,
    CTSepResNet18,
    CTSepResNet34,
    CTSepResNet50,
    CTSepResNet_M,
    CTSepResNet_S,
    R2Plus1D18,
    R2Plus1D34,
    VideoResNet,
)
from keras_ctsep.models.x3d import X3D, X3D_L, X3D_M, X3D_S, X3D_XS
from keras_ctsep.models.xception import CTSepXception, XceptionFrames
from keras_ctsep.weights.load import require_head as _require_head

__all__ = [
    "MC3_18",
    "R3D18",
    "R3D34",
    "RMC3_18",
    "S3D",
    "SeparableInception",
    "CTSepResNet10",
    "CTSepResNet18",
    "CTSepResNet34",
    "CTSepResNet50",
    "CTSepResNet_M",
    "CTSepResNet_S",
    "CTSepS3D",
    "CTSepXception",
    "IPCSN101",
    "IPCSN152",
    "IPCSN50",
    "IRCSN101",
    "IRCSN152",
    "IRCSN50",
    "MoViNet",
    "MoViNetA0",
    "MoViNetA0Stream",
    "MoViNetA1",
    "MoViNetA1Stream",
    "MoViNetA2",
    "MoViNetA2Stream",
    "R2Plus1D18",
    "R2Plus1D34",
    "VideoResNet",
    "X3D",
    "X3D_L",
    "X3D_M",
    "X3D_S",
    "X3D_XS",
    "XceptionFrames",
    "count_multiply_adds",
    "freeze_norms",
    "make_network",
]

# By name, for command lines.
NETWORKS = {
    network.__name__: network
    for network in (
        CTSepResNet_S,
        CTSepResNet_M,
        CTSepResNet10,
        CTSepResNet18,
        CTSepResNet34,
        CTSepResNet50,
        R3D18,
        R3D34,
        MC3_18,
        RMC3_18,
        R2Plus1D18,
        R2Plus1D34,
        IRCSN50,
        IRCSN101,
        IRCSN152,
        IPCSN50,
        IPCSN101,
        IPCSN152,
        S3D,
        CTSepS3D,
        X3D_XS,
        X3D_S,
        X3D_M,
        X3D_L,
        MoViNetA0,
        MoViNetA1,
        MoViNetA2,
        MoViNetA0Stream,
        MoViNetA1Stream,
        MoViNetA2Stream,
        CTSepXception,
        XceptionFrames,
    )
}


def make_network(name, num_classes=400, *, weights=None, head="fresh", **options):
    """Returns the network of that name.

    Args:
        name: name of a network function of this package, such as `"CTSepResNet18"`.
        num_classes: number of classes.
        weights: None, or what the network function takes.
        head: where the weights have a head for another number of classes or none: `"fresh"` leaves
            the network's as it starts and says so, which is right for fine-tuning; `"same"` raises,
            which is right for prediction.
        **options: arguments of the network function; those that are None are left at its default.

    Raises:
        ValueError: for an unknown name, and whatever the network refuses.

    Example:
    >>> make_network("CTSepXception", 5, width=0.125, temporal=None).output_shape
    (None, 5)
    """
    if name not in NETWORKS:
        raise ValueError(f"The network must be one of {list(NETWORKS)}. Received: {name}")
    if head not in ("fresh", "same"):
        raise ValueError(f'`head` must be "fresh" or "same". Received: head={head}')
    if head == "same" and weights is not None:
        _require_head(weights, num_classes, name)
    options = {option: value for option, value in options.items() if value is not None}
    try:
        return NETWORKS[name](num_classes, weights=weights, **options)
    except TypeError as error:
        _, is_unknown, option = str(error).partition("unexpected keyword argument ")
        if is_unknown:
            raise ValueError(
                f"{name}: Expected options of this network. Received: {option}"
            ) from error
        raise

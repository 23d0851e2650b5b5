"""Networks by name, for command lines."""

from keras_ctsep.models.video_resnet import VARIANTS, VideoResNet
from keras_ctsep.models.xception import CTSepXception, XceptionFrames

XCEPTIONS = {"CTSepXception": CTSepXception, "XceptionFrames": XceptionFrames}
NETWORKS = (*VARIANTS, *XCEPTIONS)


def make_network(name, num_classes=400, **options):
    """Returns the network of that name.

    Args:
        name: name of a network function of this package, such as `"CTSepResNet18"`.
        num_classes: number of classes.
        **options: arguments of the network function; those that are None are left at its default.

    Raises:
        ValueError: for an unknown name, and whatever the network refuses.

    Example:
    >>> make_network("CTSepXception", 5, width=0.125, temporal=None).output_shape
    (None, 5)
    """
    if name not in NETWORKS:
        raise ValueError(f"The network must be one of {NETWORKS}. Received: {name}")
    options = {option: value for option, value in options.items() if value is not None}
    if name in XCEPTIONS:
        return XCEPTIONS[name](num_classes, **options)
    return VideoResNet(name, num_classes, **options)

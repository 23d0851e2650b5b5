"""Networks by name, for command lines."""

from keras_ctsep.models.video_resnet import VARIANTS, VideoResNet
from keras_ctsep.models.xception import CTSepXception, XceptionFrames
from keras_ctsep.weights.load import load_weights
from keras_ctsep.weights.names_keras_applications import load_image_weights

XCEPTIONS = {"CTSepXception": CTSepXception, "XceptionFrames": XceptionFrames}
NETWORKS = (*VARIANTS, *XCEPTIONS)


def make_network(name, num_classes=400, *, weights=None, head="fresh", **options):
    """Returns the network of that name.

    Args:
        name: name of a network function of this package, such as `"CTSepResNet18"`.
        num_classes: number of classes.
        weights: None, or what the network function takes.
        head: where the weights have a head for another number of classes or none: `"fresh"` leaves
            the network's as it starts and says so, `"same"` raises.
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
    is_xception = name in XCEPTIONS
    model = (
        XCEPTIONS[name](num_classes, **options)
        if is_xception
        else VideoResNet(name, num_classes, **options)
    )
    if weights is not None:
        (load_image_weights if is_xception else load_weights)(model, weights, head)
    return model

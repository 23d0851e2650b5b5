"""Video classification with Keras 3: channel- and time-separable networks, and their parents."""

from keras_ctsep import (
    data,
    evaluation,
    inference,
    layers,
    models,
    ops,
    training,
    weights,
)
from keras_ctsep.models import (
    MC3_18,
    R3D18,
    R3D34,
    RMC3_18,
    CTSepResNet10,
    CTSepResNet18,
    CTSepResNet34,
    CTSepResNet50,
    CTSepXception,
    R2Plus1D18,
    R2Plus1D34,
    VideoResNet,
    XceptionFrames,
    count_multiply_adds,
    freeze_norms,
    make_network,
)

__all__ = [
    "MC3_18",
    "R3D18",
    "R3D34",
    "RMC3_18",
    "CTSepResNet10",
    "CTSepResNet18",
    "CTSepResNet34",
    "CTSepResNet50",
    "CTSepXception",
    "R2Plus1D18",
    "R2Plus1D34",
    "VideoResNet",
    "XceptionFrames",
    "count_multiply_adds",
    "data",
    "evaluation",
    "freeze_norms",
    "inference",
    "layers",
    "make_network",
    "models",
    "ops",
    "training",
    "weights",
]

__version__ = "0.1.0"

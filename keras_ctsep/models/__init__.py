"""Video classifiers, as functions that return a `keras.Model`."""

from keras_ctsep.models.complexity import count_multiply_adds
from keras_ctsep.models.freezing import freeze_norms
from keras_ctsep.models.networks import make_network
from keras_ctsep.models.video_resnet import (
    MC3_18,
    R3D18,
    R3D34,
    RMC3_18,
    CTSepResNet10,
    CTSepResNet18,
    CTSepResNet34,
    CTSepResNet50,
    R2Plus1D18,
    R2Plus1D34,
    VideoResNet,
)
from keras_ctsep.models.xception import CTSepXception, XceptionFrames

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
    "freeze_norms",
    "make_network",
]

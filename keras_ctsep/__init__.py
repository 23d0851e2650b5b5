"""Video classification with Keras 3: channel- and time-separable networks, and their parents."""

import os

# TensorFlow's own kernels are compiled without AVX2 and FMA. With oneDNN, which it takes by itself
# only where it finds AVX-512, steps take half the time or less. It looks when it is imported; one's
# own setting stays.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
# For each large tensor PyTorch takes fresh memory, which the system clears page by page: a third of
# the processor time of a train step with batches of 8, and a fifth with large pages. PyTorch looks
# when it makes its first large tensor.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

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

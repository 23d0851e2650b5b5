"""Convolutions that split a 3-D convolution into factors, and augmentation of clips.

Import it, or `keras_ctsep`, before `keras.saving.load_model` opens a file with these layers.
"""

from keras_ctsep.layers.add_relu import AddReLU
from keras_ctsep.layers.augmentation import (
    ClipAugmentation,
    clip_augmentation,
    rand_augment,
)
from keras_ctsep.layers.average_pooling3d import AveragePooling3D
from keras_ctsep.layers.batch_normalization import BatchNormalization
from keras_ctsep.layers.causal_means import CausalMeans
from keras_ctsep.layers.conv2plus1d import Conv2Plus1D
from keras_ctsep.layers.conv3d import Conv3D
from keras_ctsep.layers.ct_separable_conv3d import CTSeparableConv3D
from keras_ctsep.layers.depthwise_conv3d import DepthwiseConv3D
from keras_ctsep.layers.initializers import GlorotUniform, HeNormal, RandomNormal
from keras_ctsep.layers.max_pooling3d import MaxPooling3D
from keras_ctsep.layers.rezero import ReZero
from keras_ctsep.layers.running_mean import RunningMean
from keras_ctsep.layers.streaming_step import StreamingStep

__all__ = [
    "AddReLU",
    "AveragePooling3D",
    "BatchNormalization",
    "CTSeparableConv3D",
    "CausalMeans",
    "ClipAugmentation",
    "Conv2Plus1D",
    "Conv3D",
    "DepthwiseConv3D",
    "GlorotUniform",
    "HeNormal",
    "MaxPooling3D",
    "RandomNormal",
    "ReZero",
    "RunningMean",
    "StreamingStep",
    "clip_augmentation",
    "rand_augment",
]

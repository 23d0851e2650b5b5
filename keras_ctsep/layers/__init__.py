"""Convolutions that split a 3-D convolution into factors, and augmentation of clips."""

from keras_ctsep.layers.augmentation import (
    ClipAugmentation,
    clip_augmentation,
    rand_augment,
)
from keras_ctsep.layers.conv2plus1d import Conv2Plus1D
from keras_ctsep.layers.conv3d import Conv3D
from keras_ctsep.layers.ct_separable_conv3d import CTSeparableConv3D
from keras_ctsep.layers.depthwise_conv3d import DepthwiseConv3D

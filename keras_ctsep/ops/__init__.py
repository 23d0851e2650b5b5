"""Convolutions in the formulation that is fast for their window."""

from keras_ctsep.ops.convolution import conv3d, depthwise_conv3d
from keras_ctsep.ops.forms import channels_to_add
from keras_ctsep.ops.normalization import (
    batch_norm,
    normalize,
    relu_of_fresh,
    scale_and_offset,
)
from keras_ctsep.ops.recomputation import recomputed
from keras_ctsep.ops.shapes import (
    output_sizes,
    over_space,
    over_time,
    positive,
    refuse_strided_dilation,
    standardize_padding,
    triple,
)

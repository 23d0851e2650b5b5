"""Convolutions in the formulation that is fast for their window."""

from keras_ctsep.ops.convolution import conv3d
from keras_ctsep.ops.convolution import depthwise_conv3d
from keras_ctsep.ops.normalization import batch_norm
from keras_ctsep.ops.normalization import normalize
from keras_ctsep.ops.recomputation import recomputed
from keras_ctsep.ops.shapes import output_sizes
from keras_ctsep.ops.shapes import over_space
from keras_ctsep.ops.shapes import over_time
from keras_ctsep.ops.shapes import positive
from keras_ctsep.ops.shapes import refuse_strided_dilation
from keras_ctsep.ops.shapes import standardize_padding
from keras_ctsep.ops.shapes import triple

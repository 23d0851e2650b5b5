"""The engine: convolutions in the form that is fast for their window. Not a stable API."""

from keras_ctsep.ops.backend import relu_inplace, require_multiple, sum_dtype
from keras_ctsep.ops.convolution import conv3d, depthwise_conv3d
from keras_ctsep.ops.forms import channels_to_add
from keras_ctsep.ops.normalization import batch_norm, normalize, scale_and_offset
from keras_ctsep.ops.pooling import max_pool3d
from keras_ctsep.ops.rematerialization import rematerialized
from keras_ctsep.ops.shapes import output_sizes, over_space, over_time

"""Video classifiers, as functions that return a `keras.Model`."""

from keras_ctsep.models.complexity import count_multiply_adds
from keras_ctsep.models.video_resnet import CTSepResNet10
from keras_ctsep.models.video_resnet import CTSepResNet18
from keras_ctsep.models.video_resnet import CTSepResNet34
from keras_ctsep.models.video_resnet import CTSepResNet50
from keras_ctsep.models.video_resnet import MC3_18
from keras_ctsep.models.video_resnet import R2Plus1D18
from keras_ctsep.models.video_resnet import R2Plus1D34
from keras_ctsep.models.video_resnet import R3D18
from keras_ctsep.models.video_resnet import R3D34
from keras_ctsep.models.video_resnet import RMC3_18
from keras_ctsep.models.video_resnet import VideoResNet

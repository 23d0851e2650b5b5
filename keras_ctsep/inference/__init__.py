"""Using a trained model."""

from keras_ctsep.inference.class_names import read_class_names
from keras_ctsep.inference.classifier import Prediction, VideoClassifier
from keras_ctsep.inference.view_arguments import view_arguments

__all__ = ["Prediction", "VideoClassifier", "read_class_names", "view_arguments"]

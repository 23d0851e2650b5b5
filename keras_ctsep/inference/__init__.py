"""Using a trained model."""

from keras_ctsep.inference.class_names import read_class_names
from keras_ctsep.inference.classifier import Prediction, VideoClassifier

__all__ = ["Prediction", "VideoClassifier", "read_class_names"]

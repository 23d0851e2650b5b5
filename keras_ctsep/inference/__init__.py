"""Using a trained model."""

from keras_ctsep.inference.class_names import read_class_names
from keras_ctsep.inference.classifier import Prediction, VideoClassifier
from keras_ctsep.inference.live import LiveClassifier
from keras_ctsep.inference.streaming import frames_per_step, initial_states, streaming

__all__ = [
    "LiveClassifier",
    "Prediction",
    "VideoClassifier",
    "frames_per_step",
    "initial_states",
    "read_class_names",
    "streaming",
]

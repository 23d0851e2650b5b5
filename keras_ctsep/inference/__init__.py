"""Using a trained model."""

from keras_ctsep.inference.about import about_weights
from keras_ctsep.inference.activation_maps import activation_maps, make_map_model
from keras_ctsep.inference.class_names import read_class_names
from keras_ctsep.inference.classifier import Prediction, VideoClassifier
from keras_ctsep.inference.explanation import Explanation, draw_explanation, explain
from keras_ctsep.inference.live import LiveClassifier
from keras_ctsep.inference.streaming import frames_per_step, initial_states, streaming
from keras_ctsep.inference.windows import Segment, WindowScores, find_segments, score_windows

__all__ = [
    "Explanation",
    "LiveClassifier",
    "Prediction",
    "Segment",
    "VideoClassifier",
    "WindowScores",
    "about_weights",
    "activation_maps",
    "draw_explanation",
    "explain",
    "find_segments",
    "frames_per_step",
    "initial_states",
    "make_map_model",
    "read_class_names",
    "score_windows",
    "streaming",
]

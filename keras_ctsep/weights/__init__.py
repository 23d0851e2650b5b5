"""Files of weights: reading them, and giving every weight of a model its array. Knows no model."""

from keras_ctsep.weights.kinetics400 import kinetics400_class_names, torchvision_preprocess
from keras_ctsep.weights.load import count_saved_classes, load_weights

__all__ = [
    "count_saved_classes",
    "kinetics400_class_names",
    "load_weights",
    "torchvision_preprocess",
]

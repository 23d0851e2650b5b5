"""Files of weights: reading them, and giving every weight of a model its array. Knows no model."""

from keras_ctsep.weights.load import count_saved_classes, load_weights
from keras_ctsep.weights.preprocessing import torchvision_preprocess
from keras_ctsep.weights.published import kinetics400_class_names

__all__ = [
    "count_saved_classes",
    "kinetics400_class_names",
    "load_weights",
    "torchvision_preprocess",
]

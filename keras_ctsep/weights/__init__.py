"""Files of weights: reading them, and giving every weight of a model its array. Knows no model."""

from keras_ctsep.weights.load import count_saved_classes, load_weights
from keras_ctsep.weights.preprocessing import torchvision_preprocess
from keras_ctsep.weights.published import (
    Published,
    find_published,
    kinetics400_class_names,
    kinetics600_class_names,
    published_like,
)

__all__ = [
    "Published",
    "count_saved_classes",
    "find_published",
    "kinetics400_class_names",
    "kinetics600_class_names",
    "load_weights",
    "published_like",
    "torchvision_preprocess",
]

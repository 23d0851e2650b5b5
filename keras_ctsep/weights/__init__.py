"""Files of weights: reading them, and giving every weight of a model its array. Knows no model."""

from keras_ctsep.weights.kinetics400 import kinetics400_class_names, torchvision_preprocess

__all__ = ["kinetics400_class_names", "torchvision_preprocess"]

"""Using a trained model."""

from keras_ctsep.inference.classifier import read_run, read_weights, view_arguments

__all__ = ["read_run", "read_weights", "view_arguments"]

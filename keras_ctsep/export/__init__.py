"""Trained models as files for other runtimes, each compared with Keras before it is kept."""

from keras_ctsep.export.exporting import export

__all__ = ["export"]

"""Video classification with Keras 3: channel- and time-separable networks, and their parents."""

from keras_ctsep import data, layers, models, ops
from keras_ctsep.models import *  # noqa: F403

__version__ = "0.1.0"

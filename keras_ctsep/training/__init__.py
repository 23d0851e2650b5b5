"""Training a video classifier so that nothing is lost when it stops half-way."""

from keras_ctsep.training.checkpoint import Checkpoint, StopOnSignal
from keras_ctsep.training.optimization import make_optimizer, warmup_cosine
from keras_ctsep.training.run_folder import (
    choose_run_folder,
    read_run,
    read_weights,
    view_arguments,
    write_run,
)
from keras_ctsep.training.sources import read_videos
from keras_ctsep.training.training_run import train

__all__ = [
    "Checkpoint",
    "StopOnSignal",
    "choose_run_folder",
    "make_optimizer",
    "read_run",
    "read_videos",
    "read_weights",
    "train",
    "view_arguments",
    "warmup_cosine",
    "write_run",
]

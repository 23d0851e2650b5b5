"""Training a video classifier so that nothing is lost when it stops half-way."""

from keras_ctsep.training import distribution
from keras_ctsep.training.checkpoint import Checkpoint, has_state
from keras_ctsep.training.global_state import restored_global_state
from keras_ctsep.training.optimization import make_optimizer, warmup_cosine
from keras_ctsep.training.precise_norms import PreciseNorms
from keras_ctsep.training.run import fit_and_test
from keras_ctsep.training.run_folder import choose_run_folder, write_run
from keras_ctsep.training.signals import StopOnSignal

__all__ = [
    "Checkpoint",
    "PreciseNorms",
    "StopOnSignal",
    "choose_run_folder",
    "distribution",
    "fit_and_test",
    "has_state",
    "make_optimizer",
    "restored_global_state",
    "warmup_cosine",
    "write_run",
]

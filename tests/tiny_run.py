"""A training run of a second or two, as a function and as a program that is killed."""

import inspect
import os
import sys
import unittest.mock

import keras

from keras_ctsep import data, training
from keras_ctsep.models import VideoResNet
from keras_ctsep.training import run as training_run


def tiny_network(name, num_classes, **arguments):
    """Has everything with a state that training changes: weights, statistics, seeds."""
    inspect.signature(VideoResNet).bind(name, num_classes, **arguments)  # the same arguments
    clips = keras.Input((None, None, None, 3))
    x = keras.layers.Rescaling(1 / 255)(clips)
    x = keras.layers.Conv3D(4, 3)(x)
    if name != "plain":  # neither is the same on parts of a batch
        x = keras.layers.BatchNormalization(momentum=0.5)(x)
        x = keras.layers.Dropout(0.3)(x)
    x = keras.layers.GlobalAveragePooling3D()(x)
    return keras.Model(clips, keras.layers.Dense(num_classes, activation="softmax")(x))


def tiny_run(videos, output, kill=None, in_validation=False, **settings):
    """Trains for three epochs of three batches.

    Args:
        videos: folder from `write_tiny_ucf101`.
        output: folder of the run.
        kill: signal that the process gets from reading the second batch of the second epoch.
        in_validation: get it as the second validation begins instead.
        **settings: for `training.train`.
    """

    class Videos(data.VideoDataset):
        def __getitem__(self, index):
            if kill and not in_validation and self.augment and self.epoch == 1 and index == 1:
                os.kill(os.getpid(), kill)
            return super().__getitem__(index)

    class Checkpoint(training.Checkpoint):
        def on_test_begin(self, logs=None):
            if kill and in_validation and len(self.history) == 1:
                os.kill(os.getpid(), kill)
            super().on_test_begin(logs)

    sides = [data.read_videos("ucf101", videos, side) for side in ("train", "test")]
    settings = {
        "epochs": 3,
        "validation_fraction": 0.25,
        "batch_size": 4,
        "num_frames": 4,
        "crop_size": 16,
        "learning_rate": 0.02,
        "ema": True,
        "workers": 2,
    } | settings
    with (
        unittest.mock.patch.object(training_run, "make_network", tiny_network),
        unittest.mock.patch.object(training_run, "VideoDataset", Videos),
        unittest.mock.patch.object(training_run, "Checkpoint", Checkpoint),
    ):
        return training.train(*sides, {}, output=str(output), **settings)


if __name__ == "__main__":
    if sys.argv[3] == "distribute":
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            two = [tf.config.LogicalDeviceConfiguration()] * 2
            cpu = tf.config.list_physical_devices("CPU")[0]
            tf.config.set_logical_device_configuration(cpu, two)
        tiny_run(sys.argv[1], sys.argv[2], model="plain", distribute=True)
    else:
        tiny_run(sys.argv[1], sys.argv[2], kill=int(sys.argv[3]))

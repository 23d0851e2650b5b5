"""A training run of a second or two, as a function and as a program that is killed."""

import os
import sys

import keras

from keras_ctsep import data, training
from keras_ctsep.models import CTSepResNet10


def tiny_network(num_classes, with_state=True):
    """Compiles in a second, and has everything that training changes: weights, averages, seeds."""
    clips = keras.Input((None, None, None, 3))
    x = keras.layers.Rescaling(1 / 255)(clips)
    x = keras.layers.Conv3D(4, 3)(x)
    if with_state:  # neither is the same on parts of a batch
        x = keras.layers.BatchNormalization(momentum=0.5)(x)
        x = keras.layers.Dropout(0.3)(x)
    x = keras.layers.GlobalAveragePooling3D()(x)
    return keras.Model(clips, keras.layers.Dense(num_classes, activation="softmax")(x))


def make_network(name, num_classes):
    """The tiny network, one without state, or the real one with that temporal factor."""
    if name in ("full", "depthwise"):
        return CTSepResNet10(num_classes, width=0.0625, temporal=name, dropout=0.3)
    return tiny_network(num_classes, with_state=name == "tiny")


class Kill(keras.callbacks.Callback):
    """Sends its own process a signal in the second batch of the second epoch, or in validation."""

    def __init__(self, number, in_validation):
        super().__init__()
        self.number = number
        self.in_validation = in_validation

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if not self.in_validation and (self.epoch, batch) == (1, 1):
            os.kill(os.getpid(), self.number)

    def on_test_begin(self, logs=None):
        if self.in_validation and self.epoch == 1:
            os.kill(os.getpid(), self.number)


@training.restored_global_state()
def tiny_run(
    videos,
    output,
    *,
    network="tiny",
    kill=None,
    in_validation=False,
    hold_out=0.25,
    epochs=3,
    dtype_policy="float32",
    distribute=False,
    callbacks=(),
    **arguments,
):
    """Trains for three epochs of three batches.

    Args:
        videos: folder from `write_tiny_ucf101`.
        output: folder of the run.
        network: see `make_network`.
        kill: signal that the process gets in the second epoch.
        in_validation: whether it comes in the validation, not in the second batch.
        hold_out: share of the training videos to validate on.
        epochs, callbacks, **arguments: for `training.fit_and_test`.
        dtype_policy: policy of the network.
        distribute: whether to use two devices.
    """
    batch_size, shard = training.distribution.start(distribute, 4)
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(dtype_policy)
    train, test = (data.read_videos("ucf101", videos, side) for side in ("train", "test"))
    train, validation = data.hold_out(train, hold_out) if hold_out else (train, test)
    clips = data.ClipFormat(num_frames=4, short_side=18, crop_size=16)
    batches = {"batch_size": batch_size, "clips": clips, "shard": shard}
    train_data = data.VideoDataset(train, augment=data.Augmentation(), **batches)
    model = make_network(network, 3)
    warmup_steps = min(len(train_data), len(train_data) * epochs // 2)
    schedule = training.warmup_cosine(0.02, len(train_data) * epochs, warmup_steps)
    variables = model.trainable_variables
    return training.fit_and_test(
        model,
        train_data,
        data.VideoDataset(validation, **batches),
        data.VideoDataset(test, num_clips=10, **batches),
        optimizer=training.make_optimizer("adamw", schedule, 0.05, True, variables),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=0.1),
        epochs=epochs,
        output=output,
        callbacks=[*callbacks, *([Kill(kill, in_validation)] if kill else [])],
        **arguments,
    )


if __name__ == "__main__":
    videos, output, network, what, policy = sys.argv[1:]
    if what == "distribute":
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            two = [tf.config.LogicalDeviceConfiguration()] * 2
            cpu = tf.config.list_physical_devices("CPU")[0]
            tf.config.set_logical_device_configuration(cpu, two)
        tiny_run(videos, output, network=network, distribute=True, dtype_policy=policy)
    else:
        # In mixed_float16 the first steps are left out, until the scale of the loss fits.
        kill, epochs = int(what), 3 if network == "tiny" else 5
        settings = {"network": network, "epochs": epochs, "dtype_policy": policy}
        tiny_run(videos, output, kill=kill, **settings)

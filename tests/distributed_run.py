"""A training run of a few seconds, in one process or in each process of a launcher."""

import faulthandler
import os
import pathlib
import signal
import sys

import keras
import numpy as np

from keras_ctsep import data, training
from keras_ctsep.models import CTSepResNet10, freeze_norms
from keras_ctsep.training import distribution

CLIPS = data.ClipFormat(num_frames=4, short_side=16, crop_size=16)


def make_network(name):
    """Returns a network and its learning rate.

    `"tiny"` and `"tiny, norm"` compile in a second. `"full"` and `"depthwise"` are the real
    network, with frozen norms: over so few pixels they make other losses out of a rounding.
    """
    if name in ("full", "depthwise"):
        model = CTSepResNet10(3, width=0.0625, temporal=name)
        freeze_norms(model)
        return model, 0.02
    clips = keras.Input((4, 16, 16, 3))
    x = keras.layers.Rescaling(1 / 255)(clips)
    x = keras.layers.Conv3D(4, (2, 3, 3))(x)
    if name == "tiny, norm":
        on_tensorflow = keras.backend.backend() == "tensorflow"
        x = keras.layers.BatchNormalization(momentum=0.5, synchronized=on_tensorflow)(x)
    x = keras.layers.ReLU()(x)
    x = keras.layers.GlobalAveragePooling3D()(x)
    return keras.Model(clips, keras.layers.Dense(3, activation="softmax")(x)), 0.2


class Kill(keras.callbacks.Callback):
    """Sends SIGTERM to its own process within the first batch of the second epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if (self.epoch, batch) == (1, 0):
            os.kill(os.getpid(), signal.SIGTERM)


def distributed_run(videos, output, batch_size, shard, network, kill=False):
    """Trains on 12 videos, tests on 6; batches of 8 leave something to fill up.

    Goes on where the run in the folder was stopped.

    Args:
        videos: folder from `write_tiny_ucf101`.
        output: folder for the files of `training.Checkpoint`.
        batch_size, shard: what `distribution.start` gave.
        network: see `make_network`.
        kill: bool, whether this process gets SIGTERM in the second epoch.

    Returns:
        Dict of lists and arrays: the history of `fit`, `weights`, and `scores` of two clips of
        each test video.
    """
    # Processes start from other weights, but on JAX, where they have to be one program.
    on_torch = keras.backend.backend() == "torch"
    keras.utils.set_random_seed(5 + (shard[0] if on_torch else 0))
    view = {"batch_size": batch_size, "clips": CLIPS, "shard": shard, "num_threads": 1}
    train, test = (data.read_videos("ucf101", videos, side) for side in ("train", "test"))
    train_data = data.VideoDataset(train, augment=data.Augmentation(), **view)
    test_data = data.VideoDataset(test, **view)
    network, learning_rate = make_network(network)
    model = keras.Model(network.inputs, network.outputs)
    model.compile(
        keras.optimizers.SGD(learning_rate, momentum=0.9, use_ema=True),
        "categorical_crossentropy",
        weighted_metrics=["accuracy"],
    )
    checkpoint = training.Checkpoint(
        output, network, train_data, writes=shard[0] == 0, keep_best=True
    )
    checkpoint.start(model, resume=True)
    with training.StopOnSignal(checkpoint, "", shard) as stop:
        checkpoint.fit(
            model,
            train_data,
            validation_data=test_data,
            epochs=3,
            verbose=0,
            callbacks=[
                *distribution.callbacks(train_data, test_data, shard),
                checkpoint,
                stop,
                *([Kill()] if kill else []),
            ],
        )
    names = ("loss", "accuracy", "val_loss", "val_accuracy")
    history = {name: [row[name] for row in checkpoint.history] for name in names}
    views = data.VideoDataset(test, num_clips=2, **view)
    scores = distribution.local_copy(model, shard).predict(views, verbose=0)
    scores = distribution.gather(scores, len(views), shard)[: views.num_views]
    weights = np.concatenate([weight.ravel() for weight in model.get_weights()])
    return history | {"weights": weights, "scores": scores}


class Scale(keras.layers.Layer):
    """Has a weight more than it uses."""

    def build(self, input_shape):
        self.scale = self.add_weight()
        self.unused = self.add_weight()

    def call(self, inputs):
        return inputs * self.scale


def norm_statistics(inputs, shard):
    """Gives mean and variance that batch norm has after one batch."""
    model = keras.Sequential([keras.layers.BatchNormalization(momentum=0.5)])
    model.compile("sgd", "mse")
    callbacks = distribution.callbacks(["a batch"], ["a batch"], shard)
    model.fit(inputs, 0 * inputs, batch_size=len(inputs), verbose=0, callbacks=callbacks)
    _, _, mean, variance = model.get_weights()
    return {"mean": mean, "variance": variance}


def precise_statistics(videos, batch_size, shard):
    """Returns mean and variance of the pixels of the first eight clips, as batch norm has them."""
    clips = keras.Input((4, 16, 16, 3))
    pooled = keras.layers.GlobalAveragePooling3D()(keras.layers.BatchNormalization()(clips))
    model = keras.Model(clips, keras.layers.Dense(3, activation="softmax")(pooled))
    model.compile("sgd", "categorical_crossentropy")
    train = data.read_videos("ucf101", videos, "train")
    batches = data.VideoDataset(
        train, batch_size, CLIPS, augment=data.Augmentation(), num_threads=1, shard=shard
    )
    training.PreciseNorms(batches, 8).update(model)
    return np.stack(model.layers[1].get_weights()[2:])


def error_message(function, *args, **options):
    try:
        function(*args, **options)
    except ValueError as error:
        return str(error)


def main(videos, output, network, kill=None):
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        [cpu] = tf.config.list_physical_devices("CPU")
        two_devices = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(cpu, two_devices)
    odd_batch = error_message(distribution.start, True, 7)
    batch_size, shard = distribution.start(True, 8)
    precise = precise_statistics(videos, batch_size, shard)
    killed = kill is not None and shard[0] == 1
    run = distributed_run(videos, output, batch_size, shard, network, killed)
    np.savez(pathlib.Path(output) / f"run{shard[0]}.npz", **run)
    more = {"odd_batch": odd_batch, "precise": precise}
    if keras.backend.backend() == "torch":
        inputs = np.random.default_rng(3).normal(size=(8, 2)) * 9
        more |= norm_statistics(inputs[4 * shard[0] :][:4], shard)
        model = keras.Sequential([Scale()])
        model.compile("sgd", "mse")
        callbacks = distribution.callbacks(["a batch"], ["a batch"], shard)
        more["unused"] = error_message(model.fit, inputs, inputs, verbose=0, callbacks=callbacks)
    np.savez(pathlib.Path(output) / f"more{shard[0]}.npz", **more)


if __name__ == "__main__":
    faulthandler.dump_traceback_later(560, exit=True)  # who waits for a process that ended
    main(*sys.argv[1:])

"""A training run of a few seconds, in one process or in each process of a launcher."""

import sys

import keras
import numpy as np

from keras_ctsep import data
from keras_ctsep import training
from keras_ctsep.training import distribution

VIEW = {"num_frames": 4, "short_side": 16, "crop_size": 16, "num_threads": 1}


def tiny_network(norm):
    clips = keras.Input((4, 16, 16, 3))
    x = keras.layers.Rescaling(1 / 255)(clips)
    x = keras.layers.Conv3D(4, (2, 3, 3))(x)
    if norm:
        on_tensorflow = keras.backend.backend() == "tensorflow"
        x = keras.layers.BatchNormalization(momentum=0.5, synchronized=on_tensorflow)(x)
    x = keras.layers.ReLU()(x)
    x = keras.layers.GlobalAveragePooling3D()(x)
    return keras.Model(clips, keras.layers.Dense(3, activation="softmax")(x))


def distributed_run(videos, distribute, norm):
    """Trains on 12 videos in batches of 8, tests on 6: last batches are filled up.

    Args:
        videos: folder from `write_tiny_ucf101`.
        distribute: for `distribution.start`.
        norm: bool, whether the network has batch norm.

    Returns:
        Dict of lists and arrays: the history of `fit`, `weights`, and `scores` of two clips of
        each test video.
    """
    batch_size, shard = distribution.start(distribute, 8)
    # Other weights in every process, but for JAX, where processes must have the same program.
    is_torch = keras.backend.backend() == "torch"
    keras.utils.set_random_seed(5 + (shard[0] if is_torch else 0))
    view = VIEW | {"batch_size": batch_size, "shard": shard}
    train, test = (training.read_videos("ucf101", videos, side) for side in ("train", "test"))
    train_data = data.VideoDataset(train, augment=True, **view)
    test_data = data.VideoDataset(test, **view)
    model = tiny_network(norm)
    model.compile(
        keras.optimizers.SGD(0.2, momentum=0.9, use_ema=True),
        "categorical_crossentropy",
        weighted_metrics=["accuracy"],
    )
    history = model.fit(
        train_data,
        validation_data=test_data,
        epochs=3,
        shuffle=False,
        verbose=0,
        callbacks=distribution.callbacks(train_data, test_data, shard),
    ).history
    views = data.VideoDataset(test, num_clips=2, **view)
    scores = distribution.local_copy(model, shard).predict(views, verbose=0)
    scores = distribution.gather(scores, len(views), shard)[: views.num_views]
    weights = np.concatenate([weight.ravel() for weight in model.get_weights()])
    return history | {"weights": weights, "scores": scores}


if __name__ == "__main__":
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        two_devices = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], two_devices)
    np.savez(sys.argv[2], **distributed_run(sys.argv[1], True, norm=sys.argv[3] == "norm"))

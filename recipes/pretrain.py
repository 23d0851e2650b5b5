"""Trains a network to tell 78 motions of drawn shapes, before it sees a video.

    python recipes/pretrain.py
    python recipes/train.py --dataset folder --data my_videos --model CTSepResNet_S \
        --weights runs/pretrain/motion.weights.h5

No data set is needed: the clips are drawn while the network trains, and none is drawn twice. A run
that was stopped continues with the same command.
"""

import csv
import pathlib

import keras
import numpy as np
import tyro

from keras_ctsep import cpu, training
from keras_ctsep.data import MotionPrograms
from keras_ctsep.data.motion_programs import CLASS_NAMES
from keras_ctsep.files import write_whole
from keras_ctsep.models import make_network
from keras_ctsep.plots import optional_picture, plot_curves


@training.restored_global_state()
def main(
    *,
    output: str = "runs/pretrain",
    model: str = "CTSepResNet_S",
    width: float = 1.0,
    epochs: int = 100,
    batches_per_epoch: int = 100,
    batch_size: int = 32,
    learning_rate: float = 2e-3,
    weight_decay: float = 0.05,
    label_smoothing: float = 0.1,
    num_frames: int = 16,
    crop_size: int = 64,
    frame_differences: bool = True,
    workers: int = 2,
    seed: int = 0,
):
    """Trains a network on drawn motions; the output folder gets weights, history and pictures.

    Args:
        output: folder of the run.
        model: name of a network in `keras_ctsep.models`.
        width: factor on the number of filters.
        epochs: parts of the training; after each the run can be continued.
        batches_per_epoch: batches in a part.
        batch_size: clips in a batch.
        learning_rate: highest learning rate; a cosine brings it down to 0.
        weight_decay: decay of the kernels, times the learning rate.
        label_smoothing: share of the target that is spread over all classes.
        num_frames: frames in a clip.
        crop_size: height and width of the frames.
        frame_differences: give the model differences between frames instead of frames; it is to be
            fine-tuned on the same.
        workers: threads that draw clips.
        seed: of weights and clips.

    Returns:
        The accuracy on clips that it was not trained on.
    """
    output = pathlib.Path(output)
    output.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(seed)

    # Clips
    clips = {"batch_size": batch_size, "num_frames": num_frames, "size": crop_size}
    clips |= {"frame_differences": frame_differences, "num_threads": workers}
    train_data = MotionPrograms(batches_per_epoch, seed=seed, **clips)
    test_data = MotionPrograms(max(1, batches_per_epoch // 5), seed=seed + 1, **clips)

    with optional_picture(output / "motions.png") as picture:
        draw_motions(train_data[0][0][:12], picture)

    # Network
    network = make_network(model, len(CLASS_NAMES), width=width)
    schedule = training.warmup_cosine(
        learning_rate, steps=batches_per_epoch * epochs, warmup_steps=batches_per_epoch
    )
    optimizer = training.make_optimizer(
        "adamw", schedule, weight_decay, False, network.trainable_variables
    )
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=label_smoothing)
    network.compile(optimizer, loss, metrics=["accuracy"])

    network.fit(
        train_data,
        epochs=epochs,
        shuffle=False,  # the next batches are drawn in advance
        validation_data=test_data,
        callbacks=[
            keras.callbacks.BackupAndRestore(output / "state"),
            # A run that continues goes on to draw other clips.
            keras.callbacks.LambdaCallback(on_epoch_begin=train_data.start_epoch),
            keras.callbacks.CSVLogger(output / "history.csv", append=True),
        ],
    )
    # In 16 bits: a start for training needs no more, and the file is half as large.
    keras.config.set_dtype_policy("float16")
    small = make_network(model, len(CLASS_NAMES), width=width)
    small.set_weights(network.get_weights())
    with write_whole(output / "motion.weights.h5") as path:
        small.save_weights(path)
    _, accuracy = network.evaluate(test_data, verbose=0)
    with optional_picture(output / "curves.png") as picture:
        plot_curves(read_history(output / "history.csv"), picture)
    print(f"accuracy {accuracy:.3f}; weights in {output / 'motion.weights.h5'}")
    return accuracy


def read_history(path):
    """Returns the lists of numbers that Keras's CSVLogger wrote, with epochs from 1."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    history = {name: [float(row[name]) for row in rows] for name in rows[0]}
    return history | {"epoch": [epoch + 1 for epoch in history["epoch"]]}


def draw_motions(clips, path):
    """Draws every second frame of a few clips, a clip in a row."""
    from matplotlib.image import imsave

    rows = [np.concatenate(list(clip[::2]), axis=1) for clip in clips]
    with write_whole(path) as temporary:
        imsave(temporary, np.concatenate(rows), format="png")


if __name__ == "__main__":
    cpu.keep_freed_memory()
    tyro.cli(main)

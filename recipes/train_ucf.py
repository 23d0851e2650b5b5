"""Trains on UCF101, or without `--data` on small videos that it draws itself.

    python recipes/train_ucf.py
    python recipes/train_ucf.py --data UCF-101 --split 1

The first line draws videos of moving shapes, whose classes differ by the motion alone, into Keras's
cache folder (`~/.keras/datasets`). A run that was stopped continues with the same command and
`--resume`. `train.py` has more data sets and options.
"""

import os
import pathlib
from typing import Literal

import keras
import tyro

from keras_ctsep import cpu, training
from keras_ctsep.data import (
    Augmentation,
    ClipFormat,
    VideoDataset,
    make_motion_dataset,
    read_videos,
)
from keras_ctsep.models import make_network

# What fits the drawn videos, and what fits UCF101. Left and right are classes of the first.
DRAWN = {
    "model": "CTSepResNet10",
    "width": 0.25,
    "epochs": 18,
    "batch_size": 8,
    "learning_rate": 6e-3,
    "crop_size": 32,
    "flip": False,
}
UCF101 = {
    "model": "CTSepResNet18",
    "width": 1.0,
    "epochs": 45,
    "batch_size": 16,
    "learning_rate": 1e-3,
    "crop_size": 112,
    "flip": True,
}


@training.restored_global_state()
def main(
    *,
    data: str | None = None,
    split: int = 1,
    annotations: str | None = None,
    output: str | None = None,
    resume: bool = False,
    model: str | None = None,
    width: float | None = None,
    temporal: Literal["full", "depthwise"] | None = None,
    weights: str | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    num_frames: int = 16,
    crop_size: int | None = None,
    seed: int = 0,
):
    """Trains on UCF101, or without --data on videos that it draws, with smaller settings.

    Args:
        data: folder of UCF101, or of videos in its layout.
        split: which of the three splits.
        annotations: folder of the split files, if not in or beside the data.
        output: folder of the run, runs/train_ucf or the next free one if not given.
        resume: go on with the run in the output folder, the last one if none is given.
        model: name of a network in `keras_ctsep.models`; CTSepResNet18, or 10 for drawn videos.
        width: factor on the number of filters; 1, or 0.25 for drawn videos.
        temporal: temporal factor of a CTSepResNet's convolutions, full if not given.
        weights: file of weights to start from.
        epochs: passes over the training videos; 45, or 18 for drawn videos.
        batch_size: clips in a batch; 16, or 8 for drawn videos.
        learning_rate: highest learning rate; 1e-3, or 6e-3 for drawn videos.
        num_frames: frames in a clip.
        crop_size: side of the square that the model sees; 112, or 32 for drawn videos.
        seed: of weights, order and augmentation.

    Returns:
        The results, as from `keras_ctsep.training.fit_and_test`.
    """
    output = training.choose_run_folder(output, "runs/train_ucf", resume)
    given = {
        "model": model,
        "width": width,
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "crop_size": crop_size,
    }
    settings = UCF101 if data else DRAWN
    settings = settings | {name: value for name, value in given.items() if value is not None}
    keras.utils.set_random_seed(seed)

    # Videos
    if data is None:
        cache = pathlib.Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "datasets"
        data = str(make_motion_dataset(cache / "keras_ctsep_motion"))
    source = {"dataset": "ucf101", "data": data, "split": split, "annotations": annotations}
    train_videos, test_videos = (
        read_videos("ucf101", data, subset, split, annotations) for subset in ("train", "test")
    )

    # Clips
    crop_size = settings["crop_size"]
    clips = ClipFormat(num_frames=num_frames, short_side=crop_size * 8 // 7, crop_size=crop_size)
    batches = {"batch_size": settings["batch_size"], "clips": clips, "seed": seed}
    augment = Augmentation(flip=settings["flip"])
    train_data = VideoDataset(train_videos, augment=augment, **batches)
    validation_data = VideoDataset(test_videos, **batches)
    test_data = VideoDataset(test_videos, num_clips=10, **batches)

    # Network
    options = {"width": settings["width"], "temporal": temporal, "weights": weights}
    network = make_network(settings["model"], len(train_videos.class_names), **options)

    # Optimizer and loss. The learning rate rises for an epoch, then falls.
    steps = len(train_data) * settings["epochs"]
    warmup_steps = min(len(train_data), steps // 2)
    schedule = training.warmup_cosine(settings["learning_rate"], steps, warmup_steps)
    variables = network.trainable_variables
    optimizer = training.make_optimizer("adamw", schedule, 0.05, ema=False, variables=variables)
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)

    return training.fit_and_test(
        network,
        train_data,
        validation_data,
        test_data,
        optimizer=optimizer,
        loss=loss,
        epochs=settings["epochs"],
        output=output,
        settings=settings | source | clips.to_dict() | options | {"seed": seed},
        resume=resume,
    )


if __name__ == "__main__":
    cpu.keep_freed_memory()
    tyro.cli(main)

"""Trains a video classifier on any of the known data sets.

    python recipes/train.py --dataset hmdb51 --data HMDB51 --split 1
    python recipes/train.py --dataset folder --data my_videos --model R2Plus1D18 --epochs 100
    python recipes/train.py --dataset csv --data lists --fps 15 --no-flip

A run that was stopped continues with the same command and `--resume`. To be read first:
`train_ucf.py`, which is shorter.
"""

from typing import Literal

import keras
import tyro

from keras_ctsep import cpu, training
from keras_ctsep.data import (
    Augmentation,
    AugmentedBatches,
    ClipFormat,
    VideoDataset,
    hold_out,
    read_sides,
)
from keras_ctsep.layers import clip_augmentation
from keras_ctsep.models import make_network


@training.restored_global_state()
def main(
    *,
    dataset: Literal["ucf101", "hmdb51", "kinetics", "ssv2", "folder", "csv"],
    data: str,
    split: int = 1,
    annotations: str | None = None,
    validation_fraction: float = 0.0,
    output: str | None = None,
    resume: bool = False,
    model: str = "CTSepResNet18",
    width: float = 1.0,
    temporal: Literal["full", "depthwise"] | None = None,
    causal: bool = False,
    weights: str | None = None,
    dropout: float = 0.0,
    epochs: int = 45,
    batch_size: int = 16,
    optimizer: Literal["adamw", "sgd"] = "adamw",
    learning_rate: float = 1e-3,
    weight_decay: float = 0.05,
    warmup_epochs: float = 1.0,
    label_smoothing: float = 0.1,
    ema: bool = False,
    num_frames: int = 16,
    frame_stride: int = 1,
    fps: float | None = None,
    short_side: int | None = None,
    crop_size: int = 112,
    frame_differences: bool = False,
    shuffle_frames: bool = False,
    crop_scale: float = 0.5,
    flip: bool = True,
    color_jitter: float = 0.4,
    balance: bool = False,
    rand_augment: float = 0.0,
    erasing: float = 0.0,
    mixup: float = 0.0,
    cutmix: float = 0.0,
    mixed_precision: Literal["mixed_bfloat16", "mixed_float16"] | None = None,
    precise_norms: int = 200,
    distribute: bool = False,
    workers: int = 2,
    cache: str | None = None,
    strict: bool = False,
    seed: int = 0,
):
    """Trains a video classifier; the folder of the run gets models, history and pictures.

    Args:
        dataset: how the videos are labelled; csv reads train.csv and test.csv in the data folder.
        data: folder of the videos.
        split: which split of UCF101 or HMDB51, or the seed of one for a folder.
        annotations: folder or file of the lists, if not in or beside the data.
        validation_fraction: share of the training videos, in whole groups, that is held out to
            choose best.keras. Without it a side val of the data does so; where there is none, there
            is no best.keras, and the test videos make the curve.
        output: folder of the run, runs/train or the next free one if not given.
        resume: go on with the run in the output folder, the last one if none is given.
        model: name of a network in `keras_ctsep.models`.
        width: factor on the number of filters.
        temporal: temporal factor of a CTSepResNet's convolutions, full if not given.
        causal: a residual network that looks at no later frame, for video as it comes.
        weights: file of weights to start from.
        dropout: rate before the classifier.
        epochs: passes over the training videos.
        batch_size: clips in a batch.
        optimizer: adamw, or sgd with Nesterov momentum 0.9.
        learning_rate: highest learning rate; a cosine brings it down to 0.
        weight_decay: decay of the kernels, times the learning rate; biases and norms have none.
        warmup_epochs: epochs in which the learning rate rises from 0.
        label_smoothing: share of the target that is spread over all classes.
        ema: average the weights over the steps and use the average.
        num_frames: frames in a clip.
        frame_stride: distance between the frames of a clip, in frames of the video.
        fps: frames a second of a clip, instead of frame_stride.
        short_side: shorter side of the frames before the crop, 8/7 of the crop if not given.
        crop_size: side of the square that the model sees.
        frame_differences: give the model differences between frames instead of frames.
        shuffle_frames: shuffle the frames of every clip, to see what their order is worth.
        crop_scale: smallest part of a frame's area that a training crop has.
        flip: mirror half of the training clips; not where left and right are classes.
        color_jitter: largest change of colours of a training clip; 0 where colours are classes.
        balance: draw every class equally often in training.
        rand_augment: average number of changes of colour and geometry to a training clip.
        erasing: probability that a box of a training clip is covered.
        mixup: parameter of the Beta distribution for mixing pairs of clips; 0 for none.
        cutmix: the same for putting a box of one clip into another.
        mixed_precision: compute in 16 bits.
        precise_norms: training clips over which the statistics of batch norms are computed again
            before each validation; 0 keeps moving averages.
        distribute: train on all devices, see `keras_ctsep.training.distribution`.
        workers: threads that read videos.
        cache: folder to keep decoded frames in.
        strict: stop at the first video that cannot be read.
        seed: of weights, dropout, order and augmentation.

    Returns:
        The results, as from `keras_ctsep.training.fit_and_test`.
    """
    output = training.choose_run_folder(output, "runs/train", resume)
    local_batch_size, shard = training.distribution.start(distribute, batch_size)
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(mixed_precision or "float32")

    # Videos
    sides = read_sides(dataset, data, split, annotations)
    train_videos, test_videos = sides["train"], sides["test"]
    validation_videos = sides.get("val", test_videos)
    if validation_fraction:
        train_videos, validation_videos = hold_out(train_videos, validation_fraction, seed)

    # Clips
    clips = ClipFormat(
        num_frames=num_frames,
        frame_stride=frame_stride,
        fps=fps,
        short_side=short_side or crop_size * 8 // 7,
        crop_size=crop_size,
        frame_differences=frame_differences,
        shuffle_frames=shuffle_frames,
    )
    augment = Augmentation((crop_scale, 1.0), flip, color_jitter)
    mixing = {"num_ops": rand_augment, "erasing": erasing, "mixup": mixup, "cutmix": cutmix}
    reading = {"num_threads": workers, "seed": seed, "strict": strict, "cache": cache}
    batches = {"batch_size": local_batch_size, "shard": shard, "clips": clips, **reading}
    train_data = VideoDataset(train_videos, augment=augment, balance=balance, **batches)
    validation_data = VideoDataset(validation_videos, **batches)
    test_data = VideoDataset(test_videos, num_clips=10, **batches)
    steps_per_epoch = len(train_data)
    if any(mixing.values()):
        train_data = AugmentedBatches(train_data, clip_augmentation(**mixing, seed=seed), seed)

    # Network
    options = {"width": width, "temporal": temporal, "dropout": dropout, "weights": weights}
    if causal:
        options["causal"] = True
    network = make_network(model, len(train_videos.class_names), **options)

    # Optimizer and loss
    schedule = training.warmup_cosine(
        learning_rate,
        steps=steps_per_epoch * epochs,
        warmup_steps=round(steps_per_epoch * min(warmup_epochs, epochs / 2)),
    )
    variables = network.trainable_variables
    adam_or_sgd = training.make_optimizer(optimizer, schedule, weight_decay, ema, variables)
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=label_smoothing)

    settings = {
        "dataset": dataset,
        "data": data,
        "split": split,
        "annotations": annotations,
        "validation_fraction": validation_fraction,
        "batch_size": batch_size,
        "crop_scale": crop_scale,
        "flip": flip,
        "color_jitter": color_jitter,
        "balance": balance,
        "model": model,
        "optimizer": optimizer,
        "learning_rate": learning_rate,
        "weight_decay": weight_decay,
        "warmup_epochs": warmup_epochs,
        "label_smoothing": label_smoothing,
        "ema": ema,
        "mixed_precision": mixed_precision,
        "distribute": distribute,
    }
    return training.fit_and_test(
        network,
        train_data,
        validation_data,
        test_data,
        optimizer=adam_or_sgd,
        loss=loss,
        epochs=epochs,
        output=output,
        settings=settings | clips.to_dict() | reading | mixing | options,
        resume=resume,
        precise_norms=precise_norms,
    )


if __name__ == "__main__":
    cpu.keep_freed_memory()
    tyro.cli(main)

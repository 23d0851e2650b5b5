"""One training run, from lists of videos to a folder with the trained model."""

import contextlib
import functools
import pathlib
import sys
import time
from typing import Literal

import keras

from keras_ctsep.data import AugmentedBatches, VideoDataset, hold_out
from keras_ctsep.evaluation import confusion_matrix, score_views, top_k_accuracy
from keras_ctsep.inference import view_arguments
from keras_ctsep.layers import clip_augmentation
from keras_ctsep.models import make_network
from keras_ctsep.plots import plot_confusion_matrix
from keras_ctsep.training import distribution
from keras_ctsep.training.checkpoint import Checkpoint
from keras_ctsep.training.optimization import make_optimizer, warmup_cosine
from keras_ctsep.training.run_folder import write_run
from keras_ctsep.training.signals import StopOnSignal

NUM_TEST_CLIPS = 10


@contextlib.contextmanager
def _restored_dtype_policy():
    before = keras.config.dtype_policy()
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@_restored_dtype_policy()
def train(
    train_videos,
    test_videos,
    source,
    *,
    output: str,
    model: str = "CTSepResNet18",
    width: float = 1.0,
    temporal: Literal["full", "depthwise"] = None,
    weights: str = None,
    dropout: float = 0.0,
    epochs: int = 45,
    validation_fraction: float = 0.0,
    batch_size: int = 16,
    optimizer: Literal["adamw", "sgd"] = "adamw",
    learning_rate: float = 1e-3,
    weight_decay: float = 0.05,
    warmup_epochs: float = 1.0,
    label_smoothing: float = 0.1,
    ema: bool = False,
    num_frames: int = 16,
    frame_stride: int = 1,
    fps: float = None,
    short_side: int = None,
    crop_size: int = 112,
    crop_scale: float = 0.5,
    flip: bool = True,
    frame_differences: bool = False,
    shuffle_frames: bool = False,
    rand_augment: float = 0.0,
    erasing: float = 0.0,
    mixup: float = 0.0,
    cutmix: float = 0.0,
    mixed_precision: Literal["mixed_bfloat16", "mixed_float16"] = None,
    distribute: bool = False,
    workers: int = 2,
    cache: str = None,
    strict: bool = False,
    seed: int = 0,
    resume: bool = False,
):
    """Trains a model on videos, keeps the run in a folder, and tests it.

    Into the folder go `last.keras`, with videos held out `best.keras`, `history.csv`, `curves.png`,
    `confusion_matrix.png`, `classes.txt`, `settings.json`, and `state.npz` to resume from.

    Args:
        train_videos: `keras_ctsep.data.Annotations`.
        test_videos: `keras_ctsep.data.Annotations` with the same classes.
        source: dict that says where the videos come from, for `settings.json`.
        output: folder of the run.
        model: name of a network in `keras_ctsep.models`.
        width: factor on the number of filters.
        temporal: temporal factor of a CTSepResNet's convolutions, full if not given.
        weights: file of weights to start from.
        dropout: rate before the classifier.
        epochs: passes over the training videos.
        validation_fraction: share of the training videos, in whole groups, that is held out to
            choose best.keras. Without it there is none, and the test videos make the curve.
        batch_size: clips in a batch.
        optimizer: adamw, or sgd with Nesterov momentum 0.9.
        learning_rate: highest learning rate; a cosine brings it down to 0.
        weight_decay: decay of the kernels, times the learning rate; biases and norms have none.
        warmup_epochs: epochs in which the learning rate rises from 0.
        label_smoothing: share of the target that is spread over all classes.
        ema: average the weights over the steps and use the average.
        num_frames: frames in a clip.
        frame_stride: distance between the frames of a clip, in frames of the video.
        fps: frames a second of a clip, in place of frame_stride.
        short_side: shorter side of the frames before the crop, 8/7 of the crop if not given.
        crop_size: side of the square that the model sees.
        crop_scale: smallest part of a frame's area that a training crop has.
        flip: mirror half of the training clips; not where left and right are classes.
        frame_differences: give the model differences between frames in place of frames.
        shuffle_frames: shuffle the frames of every clip, to see what their order is worth.
        rand_augment: average number of changes of colour and geometry to a training clip.
        erasing: probability that a box of a training clip is covered.
        mixup: parameter of the Beta distribution for mixing pairs of clips; 0 for none.
        cutmix: the same for putting a box of one clip into another.
        mixed_precision: compute in 16 bits.
        distribute: train on all devices, see `keras_ctsep.training.distribution`.
        workers: threads that read videos.
        cache: folder to keep decoded frames in.
        strict: stop at the first video that cannot be read.
        seed: of weights, dropout, order and augmentation.
        resume: go on with the run in the folder, from where a signal stopped it or else from the
            end of its last epoch.

    Returns:
        Dict of `clip_accuracy`, `video_accuracy` (10 clips), `parameters` and `seconds`.

    Raises:
        OSError: when the folder cannot be written.
        ValueError: for arguments out of range or that differ from those of the run to resume.
    """
    arguments = dict(locals())
    start = time.monotonic()
    del arguments["train_videos"], arguments["test_videos"], arguments["source"]
    if epochs < 1:
        raise ValueError(f"Expected one epoch or more. Received: epochs={epochs}")
    if not 0 <= label_smoothing < 1:
        raise ValueError(
            "Expected label smoothing from 0 to less than 1. "
            f"Received: label_smoothing={label_smoothing}"
        )
    # What chooses among the epochs must not be what they are then measured on.
    validation_videos = test_videos
    if validation_fraction:
        train_videos, validation_videos = hold_out(train_videos, validation_fraction, seed)
    local_batch_size, shard = distribution.start(distribute, batch_size)
    is_first = shard[0] == 0
    if is_first:
        write_run(output, source | arguments, train_videos.class_names)

    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(mixed_precision or "float32")
    view = view_arguments(arguments) | {"batch_size": local_batch_size, "shard": shard}
    train_data = VideoDataset(
        train_videos, augment=True, flip=flip, crop_scale=(crop_scale, 1.0), **view
    )
    validation_data = VideoDataset(validation_videos, **view)
    batches = train_data
    if rand_augment or erasing or mixup or cutmix:
        changes = clip_augmentation(rand_augment, erasing, mixup, cutmix, seed)
        batches = AugmentedBatches(train_data, changes, seed)
    num_classes = len(train_videos.class_names)
    network = make_network(
        model, num_classes, width=width, temporal=temporal, dropout=dropout, weights=weights
    )
    # `network` shares the layers and is never compiled: what is saved opens on every backend.
    trained = keras.Model(network.inputs, network.outputs)
    steps = len(train_data) * epochs
    warmup_steps = round(len(train_data) * min(warmup_epochs, epochs / 2))
    schedule = warmup_cosine(learning_rate, steps, warmup_steps)
    trained.compile(
        make_optimizer(optimizer, schedule, weight_decay, ema, trained.trainable_variables),
        keras.losses.CategoricalCrossentropy(label_smoothing=label_smoothing),
        weighted_metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
    )
    say = print if is_first else (lambda *words: None)
    held_out = f"{len(validation_videos)} to choose by, " if validation_fraction else ""
    say(
        f"{model}, {network.count_params():,} parameters, on {keras.backend.backend()}: "
        f"{len(train_videos)} videos to train on, {held_out}{len(test_videos)} to test on, "
        f"{num_classes} classes. Writes to {output}"
    )
    keep_best = validation_fraction > 0
    checkpoint = Checkpoint(output, network, train_data, writes=is_first, keep_best=keep_best)
    checkpoint.start(trained, resume)
    start -= sum(row["seconds"] for row in checkpoint.history)
    message = f"The run is saved in {output}; --resume goes on."
    with StopOnSignal(checkpoint, message, shard) as stop:
        for first_epoch, last_epoch in checkpoint.parts(epochs):
            trained.fit(
                batches,
                validation_data=validation_data,
                epochs=last_epoch,
                initial_epoch=first_epoch,
                shuffle=False,  # the data set shuffles videos; this would be the order of batches
                verbose="auto" if is_first else 0,
                callbacks=[
                    *distribution.callbacks(train_data, validation_data, shard),
                    checkpoint,
                    stop,
                    keras.callbacks.TerminateOnNaN(raise_error=True),
                ],
            )
        test_data = VideoDataset(test_videos, num_clips=NUM_TEST_CLIPS, **view)
        trained = distribution.local_copy(trained, shard)
        result = _test(trained, test_data, output if is_first else None, [stop])
    if distribute:
        distribution.stop()
    _report_bad_files(train_data, validation_data, test_data)
    result |= {"parameters": network.count_params(), "seconds": time.monotonic() - start}
    say(
        "clip accuracy {clip_accuracy:.3f}, video accuracy {video_accuracy:.3f} ({clips} clips), "
        "{parameters:,} parameters, {seconds:.0f} seconds".format(clips=NUM_TEST_CLIPS, **result)
    )
    return result


def _test(model, data, output, callbacks):
    scores, labels, _ = score_views(
        model, data, callbacks, functools.partial(distribution.gather, shard=data.shard)
    )
    num_views = scores.shape[1]
    of_videos = scores.mean(axis=1)
    if output:
        try:
            plot_confusion_matrix(
                confusion_matrix(of_videos, labels),
                data.annotations.class_names,
                pathlib.Path(output) / "confusion_matrix.png",
            )
        except ModuleNotFoundError as error:  # matplotlib is an extra
            print(f"No confusion_matrix.png: {error}", file=sys.stderr)
    of_clips = scores.reshape(-1, scores.shape[2])
    return {
        "clip_accuracy": top_k_accuracy(of_clips, labels.repeat(num_views)),
        "video_accuracy": top_k_accuracy(of_videos, labels),
    }


def _report_bad_files(*datasets):
    for data in datasets:
        if data.bad_files or data.short_files:
            print(data.summary())

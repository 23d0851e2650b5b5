"""One training run: fit a network, keep the run in a folder, and test it."""

import functools
import json
import pathlib
import time

import keras

from keras_ctsep.data import AugmentedBatches
from keras_ctsep.evaluation import (
    balanced_accuracy,
    confusion_matrix,
    score_views,
    top_k_accuracy,
)
from keras_ctsep.files import write_whole
from keras_ctsep.plots import optional_picture, plot_confusion_matrix
from keras_ctsep.training import distribution
from keras_ctsep.training.checkpoint import Checkpoint
from keras_ctsep.training.precise_norms import PreciseNorms
from keras_ctsep.training.run_folder import write_run
from keras_ctsep.training.signals import StopOnSignal


def fit_and_test(
    network,
    train_data,
    validation_data,
    test_data,
    *,
    optimizer,
    loss,
    epochs,
    output,
    settings=None,
    resume=False,
    precise_norms=0,
    callbacks=(),
):
    """Fits a network to videos, keeps the run in a folder, and tests it.

    Into the folder go `last.keras`, `history.csv`, `curves.png`, `confusion_matrix.png`,
    `classes.txt`, `settings.json`, `results.json`, and `state.npz` to resume from. `best.keras` is
    added where no validation video is a test video: what is chosen must not be measured on what
    chose it.

    Losses and accuracies are means over the clips that count: those that only fill a last batch
    have weight 0.

    Args:
        network: Keras model from clips to scores of the classes, not compiled.
        train_data: a `keras_ctsep.data.VideoDataset` that augments, or `AugmentedBatches` of it.
        validation_data: a `VideoDataset` that is evaluated after each epoch.
        test_data: a `VideoDataset` that the network is measured on at the end, usually with several
            clips of each video.
        optimizer: a `keras.optimizers.Optimizer`.
        loss: a `keras.losses.Loss`.
        epochs: passes over the training videos.
        output: folder of the run.
        settings: dict of what else the run depends on, for `settings.json`. A run is only resumed
            with the same settings.
        resume: whether to go on with the run in the folder, from where a signal stopped it or else
            from the end of its last epoch.
        precise_norms: number of training clips over which the statistics of batch norms are
            computed again before each validation, see `PreciseNorms`; 0 keeps moving averages.
        callbacks: Keras callbacks for `fit`, which come after those of this package.

    Returns:
        Dict of `clip_accuracy`, `video_accuracy`, `balanced_accuracy` (of videos), `parameters` and
        `seconds`; `results.json` holds it too.

    Raises:
        OSError: when the folder cannot be written.
        ValueError: for arguments out of range or that differ from those of the run to resume.
    """
    start = time.monotonic()
    if epochs < 1 or precise_norms < 0:
        raise ValueError(
            "Expected one epoch or more, and precise_norms from 0. "
            f"Received: epochs={epochs}, precise_norms={precise_norms}"
        )
    videos = train_data.dataset if isinstance(train_data, AugmentedBatches) else train_data
    shard = videos.shard
    is_first = shard[0] == 0
    say = print if is_first else (lambda *words: None)
    if is_first:
        what = {"epochs": epochs, "precise_norms": precise_norms}
        what |= _count_videos(videos, validation_data, test_data)
        write_run(output, (settings or {}) | what, videos.annotations.class_names, resume)
    say(f"{_first_line(network, videos, validation_data, test_data)}. Writes to {output}")
    trained = compiled(network, optimizer, loss)
    keep_best = _share_nothing(validation_data, test_data)
    checkpoint = Checkpoint(output, network, videos, writes=is_first, keep_best=keep_best)
    if checkpoint.start(trained, resume):
        say(f"Goes on after {len(checkpoint.history)} of {epochs} epochs.")
    elif resume:
        say(f"No run in {output} yet: starts from the beginning.")
    start -= sum(row["seconds"] for row in checkpoint.history)
    norms = [PreciseNorms(train_data, precise_norms)] if precise_norms else []
    not_a_number = keras.callbacks.TerminateOnNaN(raise_error=True)
    equal = distribution.callbacks(videos, validation_data, shard)
    with StopOnSignal(checkpoint, f"The run is in {output}; --resume continues it.", shard) as stop:
        checkpoint.fit(
            trained,
            train_data,
            epochs,
            validation_data=validation_data,
            verbose="auto" if is_first else 0,
            callbacks=[*equal, checkpoint, *norms, stop, not_a_number, *callbacks],
        )
        trained = distribution.local_copy(trained, shard)
        result = _test(trained, test_data, output if is_first else None, [stop])
    _report_bad_files(videos, validation_data, test_data)
    result |= {"parameters": network.count_params(), "seconds": time.monotonic() - start}
    if is_first:
        with write_whole(pathlib.Path(output) / "results.json") as temporary:
            temporary.write_text(json.dumps(result, indent=2) + "\n")
    say(_last_line(result, test_data))
    return result


def _first_line(network, train_data, validation_data, test_data):
    return (
        f"{network.name}, {network.count_params():,} parameters, on {keras.backend.backend()}: "
        f"{train_data.num_videos} videos to train on, {validation_data.num_videos} to validate, "
        f"{test_data.num_videos} to test on, {len(train_data.annotations.class_names)} classes"
    )


def _last_line(result, test_data):
    clips = test_data.num_views // test_data.num_videos
    return (
        "clip accuracy {clip_accuracy:.3f}, video accuracy {video_accuracy:.3f} ({clips} clips), "
        "{parameters:,} parameters, {seconds:.0f} seconds".format(clips=clips, **result)
    )


def compiled(network, optimizer, loss):
    """Returns a compiled model of the same layers that reports means over the clips that count."""
    # `network` shares the layers and is never compiled: what is saved opens on every backend.
    trained = keras.Model(network.inputs, network.outputs)
    # Keras's own "loss" divides the sum of a batch by all its rows, with weight 0 or not. That is
    # right for the gradient: every clip of an epoch counts the same, and processes average what
    # they have. As a report it is too small, so that a metric of this name takes its place.
    mean_loss = keras.metrics.MeanMetricWrapper(loss.call, name="loss")
    accuracy = keras.metrics.CategoricalAccuracy(name="accuracy")
    trained.compile(optimizer, loss, weighted_metrics=[mean_loss, accuracy])
    return trained


def _share_nothing(data, other):
    return set(data.annotations.paths).isdisjoint(other.annotations.paths)


def _count_videos(train_data, validation_data, test_data):
    return {
        "num_train_videos": train_data.num_videos,
        "num_validation_videos": validation_data.num_videos,
        "num_test_videos": test_data.num_videos,
    }


def _test(model, data, output, callbacks):
    scores, labels, _ = score_views(
        model, data, callbacks, functools.partial(distribution.gather, shard=data.shard)
    )
    num_views = scores.shape[1]
    of_videos = scores.mean(axis=1)
    if output:
        with optional_picture(pathlib.Path(output) / "confusion_matrix.png") as picture:
            matrix = confusion_matrix(of_videos, labels)
            plot_confusion_matrix(matrix, data.annotations.class_names, picture)
    of_clips = scores.reshape(-1, scores.shape[2])
    return {
        "clip_accuracy": top_k_accuracy(of_clips, labels.repeat(num_views)),
        "video_accuracy": top_k_accuracy(of_videos, labels),
        "balanced_accuracy": balanced_accuracy(of_videos, labels),
    }


def _report_bad_files(*datasets):
    for data in datasets:
        if data.bad_files or data.short_files:
            print(data.summary())

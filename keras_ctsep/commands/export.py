"""Writes a model as a file for another runtime."""

import os
import pathlib
import time
from typing import Literal

import numpy as np

from keras_ctsep import evaluation
from keras_ctsep.commands.labelled_videos import (
    OF_RUN,
    VideoOptions,
    choose_videos,
    read_labelled,
)
from keras_ctsep.commands.options import AS_SAVED, ClipOptions, open_classifier, path_after
from keras_ctsep.data import Annotations
from keras_ctsep.export import export
from keras_ctsep.export.exporting import check_target
from keras_ctsep.inference import VideoClassifier
from keras_ctsep.inference.exported import RUNTIMES

# Ranges of activations hardly change after some dozens of clips.
CALIBRATION_CLIPS = 128
# As the command `evaluate`, so that both find the same accuracy.
CLIPS_PER_VIDEO = 10


def main(
    *,
    model: str,
    format: Literal["onnx", "litert", "saved_model", "openvino", "torch"],
    output: str | None = None,
    weights: str | None = None,
    class_names: str | None = None,
    int8: bool = False,
    stream_frames: int | None = None,
    videos: VideoOptions = OF_RUN,
    workers: int = 2,
    clips: ClipOptions = AS_SAVED,
):
    """Writes a model as a file for another runtime.

    The file is kept only if that runtime returns the scores of Keras. It has the names of the
    classes and the way clips are cut inside: the commands predict and evaluate take it.

    Args:
        model: .keras file that training wrote, or its address; with --weights the name of a
            network.
        format: what to write.
        output: file to write, or for saved_model the folder; if not given, one beside the model
            that is called after it.
        weights: name of published weights, such as kinetics400, or a file or address of weights
            for that network.
        class_names: text file with the name of a class in each line, instead of the names that
            the file of the model has.
        int8: whether onnx and litert compute in 8-bit integers, with ranges from training videos.
            Accuracy, size and time before and after are then measured on the test videos.
        stream_frames: frames at a time of a causal model, 8 for CTSepResNet18: the file is then the
            streaming network, which carries states from step to step, for the command watch.
        videos: for int8: the videos of the run, from the settings.json beside the model, where no
            others are given.
        workers: threads that read videos.
        clips: how clips are cut.

    Returns:
        The exit code, 0.

    Raises:
        ModuleNotFoundError: when a package or a backend is missing.
        ValueError: when the model cannot be opened, the file returns other scores, or the videos
            are not found.
    """
    ending = ending_of(format, int8, stream_frames)
    path = pathlib.Path(output or path_after(model, weights, ending))
    check_target(path, format, int8, stream_frames)
    classifier = open_classifier(model, weights, class_names, clips)
    if not int8:
        print_result(path, export(classifier, path, format, stream_frames=stream_frames))
        return 0
    source, *_ = choose_videos(model, videos)
    train, test = (
        read_labelled(source, subset, classifier.class_names) for subset in ("train", "test")
    )
    calibration = read_clips(classifier, train, workers)
    print_result(path, export(classifier, path, format, calibration))
    views = classifier.dataset(test, batch_size=16, num_clips=CLIPS_PER_VIDEO, num_threads=workers)
    rows = [
        (name, *measure(one, views, calibration[:1]), size)
        for name, one, size in (
            (model, classifier, 4 * classifier.model.count_params()),
            (path, VideoClassifier.load(path), file_size(path)),
        )
    ]
    print_rows(rows, len(test))
    return 0


def ending_of(format, int8, stream_frames=None):
    """Returns what the name of a model is followed by in the name of its file.

    Example:
    >>> ending_of("onnx", int8=True), ending_of("saved_model", int8=False)
    ('-int8.onnx', '-saved_model')
    """
    kind = "-stream" * (stream_frames is not None) + "-int8" * int8
    return kind + (RUNTIMES[format].ending or f"-{format}")


def read_clips(classifier, videos, workers):
    """Returns a clip of each of some videos, chosen by chance, as uint8 array."""
    chosen = np.random.default_rng(0).permutation(len(videos))[:CALIBRATION_CLIPS]
    paths = [videos.paths[index] for index in chosen]
    some = Annotations(paths, videos.labels[chosen], videos.class_names)
    batches = classifier.dataset(some, batch_size=16, num_threads=workers)
    clips = [clips[weights > 0] for clips, _, weights in (batches[i] for i in range(len(batches)))]
    clips = np.concatenate(clips)
    if not len(clips):
        raise ValueError(f"Expected training videos. Received: none of {len(paths)} can be read")
    return clips


def measure(classifier, views, clip):
    """Returns the accuracy of videos, and milliseconds per clip."""
    scores, labels, _ = evaluation.score_views(classifier.model, views)
    accuracy = evaluation.top_k_accuracy(scores.mean(axis=1), labels)
    return accuracy, milliseconds(lambda: classifier.model.predict_on_batch(clip))


def milliseconds(function, seconds=2.0):
    """Returns the time of the fastest call, of those that begin within some seconds.

    The others are slowed down by whatever else the machine does.
    """
    function()  # compiles
    times = []
    while sum(times) < seconds:
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return 1000 * min(times)


def file_size(path):
    """Returns the bytes of a file, with the weights beside an OpenVINO file, or of a folder."""
    path = pathlib.Path(path)
    files = [path, *[path.with_suffix(".bin")] * (path.suffix == ".xml"), *path.rglob("*")]
    return sum(file.stat().st_size for file in files if file.is_file())


def print_result(path, difference):
    """Prints what was written."""
    print(f"{path}: the largest difference from Keras is {difference:.1e} of the largest score")


def print_rows(rows, num_videos):
    """Prints accuracy, time and size of each file."""
    print(f"{num_videos} test videos, {CLIPS_PER_VIDEO} clips of each:")
    names = [os.fspath(name) for name, *_ in rows]
    width = max(map(len, names))
    for name, (_, accuracy, time_per_clip, size) in zip(names, rows, strict=True):
        print(
            f"{name:{width}}  video top-1 {accuracy:.3f}  {time_per_clip:8.1f} ms per clip  "
            f"{size / 1e6:8.2f} MB"
        )

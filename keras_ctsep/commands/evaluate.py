"""Measures a saved model on a data set."""

import csv
import json
import pathlib
from typing import Literal

import numpy as np

from keras_ctsep import evaluation
from keras_ctsep.commands.labelled_videos import (
    OF_RUN,
    VideoOptions,
    choose_videos,
    read_labelled,
)
from keras_ctsep.commands.options import (
    AS_SAVED,
    ClipOptions,
    named_model,
    open_classifier,
    path_after,
)
from keras_ctsep.files import require_writable, write_whole
from keras_ctsep.plots import optional_picture, plot_confusion_matrix
from keras_ctsep.weights.published import find_published, is_name


def main(
    *,
    model: str | None = None,
    weights: str | None = None,
    videos: VideoOptions = OF_RUN,
    subset: Literal["train", "val", "test", "all"] | None = None,
    class_names: str | None = None,
    num_clips: int | None = None,
    num_crops: Literal[1, 3] | None = None,
    batch_size: int = 16,
    workers: int = 2,
    cache: str | None = None,
    strict: bool = False,
    output: str | None = None,
    clips: ClipOptions = AS_SAVED,
):
    """Measures a saved model: accuracy of clips, of videos and of each class.

    Args:
        model: .keras file that training wrote, its address, or a file that the command export
            wrote; with --weights the name of a network, a small one if not given.
        weights: name of published weights, such as kinetics400, or a file or address of weights.
        videos: what to measure it on: the videos of the run, from the settings.json beside the
            model, where no others are given.
        subset: side of the split. If not given, test for the videos of the run, and all for others.
        class_names: text file with the name of a class in each line, instead of the names that
            the file of the model has.
        num_clips: clips spread over each video; 10 if not given, or as many as the accuracy of
            the named weights was published with.
        num_crops: 1, the centre, or 3 squares along the longer side; 1 if not given, or as many
            as the accuracy of the named weights was published with.
        batch_size: clips in a batch.
        workers: threads that read videos.
        cache: folder to keep decoded frames in.
        strict: stop at the first video that cannot be read.
        output: folder for accuracy.json, per_class.csv, scores.npz and confusion_matrix.png; if
            not given, one beside the model that is called after it, the videos, where they are not
            those of its run, and the subset; in the current folder for weights and addresses.
        clips: how clips are cut.

    Returns:
        The exit code: 1 when a video could not be read, else 0.

    Raises:
        ValueError: when the model cannot be opened, the videos are not found, or have a class that
            the model does not know.
    """
    model, weights = named_model(model, weights)
    if weights and not (videos.dataset and videos.data):
        raise ValueError(
            "Expected --dataset and --data, or a --model beside whose file its run says them. "
            f"Received: dataset={videos.dataset}, data={videos.data}"
        )
    classifier = open_classifier(model, weights, class_names, clips)
    source, subset, is_of_run = choose_videos(model, videos, subset)
    published = find_published(model, weights) if is_name(weights) else None
    usual = (published.num_clips, published.num_crops) if published else (10, 1)
    views = classifier.dataset(
        read_labelled(source, subset, classifier.class_names),
        batch_size=batch_size,
        num_clips=usual[0] if num_clips is None else num_clips,
        num_crops=usual[1] if num_crops is None else num_crops,
        num_threads=workers,
        cache=cache,
        strict=strict,
    )
    ending = f"-{subset}" if is_of_run else f"-{pathlib.Path(source['directory']).name}-{subset}"
    output = pathlib.Path(output or path_after(model, weights, ending))
    require_writable(output)
    scores, labels, paths = evaluation.score_views(classifier.model, views)
    with write_whole(output / "scores.npz") as temporary:
        names = classifier.class_names
        np.savez(temporary, scores=scores, labels=labels, paths=paths, class_names=names)
    matrix = evaluation.confusion_matrix(scores.mean(axis=1), labels)
    result = measure(scores, labels) | source | {"subset": subset, "num_videos": len(labels)}
    write_report(output, classifier.class_names, matrix, result)
    print_report(classifier.class_names, matrix, result, views, output)
    if published:
        print(_published_line(published))
    with optional_picture(output / "confusion_matrix.png") as picture:
        plot_confusion_matrix(matrix, classifier.class_names, picture)
    return int(bool(views.bad_files))


def measure(scores, labels):
    """Returns the accuracies of scores `(num_videos, num_views, num_classes)` as a dict."""
    of_clips, of_videos = scores.reshape(-1, scores.shape[2]), scores.mean(axis=1)
    clip_labels = labels.repeat(scores.shape[1])
    return {
        "clip_top1": evaluation.top_k_accuracy(of_clips, clip_labels, k=1),
        "clip_top5": evaluation.top_k_accuracy(of_clips, clip_labels, k=5),
        "video_top1": evaluation.top_k_accuracy(of_videos, labels, k=1),
        "video_top5": evaluation.top_k_accuracy(of_videos, labels, k=5),
        "video_balanced": evaluation.balanced_accuracy(of_videos, labels),
    }


def write_report(output, class_names, matrix, result):
    """Writes `accuracy.json` and `per_class.csv`; a class without videos has no accuracy."""
    with write_whole(output / "accuracy.json") as temporary:
        temporary.write_text(json.dumps(result, indent=2) + "\n")
    with write_whole(output / "per_class.csv") as temporary:
        with open(temporary, "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
            writer = csv.writer(file)
            writer.writerow(["class", "videos", "accuracy"])
            for name, count, accuracy in _rows(class_names, matrix):
                writer.writerow([name, count, f"{accuracy:.6f}" if count else ""])


def print_report(class_names, matrix, result, views, output):
    """Prints the accuracy of each class that has videos, and of all."""
    width = max(map(len, class_names))
    for name, count, accuracy in _rows(class_names, matrix):
        if count:
            print(f"{name:{width}}  {count:5d} videos  {accuracy:.3f}")
    if views.bad_files:
        print(f"{len(views.bad_files)} videos could not be read:", *views.bad_files, sep="\n  ")
    print(
        "clip top-1 {clip_top1:.3f}, top-5 {clip_top5:.3f}; video top-1 {video_top1:.3f}, top-5 "
        "{video_top5:.3f}, balanced {video_balanced:.3f} ({num_videos} videos of the subset "
        "{subset}, ".format(**result)
        + f"{views.num_clips} x {views.num_crops} views; files in {output})"
    )


def _published_line(row):
    top5 = "" if row.top5 is None else f", top-5 {row.top5:.3f} %"
    views = f"{row.num_clips} x {row.num_crops} views"
    return f"published: {row.level} top-1 {row.top1:.3f} %{top5} ({views})"


def _rows(class_names, matrix):
    accuracies = evaluation.per_class_accuracy(matrix)
    return zip(class_names, matrix.sum(axis=1), accuracies, strict=True)

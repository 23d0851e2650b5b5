"""Measures one model in every runtime beside Keras: accuracy, time and size.

    KERAS_BACKEND=tensorflow python benchmarks/exported.py --model runs/train_ucf/last.keras

Exports the model in each format whose packages are installed, with 8-bit integers too, and prints
the table of `docs/guides/export.md`. Times are of one clip at a time, the fastest of all calls. All
runtimes run in turn in one process.
"""

import functools
import os
import pathlib
import tempfile
import time

import keras
import tyro
from report import processor, versions

from keras_ctsep import evaluation
from keras_ctsep.commands.export import ending_of, file_size, milliseconds, read_clips
from keras_ctsep.commands.labelled_videos import OF_RUN, choose_videos, read_labelled
from keras_ctsep.export import export
from keras_ctsep.export.writers import WRITERS
from keras_ctsep.inference import VideoClassifier
from keras_ctsep.inference.exported import RUNTIMES

PACKAGES = ("keras", "onnxruntime", "ai-edge-litert", "openvino", "tensorflow", "torch")


def main(*, model: str, seconds: float = 5.0, num_clips: int = 10):
    """Prints the table of one model.

    Args:
        model: .keras file in the folder of its run, whose test videos are read.
        seconds: how long each runtime is timed.
        num_clips: clips of each test video.

    Returns:
        A list of tuples: name, accuracy of videos, ms per clip, bytes.
    """
    classifier = VideoClassifier.load(model)
    source, _ = choose_videos(model, OF_RUN)
    train, test = (
        read_labelled(source, subset, classifier.class_names) for subset in ("train", "test")
    )
    views = classifier.dataset(test, batch_size=16, num_clips=num_clips)
    calibration = read_clips(classifier, train, workers=2)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        files = {f"Keras on {keras.backend.backend()}": pathlib.Path(model)}
        files |= write_all(classifier, pathlib.Path(folder), calibration)
        for name, path in files.items():
            opened = VideoClassifier.load(path)
            scores, labels, _ = evaluation.score_views(opened.model, views)
            accuracy = evaluation.top_k_accuracy(scores.mean(axis=1), labels)
            score = functools.partial(opened.model.predict_on_batch, calibration[:1])
            time_per_clip = milliseconds(score, seconds)
            rows.append((name, accuracy, time_per_clip, file_size(path)))
    print(table(rows, classifier, len(test)))
    return rows


def write_all(classifier, folder, calibration):
    """Exports in each format, and returns the files by name; a format that fails is named."""
    files = {}
    for file_format, row in WRITERS.items():
        for clips in (None, calibration) if row.takes_int8 else (None,):
            is_int8 = clips is not None
            path = folder / f"model{ending_of(file_format, is_int8)}"
            try:
                export(classifier, path, file_format, clips)
            except (ModuleNotFoundError, ValueError) as error:
                print(f"{file_format} is left out: {error}")
                continue
            files[RUNTIMES[file_format].title + ", int8" * is_int8] = path
    return files


def table(rows, classifier, num_videos):
    """Returns the table in Markdown, with the machine above it."""
    frames, size, *_ = classifier.clips.shape
    lines = [
        f"{time.strftime('%Y-%m-%d')}, {processor()}, {len(os.sched_getaffinity(0))} cores, "
        f"{versions(*PACKAGES)}; {classifier.model.name}, "
        f"{classifier.model.count_params() / 1e6:.2f} M weights, {num_videos} test videos, "
        f"clips of {frames}x{size}x{size}, one at a time.",
        "",
        "| runtime | video top-1 | ms per clip | MB |",
        "|---|---:|---:|---:|",
    ]
    lines += [
        f"| {name} | {accuracy:.3f} | {milliseconds:.1f} | {size / 1e6:.2f} |"
        for name, accuracy, milliseconds, size in rows
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    tyro.cli(main)

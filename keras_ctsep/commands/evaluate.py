"""Measures a saved model on a data set.

    python -m keras_ctsep.commands.evaluate --model runs/train_ucf/last.keras
    python -m keras_ctsep.commands.evaluate --model runs/ucf/last.keras --num-clips 5 --num-crops 3

The data set and the way to look at it are those of the run, from the `settings.json` beside the
model, unless they are given.
"""

import pathlib
from typing import Literal

import numpy as np

from keras_ctsep import cli, evaluation, inference
from keras_ctsep.data import VideoDataset, read_videos
from keras_ctsep.files import write_whole
from keras_ctsep.plots import plot_confusion_matrix


def main(
    *,
    model: str,
    dataset: Literal["ucf101", "hmdb51", "kinetics", "ssv2", "folder", "csv"] = None,
    data: str = None,
    split: int = None,
    annotations: str = None,
    subset: Literal["train", "test"] = "test",
    num_clips: int = 10,
    num_crops: Literal[1, 3] = 1,
    num_frames: int = None,
    frame_stride: int = None,
    fps: float = None,
    short_side: int = None,
    crop_size: int = None,
    frame_differences: bool = None,
    shuffle_frames: bool = None,
    batch_size: int = None,
    workers: int = None,
    cache: str = None,
    strict: bool = None,
    output: str = None,
):
    """Measures a saved model: accuracy of clips, of videos and of each class.

    Args:
        model: .keras file; what is not given comes from settings.json and classes.txt beside it.
        dataset: how the videos are labelled.
        data: folder of the videos.
        split: which split of UCF101 or HMDB51, or the seed of one for a folder.
        annotations: folder or file of the lists, if not in or beside the data.
        subset: side of the split.
        num_clips: clips spread over each video.
        num_crops: the centre, or three squares along the longer side.
        num_frames: frames in a clip.
        frame_stride: distance between the frames of a clip, in frames of the video.
        fps: frames a second of a clip, in place of frame_stride.
        short_side: shorter side of the frames before the crop.
        crop_size: side of the square that the model sees.
        frame_differences: give the model differences between frames in place of frames.
        shuffle_frames: shuffle the frames of every clip.
        batch_size: clips in a batch.
        workers: threads that read videos.
        cache: folder to keep decoded frames in.
        strict: stop at the first video that cannot be read.
        output: folder for scores.npz, per_class.csv and confusion_matrix.png; if not given, one
            beside the model that is called after it.

    Returns:
        Dict of `clip_top1`, `clip_top5`, `video_top1`, `video_top5`.
    """
    given = dict(locals())
    for name in ("model", "subset", "num_clips", "num_crops", "output"):
        del given[name]
    path = pathlib.Path(model)
    network, arguments, class_names = inference.read_run(path, **given)
    if "dataset" not in arguments or "data" not in arguments:
        raise ValueError(f"No settings.json beside {path}: give --dataset and --data.")
    videos = read_videos(
        arguments["dataset"],
        arguments["data"],
        subset,
        arguments.get("split", 1),
        arguments.get("annotations"),
        class_names,
    )
    if list(videos.class_names) != class_names:
        raise ValueError(
            f"{path} knows {len(class_names)} classes, and the videos have "
            f"{len(videos.class_names)}, or others, or in another order."
        )
    view = {"batch_size": 16} | inference.view_arguments(arguments)
    views = VideoDataset(videos, num_clips=num_clips, num_crops=num_crops, **view)
    scores, labels, paths = evaluation.score_views(network, views)
    output = pathlib.Path(output or path.with_name(f"{path.stem}-{subset}"))
    result = _report(scores, labels, class_names, output)
    with write_whole(output / "scores.npz") as temporary:
        np.savez(temporary, scores=scores, labels=labels, paths=paths, class_names=class_names)
    if views.bad_files:
        print(f"{len(views.bad_files)} videos could not be read:", *views.bad_files, sep="\n  ")
    print(
        "clip top-1 {clip_top1:.3f}, top-5 {clip_top5:.3f}; video top-1 {video_top1:.3f}, top-5 "
        "{video_top5:.3f}".format(**result),
        f"({len(labels)} videos, {num_clips} x {num_crops} views; files in {output})",
    )
    return result


def _report(scores, labels, class_names, output):
    of_clips, of_videos = scores.reshape(-1, scores.shape[2]), scores.mean(axis=1)
    clip_labels = labels.repeat(scores.shape[1])
    matrix = evaluation.confusion_matrix(of_videos, labels)
    plot_confusion_matrix(matrix, class_names, output / "confusion_matrix.png")
    lines = ["class,videos,accuracy"]
    width = max(map(len, class_names))
    for name, count, accuracy in zip(
        class_names, matrix.sum(axis=1), evaluation.per_class_accuracy(matrix), strict=True
    ):
        print(f"{name:{width}}  {count:5d} videos  {accuracy:.3f}")
        lines.append(f'"{name}",{count},{accuracy:.6f}')
    with write_whole(output / "per_class.csv") as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return {
        "clip_top1": evaluation.top_k_accuracy(of_clips, clip_labels, k=1),
        "clip_top5": evaluation.top_k_accuracy(of_clips, clip_labels, k=5),
        "video_top1": evaluation.top_k_accuracy(of_videos, labels, k=1),
        "video_top5": evaluation.top_k_accuracy(of_videos, labels, k=5),
    }


if __name__ == "__main__":
    cli.run(main)

"""Reads a whole data set once, and says what is wrong with it.

    python -m keras_ctsep.commands.check --dataset ucf101 --data UCF-101 --split 1

Lists the files that cannot be used and those that end early, the numbers of frames, rates and
sizes, how many videos each class has, and source videos with clips on both sides of the split.
Every frame is decoded, none converted: 300 videos of 60 frames of 160x120 took 1 s on two cores.
"""

import collections
import concurrent.futures
import csv
import pathlib
from typing import Literal

import keras
import numpy as np
from matplotlib.figure import Figure

from keras_ctsep import cli
from keras_ctsep.data import VideoCheck, VideoError, check_video, group_leaks, read_videos
from keras_ctsep.files import write_whole


def main(
    *,
    data: str,
    dataset: Literal["ucf101", "hmdb51", "kinetics", "ssv2", "folder", "csv"] = "ucf101",
    split: int = 1,
    annotations: str = None,
    workers: int = 2,
    output: str = "check_videos",
):
    """Reads every frame of a data set, and says what is wrong with it.

    Args:
        data: folder of the videos.
        dataset: how the videos are labelled.
        split: which split of UCF101 or HMDB51, or the seed of one for a folder.
        annotations: folder or file of the lists, if not in or beside the data.
        workers: threads that read videos.
        output: folder for report.csv, a line a video, and report.png.

    Returns:
        The exit code: 1 when a file cannot be used, else 0.
    """
    train = read_videos(dataset, data, "train", split, annotations)
    test = read_videos(dataset, data, "test", split, annotations, train.class_names)
    results = check_all(dict.fromkeys(train.paths + test.paths), workers)
    rows = [
        describe(subset, path, videos.class_names[label], results[path])
        for subset, videos in (("train", train), ("test", test))
        for path, label in zip(videos.paths, videos.labels, strict=True)
    ]
    print_report(rows, group_leaks(train, test))
    output = pathlib.Path(output)
    with write_whole(output / "report.csv") as temporary:
        with open(temporary, "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    with write_whole(output / "report.png") as temporary:
        draw_report(rows, train.class_names).savefig(temporary, dpi=150)
    print(f"Files in {output}")
    return int(any(row["state"] == "bad" for row in rows))


def check_all(paths, workers):
    """Gives a dict from path to its `VideoCheck`, or to the `VideoError` that it raised."""

    def check(path):
        try:
            return check_video(path)
        except VideoError as error:
            return error

    results = {}
    progress = keras.utils.Progbar(len(paths), unit_name="video")
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for path, result in zip(paths, pool.map(check, paths), strict=True):
            results[path] = result
            progress.add(1)
    return results


def describe(subset, path, class_name, result):
    """Makes a line of the report."""
    row = {"subset": subset, "class": class_name, "path": path, "state": "good", "problem": ""}
    if isinstance(result, VideoError):
        row |= {"state": "bad", "problem": str(result).removeprefix(f"{path}: ")}
        return row | dict.fromkeys(VideoCheck._fields, "")
    if result.is_short or result.num_damaged:
        row["state"] = "short" if result.is_short else "damaged"
        row["problem"] = (
            f"{result.num_decoded} of {result.num_frames} frames, "
            f"{result.num_damaged} damaged packets"
        )
    return row | result._asdict()


def print_report(rows, leaks):
    """Prints the files with problems, and what the data set is made of."""
    for state in ("bad", "short", "damaged"):
        found = [row for row in rows if row["state"] == state]
        print(f"{state}: {len(found)} of {len(rows)} videos")
        for row in found:
            print(f"  {row['path']}: {row['problem']}")
    usable = [row for row in rows if row["state"] != "bad"]
    if usable:
        low, middle, high = np.percentile([row["num_decoded"] for row in usable], (0, 50, 100))
        print(f"frames: {low:.0f} to {high:.0f}, median {middle:.0f}")
    for name, values in {
        "frames per second": [f"{row['fps']:.4g}" for row in usable],
        "sizes": [f"{row['width']}x{row['height']}" for row in usable],
    }.items():
        common = collections.Counter(values).most_common()
        more = f", and {len(common) - 5} others" if len(common) > 5 else ""
        print(f"{name}:", ", ".join(f"{value} ({n})" for value, n in common[:5]) + more)
    for subset in ("train", "test"):
        counts = collections.Counter(row["class"] for row in rows if row["subset"] == subset)
        (most, n_most), (fewest, n_fewest) = counts.most_common()[0], counts.most_common()[-1]
        print(
            f"{subset}: {counts.total()} videos of {len(counts)} classes, "
            f"from {n_fewest} ({fewest}) to {n_most} ({most})"
        )
    print(f"source videos on both sides of the split: {len(leaks)}")
    for leak in leaks:
        print(f"  {leak}")


def draw_report(rows, class_names):
    """Draws the number of videos of each class, and the lengths of the videos."""
    figure = Figure(figsize=(max(6, 0.16 * len(class_names)), 7), layout="constrained")
    balance, lengths = figure.subplots(2, 1)
    bottom = np.zeros(len(class_names), int)
    for subset, color in (("train", "tab:blue"), ("test", "tab:orange")):
        counts = collections.Counter(row["class"] for row in rows if row["subset"] == subset)
        heights = np.array([counts[name] for name in class_names])
        balance.bar(class_names, heights, bottom=bottom, color=color, label=subset)
        bottom += heights
    balance.tick_params(axis="x", rotation=90, labelsize=9 if len(class_names) <= 30 else 6)
    balance.margins(x=0.01)
    balance.set_ylabel("videos")
    balance.legend()
    lengths.hist([row["num_decoded"] for row in rows if row["state"] != "bad"], bins=50)
    lengths.set_xlabel("frames")
    lengths.set_ylabel("videos")
    return figure


if __name__ == "__main__":
    cli.run(main)

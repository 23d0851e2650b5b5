"""Reads a whole data set once, and says what is wrong with it."""

import collections
import concurrent.futures
import csv
import hashlib
import itertools
import os
import pathlib
from typing import Literal

import keras
import numpy as np

from keras_ctsep.data import VideoCheck, VideoError, check_video, group_leaks, read_sides
from keras_ctsep.files import require_writable, write_whole
from keras_ctsep.plots import optional_picture, plot_data_set


def main(
    *,
    data: str,
    dataset: Literal["ucf101", "hmdb51", "kinetics", "ssv2", "folder", "csv"] = "ucf101",
    split: int = 1,
    annotations: str | None = None,
    workers: int = 2,
    output: str = "check_videos",
):
    """Reads every frame of a data set, and says what is wrong with it.

    Lists the files that cannot be used and those that end early, the numbers of frames, rates and
    sizes, how many videos each class has, source videos with clips on two sides of the split, and
    copies under other names. Every frame is decoded, the first one converted: 300 videos of 60
    frames of 160x120 took 1 s on two cores.

    Args:
        data: folder of the videos.
        dataset: how the videos are labelled.
        split: which split of UCF101 or HMDB51, or the seed of one for a folder.
        annotations: folder or file of the lists, if not in or beside the data.
        workers: threads that read videos.
        output: folder for report.csv, a line a video, and report.png.

    Returns:
        The exit code: 1 when a file cannot be used, or when the sides of the split share source
        videos or copies, else 0.

    Raises:
        ValueError: when there are no videos or lists as described.
    """
    output = pathlib.Path(output)
    require_writable(output)
    sides = read_sides(dataset, data, split, annotations)
    paths = list(dict.fromkeys(path for videos in sides.values() for path in videos.paths))
    results = check_all(paths, workers)
    rows = [
        describe(side, path, videos.class_names[label], results[path])
        for side, videos in sides.items()
        for path, label in zip(videos.paths, videos.labels, strict=True)
    ]
    with write_whole(output / "report.csv") as temporary:
        with open(temporary, "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    pairs = itertools.combinations(sides.values(), 2)
    leaks = sorted({group for pair in pairs for group in group_leaks(*pair)})
    # Downloads that failed are often empty, all alike, and named as bad already.
    copies = find_copies(path for path in paths if not isinstance(results[path], VideoError))
    leaked_copies = [group for group in copies if len(sides_of(group, sides)) > 1]
    print_faults(rows)
    print_contents(rows)
    print_list("source videos on both sides of the split", leaks)
    print_list("copies on both sides of the split", map(" = ".join, leaked_copies))
    print_list(
        "copies on one side", [" = ".join(group) for group in copies if group not in leaked_copies]
    )
    with optional_picture(output / "report.png") as path:
        draw(rows, sides, path)
    print(f"Files in {output}")
    return int(bool(leaks or leaked_copies) or any(row["state"] == "bad" for row in rows))


def check_all(paths, workers):
    """Returns a dict from path to its `VideoCheck`, or to the `VideoError` that it raised."""

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


def describe(side, path, class_name, result):
    """Makes a line of the report."""
    row = {"subset": side, "class": class_name, "path": path, "state": "good", "problem": ""}
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


def find_copies(paths):
    """Returns lists of local files that have the same content, each sorted.

    Only files of one size are read.

    Example:
    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> for name, text in {"a": "jump", "b": "jump", "c": "rest", "d": "runs on"}.items():
    ...     _ = (folder / name).write_text(text)
    >>> [[pathlib.Path(path).name for path in group] for group in find_copies(folder.iterdir())]
    [['a', 'b']]
    """
    groups = [sorted(os.fspath(path) for path in paths if os.path.isfile(path))]
    for key in (os.path.getsize, _digest):
        parts = collections.defaultdict(list)
        for number, group in enumerate(groups):
            for path in group:
                parts[number, key(path)].append(path)
        groups = [group for group in parts.values() if len(group) > 1]
    return groups


def _digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def sides_of(paths, sides):
    """Returns the names of the sides that have any of the paths."""
    return {side for side, videos in sides.items() if not {*paths}.isdisjoint(videos.paths)}


def print_faults(rows):
    """Prints the files with problems."""
    for state in ("bad", "short", "damaged"):
        found = [row for row in rows if row["state"] == state]
        lines = [f"{row['path']}: {row['problem']}" for row in found]
        print_list(state, lines, f" of {len(rows)} videos")


def print_contents(rows):
    """Prints what the data set is made of."""
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
    for side in dict.fromkeys(row["subset"] for row in rows):
        counts = collections.Counter(row["class"] for row in rows if row["subset"] == side)
        (most, n_most), (fewest, n_fewest) = counts.most_common()[0], counts.most_common()[-1]
        print(
            f"{side}: {counts.total()} videos of {len(counts)} classes, "
            f"from {n_fewest} ({fewest}) to {n_most} ({most})"
        )


def print_list(title, lines, more=""):
    """Prints how many lines there are, and the lines."""
    lines = list(lines)
    print(f"{title}: {len(lines)}{more}")
    for line in lines:
        print(f"  {line}")


def draw(rows, sides, path):
    """Draws the number of videos of each class, and the lengths of the videos."""
    class_names = sides["train"].class_names
    counts = {
        side: np.bincount(videos.labels, minlength=len(class_names))
        for side, videos in sides.items()
    }
    lengths = [row["num_decoded"] for row in rows if row["state"] != "bad"]
    plot_data_set(counts, class_names, lengths, path)

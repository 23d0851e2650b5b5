"""The data sets by name, as command lines write them."""

import os
import pathlib
import warnings

import numpy as np

from keras_ctsep.data.annotations.annotations import Annotations
from keras_ctsep.data.annotations.csv_lists import read_csv
from keras_ctsep.data.annotations.folders import find_sides, read_folder
from keras_ctsep.data.annotations.groups import group_leaks
from keras_ctsep.data.annotations.kinetics_ssv2 import read_kinetics, read_ssv2
from keras_ctsep.data.annotations.listing import check_subset
from keras_ctsep.data.annotations.ucf101_hmdb51 import read_hmdb51, read_ucf101


def read_videos(dataset, directory, subset, split=1, annotations=None, class_names=None):
    """Reads one side of a data set.

    Args:
        dataset: `"ucf101"`, `"hmdb51"`, `"kinetics"`, `"ssv2"`, `"folder"` (a folder of videos for
            each class, split by groups, or folders `train` and `test` of such folders) or `"csv"`
            (`train.csv`, `test.csv` and, if there is one, `val.csv` with lines `path,label`).
        directory: folder of the videos; of the two files for `"csv"`.
        subset: `"train"`, `"test"`, `"all"` (every side in one), or `"val"` where the data has
            such a side. The labels of the test sides of Kinetics and Something-Something are
            secret: `"test"` reads the validation videos there.
        split: int, which of the splits of UCF101 or HMDB51; a seed for `"folder"`.
        annotations: folder or file of the lists, if it is not in `directory` or next to it.
        class_names: sequence of str, order of the classes where the data set has none of its own
            (Kinetics, folder, csv), e.g. those of a model; there may be fewer classes than names.

    Returns:
        `keras_ctsep.data.Annotations`.

    Raises:
        ValueError: for another data set or subset, for lists that do not fit the videos, and for
            a video in two of the csv files.

    Example:
    >>> import tempfile
    >>> from keras_ctsep.data import make_motion_dataset, read_videos
    >>> folder = make_motion_dataset(tempfile.mkdtemp() + "/set", num_groups=2, clips_per_group=1)
    >>> len(read_videos("ucf101", folder, "train"))
    8
    """
    check_subset(subset, ("train", "val", "test", "all"))
    if subset == "all" and dataset != "folder":
        return _read_all(dataset, directory, split, annotations, class_names)
    videos = _read_side(dataset, directory, subset, split, annotations, class_names)
    _warn_of_one_class(videos, directory)
    return videos


def _warn_of_one_class(videos, directory):
    if len(videos.class_names) == 1:
        warnings.warn(
            f"{directory}: one class alone, {videos.class_names[0]!r}: a network has nothing to "
            "tell apart, and is right always",
            stacklevel=3,
        )


def read_sides(dataset, directory, split=1, annotations=None, class_names=None):
    """Reads every side of a data set.

    Args:
        dataset, directory, split, annotations, class_names: as for `read_videos`.

    Returns:
        A dict with `Annotations` for `"train"`, `"test"` and, where the data set has such a side
        beside the one for testing, `"val"`. All have the classes of the training side.

    Raises:
        ValueError: as `read_videos`.

    Example:
    >>> import tempfile
    >>> from keras_ctsep.data import make_motion_dataset, read_sides
    >>> folder = make_motion_dataset(tempfile.mkdtemp() + "/set", num_groups=2, clips_per_group=1)
    >>> {side: len(videos) for side, videos in read_sides("ucf101", folder).items()}
    {'train': 8, 'test': 8}
    """
    directory = pathlib.Path(directory)
    has_val = (dataset == "csv" and (directory / "val.csv").exists()) or (
        dataset == "folder" and {"val", "test"} <= find_sides(directory).keys()
    )
    sides = {}
    for subset in ("train", "test", *(["val"] if has_val else [])):
        sides[subset] = _read_side(dataset, directory, subset, split, annotations, class_names)
        class_names = sides["train"].class_names
    _warn_of_one_class(sides["train"], directory)
    return sides


def _read_side(dataset, directory, subset, split, annotations, class_names):
    # Where the labels of the test side are secret, the validation side is what there is to test on.
    open_side = "val" if subset == "test" else subset
    match dataset:
        case "ucf101":
            return read_ucf101(directory, split, subset, annotations)
        case "hmdb51":
            return read_hmdb51(directory, split, subset, annotations)
        case "kinetics":
            return read_kinetics(directory, open_side, annotations, class_names)
        case "ssv2":
            return read_ssv2(directory, open_side, annotations)
        case "folder":
            return read_folder(directory, subset, seed=split, class_names=class_names)
        case "csv":
            return _read_csv_side(pathlib.Path(directory), subset, class_names)
    raise ValueError(
        "Expected the data set ucf101, hmdb51, kinetics, ssv2, folder or csv. "
        f"Received: dataset={dataset!r}"
    )


def _read_all(dataset, directory, split, annotations, class_names):
    sides = read_sides(dataset, directory, split, annotations, class_names).values()
    return Annotations(
        sum((side.paths for side in sides), ()),
        np.concatenate([side.labels for side in sides]),
        next(iter(sides)).class_names,
    )


def _read_csv_side(directory, subset, class_names):
    """Reads one list, and refuses videos that another one has as well."""
    videos = read_csv(directory / f"{subset}.csv", class_names)
    for other in {"train", "val", "test"} - {subset}:
        if not (directory / f"{other}.csv").exists():
            continue
        others = read_csv(directory / f"{other}.csv")
        lists = f"{directory}: {subset}.csv and {other}.csv"
        both = sorted(
            {*map(os.path.normpath, videos.paths)} & {*map(os.path.normpath, others.paths)}
        )
        if both:
            raise ValueError(
                f"{lists}: Expected each video in one of them. "
                f"Received: {len(both)} in both, e.g. {both[0]}"
            )
        if leaks := group_leaks(videos, others):
            warnings.warn(
                f"{lists} have clips of one source video: {len(leaks)} groups, e.g. {leaks[0]}; "
                "what is measured on them is too high",
                stacklevel=4,
            )
    return videos
